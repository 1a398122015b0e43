//! The Tulle sidecar proxy.
