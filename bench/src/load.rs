//! The load generator: one thread, any number of connections.
//!
//! Open loop: requests are due at a constant rate whether or not earlier ones are answered, and latency counts from the moment
//! at which a request was due, so that a stall of the proxy shows in every request that it delays. Closed loop: every
//! connection sends as soon as it is answered, which saturates the proxy and says nothing about latency under a given load.

mod client;
mod engine;
mod http1;
mod http2;
pub(crate) mod ping;
mod schedule;
mod tally;
mod tcp;

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use engine::run;
pub(crate) use tally::Outcome;

use crate::exchange::Exchange;

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// As soon as the one before is answered.
    Closed,
    /// So many per second, whatever is answered.
    Open { rate: f64 },
}

/// How long a connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Kept,
    /// A new connection for each exchange; its making is part of the latency.
    OneExchange,
}

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) to: SocketAddr,
    pub(crate) exchange: Exchange,
    pub(crate) connections: usize,
    /// Requests at a time on one connection; 1 but for HTTP/2.
    pub(crate) streams: usize,
    pub(crate) life: Life,
    pub(crate) pace: Pace,
    /// Runs before the window in which is counted.
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

/// An edge of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Begin,
    End,
}
