//! What the proxy is told at start: flags, an Envoy bootstrap file or the environment of Istio's injected sidecar.
//! It owns the parsing of these three and refuses to know how any of it is run.

pub mod access_log;
pub mod ads;
pub mod bootstrap;
pub(crate) mod descriptors;
pub(crate) mod discovery_file;
pub mod flags;
pub mod invalid;
pub mod not_honoured;
pub mod origin;
pub mod sidecar;
pub mod source;
pub mod wire;
mod yaml;
