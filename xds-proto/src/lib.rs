//! The wire contract of Tulle: what can be seen in a packet capture or a config dump.
