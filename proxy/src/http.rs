//! HTTP: message heads, codecs, and the serving of one connection.

#[allow(dead_code, reason = "the connection manager is the user")]
pub mod codec;
pub mod head;
