//! The scenarios, as code.

use std::time::Duration;

use crate::certificate::Key;
use crate::exchange::{Exchange, Heads};
use crate::figure::Metric;
use crate::load::{Life, Pace};
use crate::topology::{Between, Features, Sessions, Topology};

/// One line of comparison.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) topology: Topology,
    pub(crate) key: Key,
    /// Every peer runs once with each.
    pub(crate) features: &'static [Features],
    pub(crate) work: Work,
}

/// What is done and counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    Traffic(Traffic),
    /// Memory of proxies that have served one exchange.
    Idle(Exchange),
    /// Time from the start of the process to the first right answer, and memory then, with so many more services of
    /// ten endpoints in the configuration.
    Start {
        exchange: Exchange,
        services: usize,
    },
    /// Memory of connections that have served one exchange each and wait.
    IdleConnections {
        exchange: Exchange,
        count: usize,
    },
}

/// Exchanges for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Traffic {
    pub(crate) exchange: Exchange,
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    pub(crate) life: Life,
    pub(crate) pace: Pace,
}

impl Work {
    /// What is said on the path.
    pub(crate) fn exchange(self) -> Exchange {
        match self {
            Work::Traffic(traffic) => traffic.exchange,
            Work::Idle(exchange)
            | Work::Start { exchange, .. }
            | Work::IdleConnections { exchange, .. } => exchange,
        }
    }

    /// Metrics that count besides the first.
    pub(crate) fn also(self) -> Vec<Metric> {
        match self {
            Work::Traffic(traffic) if traffic.pace != Pace::Closed => {
                vec![Metric::AddedP50, Metric::AddedP99]
            }
            Work::Traffic(traffic) if traffic.exchange == Exchange::Download => {
                vec![Metric::Bandwidth]
            }
            Work::Traffic(traffic) if traffic.connections == 1 => vec![Metric::P50],
            Work::Start { .. } => vec![Metric::Pss],
            Work::Traffic(_) | Work::Idle(_) | Work::IdleConnections { .. } => Vec::new(),
        }
    }

    /// Services in the configuration besides the one that is used.
    pub(crate) fn services(self) -> usize {
        match self {
            Work::Start { services, .. } => services,
            Work::Traffic(_) | Work::Idle(_) | Work::IdleConnections { .. } => 0,
        }
    }
}

/// The rate of the open loop, requests per second.
const RATE: f64 = 3_000.0;
/// How long memory settles before it is read.
pub(crate) const SETTLE: Duration = Duration::from_millis(1_500);

const TLS: Topology = Topology::TwoHopsTls {
    between: Between::Kept,
    sessions: Sessions::Default,
};
const TLS_HTTP2: Topology = Topology::TwoHopsTls {
    between: Between::Http2,
    sessions: Sessions::Default,
};
const TLS_FULL: Topology = Topology::TwoHopsTls {
    between: Between::Kept,
    sessions: Sessions::Full,
};

const HTTP1: Exchange = Exchange::Http1 {
    heads: Heads::Short,
    response: 1024,
};
const HTTP1_LONG: Exchange = Exchange::Http1 {
    heads: Heads::Long,
    response: 1024,
};
const HTTP1_LARGE: Exchange = Exchange::Http1 {
    heads: Heads::Short,
    response: 64 * 1024,
};
const HTTP2: Exchange = Exchange::Http2 { response: 1024 };
const ECHO: Exchange = Exchange::Echo { size: 1024 };
const GREETING: Exchange = Exchange::Echo { size: 16 };

const fn traffic(exchange: Exchange, connections: usize) -> Traffic {
    Traffic {
        exchange,
        connections,
        streams: 1,
        life: Life::Kept,
        pace: Pace::Closed,
    }
}

const fn saturated(exchange: Exchange) -> Work {
    Work::Traffic(traffic(exchange, 64))
}

const fn single(exchange: Exchange) -> Work {
    Work::Traffic(traffic(exchange, 1))
}

const fn paced(exchange: Exchange) -> Work {
    Work::Traffic(Traffic {
        pace: Pace::Open { rate: RATE },
        ..traffic(exchange, 64)
    })
}

