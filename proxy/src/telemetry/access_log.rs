//! Access logs: one line per request or connection, written off the request path.

pub(crate) mod connection;
pub mod flags;
pub mod format;
mod json;
pub(crate) mod line;
mod log;
pub(crate) mod number;
mod sink;
pub(crate) mod time;

pub use self::flags::ResponseFlags;
pub use self::format::{Format, InvalidFormat};
pub(crate) use self::log::{Log, Summary};
pub(crate) use self::sink::Outbox;
pub use self::sink::Writer;
