//! The Tulle sidecar proxy: bytes in, decisions, bytes out.

pub mod capture;
pub mod config;
pub mod drain;
pub mod http;
pub mod secret;
pub mod telemetry;
pub mod transport;
pub mod worker;
