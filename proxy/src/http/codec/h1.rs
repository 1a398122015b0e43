//! HTTP/1, strict: RFC 9112 with one framing per message, and nothing that two readers could take differently.

pub mod chunked;
pub(crate) mod connection;
pub(crate) mod encode;
mod field;
pub mod fuzz;
mod input;
mod output;
mod parse;
pub mod request;
pub mod response;
mod scan;

pub use self::chunked::{ChunkDecoder, Chunked, InvalidChunk};
pub use self::parse::{Framing, HeadLimits, InvalidHead};
pub use self::request::{ParsedRequest, parse_request};
pub use self::response::{ParsedResponse, parse_response};
