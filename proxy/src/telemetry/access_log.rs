//! Access logs: one line per request or connection, written off the request path.

pub mod flags;

pub use self::flags::ResponseFlags;
