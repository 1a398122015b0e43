//! Which figures there are to reach.

use super::Against::{self, Envoy, Floor, Haproxy, Itself, Nothing};
use super::Grade::{self, Commit, Goal};
use crate::figure::Metric;
use crate::topology::Features;

/// Bounds of one metric of some scenarios.
pub(super) struct Row {
    pub(super) scenarios: &'static [&'static str],
    pub(super) metric: Metric,
    pub(super) bounds: &'static [(Grade, Against, f64)],
}

const ONE_CONNECTION: &[&str] = &["h1-c1", "plain2-h1-c1", "mtls-h1-c1", "mtls-h2-c1"];
const PACED: &[&str] = &["h1-rate", "mtls-h1-rate", "mtls-h2-rate"];
/// What may cost so much more than nothing; authorization joins it where Tulle looks at requests for it.
pub(super) const BOUNDED: Features = Features::Logged;

/// Figures of which no scenario tells, and why.
pub(crate) const UNMEASURED: &[(&str, &str)] = &[(
    "10,000 services on demand, PSS MiB: goal ≤ 12, flat",
    "absent: the proxy subscribes to everything, and to nothing on demand",
)];

pub(super) const ROWS: &[Row] = &[
    Row {
        scenarios: &["h1-sat"],
        metric: Metric::Cpu,
        bounds: &[
            (Commit, Envoy, 0.40),
            (Goal, Envoy, 0.30),
            (Goal, Haproxy, 1.0),
        ],
    },
    Row {
        scenarios: &["mtls-h1-sat"],
        metric: Metric::Cpu,
        bounds: &[
            (Commit, Envoy, 0.30),
            (Goal, Envoy, 0.22),
            (Goal, Haproxy, 0.8),
        ],
    },
    Row {
        scenarios: &["mtls-h2-sat"],
        metric: Metric::Cpu,
        bounds: &[
            (Commit, Envoy, 0.38),
            (Goal, Envoy, 0.28),
            (Goal, Haproxy, 1.0),
        ],
    },
    Row {
        scenarios: ONE_CONNECTION,
        metric: Metric::Cpu,
        bounds: &[(Commit, Envoy, 0.38), (Goal, Envoy, 0.28)],
    },
    Row {
        scenarios: ONE_CONNECTION,
        metric: Metric::P50,
        bounds: &[(Commit, Envoy, 0.38), (Goal, Envoy, 0.28)],
    },
    Row {
        scenarios: PACED,
        metric: Metric::Cpu,
        bounds: &[(Commit, Envoy, 0.45), (Goal, Envoy, 0.35)],
    },
    Row {
        scenarios: PACED,
        metric: Metric::AddedP99,
        bounds: &[(Commit, Envoy, 0.45), (Goal, Haproxy, 1.0)],
    },
    Row {
        scenarios: &["mtls-h2c"],
        metric: Metric::Cpu,
        bounds: &[(Commit, Envoy, 0.45), (Goal, Envoy, 0.33)],
    },
    Row {
        scenarios: &["mtls-l4-bytes-1", "mtls-l4-bytes-8"],
        metric: Metric::CpuPerGigabyte,
        bounds: &[(Commit, Envoy, 0.9), (Goal, Envoy, 0.7)],
    },
    Row {
        scenarios: &["l4-bytes-1", "l4-bytes-8"],
        metric: Metric::CpuPerGigabyte,
        bounds: &[(Commit, Envoy, 0.4), (Goal, Floor, 1.1)],
    },
    Row {
        scenarios: &["handshake"],
        metric: Metric::Cpu,
        bounds: &[(Commit, Envoy, 0.9), (Goal, Envoy, 0.8)],
    },
    Row {
        scenarios: &["idle"],
        metric: Metric::Pss,
        bounds: &[(Commit, Nothing, 12.0), (Goal, Nothing, 6.0)],
    },
    Row {
        scenarios: &["conn-h1"],
        metric: Metric::Connection,
        bounds: &[(Commit, Nothing, 8.0), (Goal, Nothing, 1.0)],
    },
    Row {
        scenarios: &["conn-l4-mtls"],
        metric: Metric::Connection,
        bounds: &[(Commit, Nothing, 20.0), (Goal, Nothing, 8.0)],
    },
    Row {
        scenarios: &["features"],
        metric: Metric::Cpu,
        bounds: &[(Commit, Itself, 1.15), (Goal, Itself, 1.08)],
    },
    Row {
        scenarios: &["ads-10000", "ads-10000-sotw"],
        metric: Metric::Applied,
        bounds: &[(Commit, Nothing, 1_000.0), (Goal, Nothing, 500.0)],
    },
    Row {
        scenarios: &["ads-10000", "ads-10000-sotw"],
        metric: Metric::Pss,
        bounds: &[(Commit, Nothing, 150.0), (Goal, Nothing, 100.0)],
    },
    Row {
        scenarios: &["ads-one-host"],
        metric: Metric::ChangeCpu,
        bounds: &[(Commit, Nothing, 5.0), (Goal, Nothing, 1.0)],
    },
    Row {
        scenarios: &["start"],
        metric: Metric::Ready,
        bounds: &[(Commit, Nothing, 50.0), (Goal, Nothing, 20.0)],
    },
];
