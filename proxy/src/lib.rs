//! The Tulle sidecar proxy: bytes in, decisions, bytes out.

pub mod config;
