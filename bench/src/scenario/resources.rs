//! What proxies cost besides traffic: features, memory, starts.

use super::shape::{GREETING, HTTP1, TLS, paced, saturated, scenario};
use super::{Scenario, Work};
use crate::topology::{Features, Topology};

pub(super) fn all() -> Vec<Scenario> {
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
            features: &[
                Features::Nothing,
                Features::Metrics,
                Features::Logged,
                Features::Everything,
            ],
            ..scenario(
                "features",
                OneHop,
                saturated(HTTP1),
                "HTTP/1.1, one hop: all off; metrics; and access log; and authorization",
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
            "memory of an idle TCP connection over mTLS, in each of the two proxies",
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