const fn streams(exchange: Exchange) -> Work {
    Work::Traffic(Traffic {
        streams: 32,
        ..traffic(exchange, 8)
    })
}

const fn churn(exchange: Exchange, connections: usize) -> Work {
    Work::Traffic(Traffic {
        life: Life::OneExchange,
        ..traffic(exchange, connections)
    })
}

fn scenario(name: &'static str, topology: Topology, work: Work, what: &'static str) -> Scenario {
    Scenario {
        name,
        what,
        topology,
        key: Key::P256,
        features: &[Features::Metrics],
        work,
    }
}

/// All scenarios, in the order in which they are run.
pub(crate) fn all() -> Vec<Scenario> {
    let parts = [
        one_hop(),
        two_hops(),
        http2_between(),
        streams_and_churn(),
        layer4(),
        resources(),
    ];
    parts.concat()
}

fn one_hop() -> Vec<Scenario> {
    use Topology::OneHop;
    vec![
        scenario(
            "h1-sat",
            OneHop,
            saturated(HTTP1),
            "HTTP/1.1, one hop, 64 connections, saturated",
        ),
        scenario(
            "h1-c1",
            OneHop,
            single(HTTP1),
            "HTTP/1.1, one hop, one connection",
        ),
        scenario(
            "h1-rate",
            OneHop,
            paced(HTTP1),
            "HTTP/1.1, one hop, 3,000 requests/s",
        ),
        scenario(
            "h1-headers",
            OneHop,
            saturated(HTTP1_LONG),
            "HTTP/1.1, one hop, 14 more request headers",
        ),
        scenario(
            "h1-64k",
            OneHop,
            saturated(HTTP1_LARGE),
            "HTTP/1.1, one hop, responses of 64 KiB",
        ),
    ]
}

