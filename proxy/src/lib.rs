//! The Tulle sidecar proxy: bytes in, decisions, bytes out.

pub mod config;
pub mod http;
pub mod telemetry;
pub mod drain;
pub mod secret;
pub mod transport;
pub mod worker;
