//! The Tulle sidecar proxy: bytes in, decisions, bytes out.

pub mod capture;
pub mod cluster;
pub mod config;
pub mod drain;
pub mod http;
pub mod listener;
pub mod matcher;
pub mod secret;
pub mod tcp;
pub mod telemetry;
pub mod transport;
pub mod worker;
