//! A mesh of real parts on one machine: a network namespace per pod, the control plane in the one between them.

pub(crate) mod admin;
pub(crate) mod app;
pub(crate) mod bootstrap;
pub(crate) mod client;
pub(crate) mod envoy;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod namespace;
pub(crate) mod node;
pub(crate) mod plane;
pub(crate) mod process;
pub(crate) mod sidecar;
