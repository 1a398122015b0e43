//! What scenarios consist of: paths, exchanges, and how many of them at a time.

use super::{Length, Scenario, Traffic, Work};
use crate::certificate::Key;
use crate::exchange::{Exchange, Heads};
use crate::load::{Life, Pace};
use crate::topology::{Between, Features, Sessions, Topology};

/// The rate of the open loop, requests per second.
const RATE: f64 = 3_000.0;

pub(super) const TLS: Topology = Topology::TwoHopsTls {
    between: Between::Kept,
    sessions: Sessions::Default,
};
pub(super) const TLS_HTTP2: Topology = Topology::TwoHopsTls {
    between: Between::Http2,
    sessions: Sessions::Default,
};
pub(super) const TLS_FULL: Topology = Topology::TwoHopsTls {
    between: Between::Kept,
    sessions: Sessions::Full,
};

pub(super) const HTTP1: Exchange = Exchange::Http1 {
    heads: Heads::Short,
    response: 1024,
};
pub(super) const HTTP1_LONG: Exchange = Exchange::Http1 {
    heads: Heads::Long,
    response: 1024,
};
pub(super) const HTTP1_LARGE: Exchange = Exchange::Http1 {
    heads: Heads::Short,
    response: 64 * 1024,
};
pub(super) const HTTP2: Exchange = Exchange::Http2 { response: 1024 };
pub(super) const ECHO: Exchange = Exchange::Echo { size: 1024 };
pub(super) const GREETING: Exchange = Exchange::Echo { size: 16 };

pub(super) const fn traffic(exchange: Exchange, connections: usize) -> Traffic {
    Traffic {
        exchange,
        connections,
        streams: 1,
        life: Life::Kept,
        pace: Pace::Closed,
    }
}

pub(super) const fn saturated(exchange: Exchange) -> Work {
    Work::Traffic(traffic(exchange, 64))
}

pub(super) const fn single(exchange: Exchange) -> Work {
    Work::Traffic(traffic(exchange, 1))
}

pub(super) const fn paced(exchange: Exchange) -> Work {
    Work::Traffic(Traffic {
        pace: Pace::Open { rate: RATE },
        ..traffic(exchange, 64)
    })
}

pub(super) const fn streams(exchange: Exchange) -> Work {
    Work::Traffic(Traffic {
        streams: 32,
        ..traffic(exchange, 8)
    })
}

pub(super) const fn churn(exchange: Exchange, connections: usize) -> Work {
    Work::Traffic(Traffic {
        life: Life::OneExchange,
        ..traffic(exchange, connections)
    })
}

pub(super) fn scenario(
    name: &'static str,
    topology: Topology,
    work: Work,
    what: &'static str,
) -> Scenario {
    Scenario {
        name,
        what,
        topology,
        key: Key::P256,
        features: &[Features::Metrics],
        work,
        length: Length::Always,
    }
}
