//! The figures that the project has set itself, and which of them a comparison reaches.

use serde::Serialize;

use super::{Compared, Entry};
use crate::figure::Metric;

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Against {
    Envoy,
    Haproxy,
    Floor,
    /// The same peer with its first set of features.
    Itself,
    /// A number, whatever others need.
    Nothing,
}

/// How binding a bound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grade {
    Commit,
    Goal,
}

/// A bound, and how a comparison stands to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) grade: Grade,
    pub(crate) against: Against,
    pub(crate) at_most: f64,
    pub(crate) measured: f64,
    pub(crate) met: bool,
}

/// Bounds of one metric of some scenarios.
struct Row {
    scenarios: &'static [&'static str],
    metric: Metric,
    bounds: &'static [(Grade, Against, f64)],
}

use Against::{Envoy, Floor, Haproxy, Itself, Nothing};
use Grade::{Commit, Goal};

const ONE_CONNECTION: &[&str] = &["h1-c1", "plain2-h1-c1", "mtls-h1-c1", "mtls-h2-c1"];
const PACED: &[&str] = &["h1-rate", "mtls-h1-rate", "mtls-h2-rate"];

const ROWS: &[Row] = &[
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

/// Metrics of a scenario that have bounds.
pub(crate) fn metrics(scenario: &str) -> impl Iterator<Item = Metric> {
    let rows = ROWS.iter();
    rows.filter(move |row| row.scenarios.contains(&scenario))
        .map(|row| row.metric)
}

/// How a metric of an entry stands to its bounds, as far as both sides were measured.
pub(crate) fn verdicts(compared: &Compared, entry: &Entry, metric: Metric) -> Vec<Verdict> {
    let rows = ROWS
        .iter()
        .filter(|row| row.metric == metric && row.scenarios.contains(&compared.name));
    rows.flat_map(|row| row.bounds)
        .filter_map(|(grade, against, at_most)| {
            let measured = measured(compared, entry, metric, *against)?;
            Some(Verdict {
                grade: *grade,
                against: *against,
                at_most: *at_most,
                measured,
                met: measured <= *at_most,
            })
        })
        .collect()
}

fn measured(compared: &Compared, entry: &Entry, metric: Metric, against: Against) -> Option<f64> {
    match against {
        Against::Envoy => compared.ratio(metric, entry, "envoy"),
        Against::Haproxy => compared.ratio(metric, entry, "haproxy"),
        Against::Floor => compared.ratio(metric, entry, "floor"),
        Against::Itself => compared.growth(entry).map(|(growth, _)| growth),
        Against::Nothing => entry.median(metric),
    }
}

impl Verdict {
    /// `commit ≤ 0.40 × envoy: met`.
    pub(crate) fn text(&self) -> String {
        let grade = match self.grade {
            Grade::Commit => "commit",
            Grade::Goal => "goal",
        };
        let of = match self.against {
            Against::Envoy => " × envoy",
            Against::Haproxy => " × haproxy",
            Against::Floor => " × floor",
            Against::Itself => " × all off",
            Against::Nothing => "",
        };
        let missed = if self.met { "" } else { " MISSED" };
        format!("{grade} ≤ {}{of}{missed}", self.at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_is_of_a_scenario_that_exists() {
        let all = crate::scenario::all();
        for name in ROWS.iter().flat_map(|row| row.scenarios) {
            assert!(all.iter().any(|scenario| scenario.name == *name), "{name}");
        }
    }

    #[test]
    fn a_missed_bound_says_so() {
        let mut verdict = Verdict {
            grade: Grade::Commit,
            against: Against::Envoy,
            at_most: 0.4,
            measured: 0.5,
            met: false,
        };
        assert_eq!(verdict.text(), "commit ≤ 0.4 × envoy MISSED");
        verdict.met = true;
        assert_eq!(verdict.text(), "commit ≤ 0.4 × envoy");
    }
}
