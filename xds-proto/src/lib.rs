//! The wire contract of Tulle: what can be seen in a packet capture or a config dump.
//!
//! Both sides of the wire compile against this crate and meet nowhere else. It owns names, identities, node metadata,
//! mesh-wide settings and the Envoy messages; it knows nothing of sockets, stores or decisions.

pub use envoy_types::pb;

pub mod canonical;
mod generated;
pub mod istio;
pub mod mesh;
pub mod name;
pub mod node;
pub mod protobuf_struct;
pub mod resource;
pub mod spiffe;
pub mod typed_struct;
pub mod well_known;

/// Descriptors of every message of this crate, Envoy's and our own, as an encoded `google.protobuf.FileDescriptorSet`.
pub static FILE_DESCRIPTOR_SET: &[u8] = generated::DESCRIPTORS;
