//! The Tulle sidecar proxy: bytes in, decisions, bytes out.

pub mod admin;
mod app;
pub mod capture;
pub mod cluster;
pub mod config;
pub mod decision;
pub mod drain;
mod grpc;
pub mod http;
pub mod identity;
pub mod lifecycle;
pub mod listener;
pub mod logging;
pub mod matcher;
pub mod secret;
mod side_port;
pub mod status;
pub mod tcp;
pub mod telemetry;
pub mod transport;
pub mod worker;
pub mod xds;

pub use app::{VERSION, run};
