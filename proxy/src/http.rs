//! HTTP: message heads, codecs, routes, and the serving of one connection.

#[allow(dead_code, reason = "the connection manager is the user")]
pub mod codec;
pub mod config;
pub mod filter;
pub mod head;
pub mod route;
