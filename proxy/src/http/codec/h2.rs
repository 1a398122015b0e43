//! HTTP/2 by the `h2` crate, driven directly: one stream as a leg of an exchange, and batched writes below it.
//!
//! What an exchange allocates in steady state, and why it stays:
//! * in the crate: the map of each head that is read (two allocations, whose memory serves again for a head that is written),
//!   each value that HPACK's tables do not have, and copies of a request's `:authority` and `:path`;
//! * for each head that is written: one copy of its fields and the count of who holds it (see [`crate::http::head::map`]);
//! * for each piece of an HTTP/1 body: the copy that the crate keeps (see [`super::leg`]).

pub(crate) mod bell;
pub(crate) mod coalesce;
pub(crate) mod head;
pub(crate) mod keepalive;
pub(crate) mod opening;
pub(crate) mod stream;

/// What we offer as receiver, both as server and as client; large enough to keep a long link busy, small enough not to
/// buffer much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Flow-control window of a stream in bytes.
    pub(crate) stream: u32,
    /// Flow-control window of a connection in bytes.
    pub(crate) connection: u32,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            stream: 512 * 1024,
            connection: 8 * 1024 * 1024,
        }
    }
}

/// Bytes that the `h2` crate may hold per stream before its capacity runs out.
pub(crate) const SEND_BUFFER: usize = 256 * 1024;
