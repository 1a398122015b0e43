//! The wire contract of Tulle: what can be seen in a packet capture or a config dump.
//!
//! Both sides of the wire compile against this crate and meet nowhere else. It owns names, identities, node metadata,
//! mesh-wide settings and the Envoy messages; it knows nothing of sockets, stores or decisions.

pub use envoy_types::pb;

pub mod name;
pub mod node;
pub mod protobuf_struct;
pub mod well_known;