fn two_hops() -> Vec<Scenario> {
    use Topology::TwoHopsPlain;
    vec![
        scenario(
            "plain2-h1-sat",
            TwoHopsPlain,
            saturated(HTTP1),
            "HTTP/1.1, two hops plaintext, saturated",
        ),
        scenario(
            "plain2-h1-c1",
            TwoHopsPlain,
            single(HTTP1),
            "HTTP/1.1, two hops plaintext, one connection",
        ),
        scenario(
            "mtls-h1-sat",
            TLS,
            saturated(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/1.1 between, saturated",
        ),
        scenario(
            "mtls-h1-c1",
            TLS,
            single(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/1.1 between, one connection",
        ),
        scenario(
            "mtls-h1-rate",
            TLS,
            paced(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/1.1 between, 3,000 requests/s",
        ),
    ]
}

fn http2_between() -> Vec<Scenario> {
    vec![
        scenario(
            "mtls-h2-sat",
            TLS_HTTP2,
            saturated(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/2 between, saturated",
        ),
        scenario(
            "mtls-h2-c1",
            TLS_HTTP2,
            single(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/2 between, one connection",
        ),
        scenario(
            "mtls-h2-rate",
            TLS_HTTP2,
            paced(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/2 between, 3,000 requests/s",
        ),
    ]
}

fn streams_and_churn() -> Vec<Scenario> {
    use Topology::OneHop;
    vec![
        scenario(
            "h2c",
            OneHop,
            streams(HTTP2),
            "HTTP/2 application, one hop, 8 connections of 32 streams",
        ),
        scenario(
            "mtls-h2c",
            TLS_HTTP2,
            streams(HTTP2),
            "HTTP/2 application, two hops mTLS, 8 connections of 32 streams",
        ),
        scenario(
            "grpc",
            OneHop,
            streams(Exchange::Grpc),
            "gRPC unary calls, one hop, 8 connections of 32 streams",
        ),
        scenario(
            "mtls-grpc",
            TLS_HTTP2,
            streams(Exchange::Grpc),
            "gRPC unary calls, two hops mTLS, 8 connections of 32 streams",
        ),
        scenario(
            "h1-churn",
            OneHop,
            churn(HTTP1, 64),
            "a new HTTP/1.1 connection for each request, one hop",
        ),
        scenario(
            "mtls-h2-churn",
            TLS_HTTP2,
            churn(HTTP1, 64),
            "a new HTTP/1.1 connection for each request, two hops mTLS with HTTP/2 between",
        ),
    ]
}

fn layer4() -> Vec<Scenario> {
    use Topology::OneHop;
    let download = |connections| Work::Traffic(traffic(Exchange::Download, connections));
    let handshakes = scenario(
        "handshake",
        TLS_FULL,
        churn(GREETING, 8),
        "a full mTLS handshake for each TCP connection, both sides, P-256 keys",
    );
    vec![
        scenario(
            "l4-bytes-1",
            OneHop,
            download(1),
            "TCP bytes, one hop plaintext, one connection",
        ),
        scenario(
            "l4-bytes-8",
            OneHop,
            download(8),
            "TCP bytes, one hop plaintext, 8 connections",
        ),
        scenario(
            "mtls-l4-bytes-1",
            TLS,
            download(1),
            "TCP bytes, two hops mTLS, one connection",
        ),
        scenario(
            "mtls-l4-bytes-8",
            TLS,
            download(8),
            "TCP bytes, two hops mTLS, 8 connections",
        ),
        scenario(
            "l4-echo",
            OneHop,
            saturated(ECHO),
            "TCP, 1 KiB there and back, one hop plaintext, saturated",
        ),
        scenario(
            "mtls-l4-echo",
            TLS,
            saturated(ECHO),
            "TCP, 1 KiB there and back, two hops mTLS, saturated",
        ),
        scenario(
            "mtls-l4-rate",
            TLS,
            paced(ECHO),
            "TCP, 1 KiB there and back, two hops mTLS, 3,000/s",
        ),
        scenario(
            "l4-churn",
            OneHop,
            churn(GREETING, 64),
            "a new TCP connection for each exchange, one hop plaintext",
        ),
        scenario(
            "mtls-l4-churn",
            TLS,
            churn(GREETING, 8),
            "a new TCP connection for each exchange, two hops mTLS, sessions resumed where the peer does so by default",
        ),
        handshakes.clone(),
        Scenario {
            name: "handshake-rsa",
            key: Key::Rsa2048,
            what: "a full mTLS handshake for each TCP connection, both sides, RSA-2048 keys",
            ..handshakes
        },
    ]
}

fn resources() -> Vec<Scenario> {
    use Topology::OneHop;
    let connections = |exchange| Work::IdleConnections {
        exchange,
        count: 2_000,
    };
    let start = |services| Work::Start {
        exchange: HTTP1,
        services,
    };
    vec![
        Scenario {
            features: &[Features::Nothing, Features::Metrics, Features::Everything],
            ..scenario(
                "features",
                OneHop,
                saturated(HTTP1),
                "HTTP/1.1, one hop: all off; metrics; metrics, access log and authorization",
            )
        },
        Scenario {
            features: &[Features::Istio],
            ..scenario(
                "istio-h1-rate",
                TLS,
                paced(HTTP1),
                "mtls-h1-rate with Istio's filters and the access log",
            )
        },
        scenario("idle", OneHop, Work::Idle(HTTP1), "memory of an idle proxy"),
        scenario(
            "mtls-idle",
            TLS,
            Work::Idle(HTTP1),
            "memory of two idle sidecars on one host, together",
        ),
        scenario(
            "conn-h1",
            OneHop,
            connections(HTTP1),
            "memory of an idle HTTP/1.1 connection, one hop",
        ),
        scenario(
            "conn-l4-mtls",
            TLS,
            connections(GREETING),
            "memory of an idle TCP connection over mTLS",
        ),
        scenario(
            "start",
            OneHop,
            start(0),
            "from the start of the process to the first answer",
        ),
        scenario(
            "services-1k",
            OneHop,
            start(1_000),
            "the same with 1,000 services of 10 endpoints in the file",
        ),
        scenario(
            "services-10k",
            OneHop,
            start(10_000),
            "the same with 10,000 services of 10 endpoints in the file",
        ),
    ]
}
