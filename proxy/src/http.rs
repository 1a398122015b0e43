//! HTTP: message heads, codecs, and the serving of one connection.

pub mod head;
