//! The figures that the project has set itself, and which of them a comparison reaches.

use serde::Serialize;

use super::{Compared, Entry, Report};
use crate::figure::Metric;
use crate::topology::Features;

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Against {
    Envoy,
    Haproxy,
    Nginx,
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
    #[serde(flatten)]
    pub(crate) standing: Standing,
}

/// How a figure stands to a bound: by its median.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub(crate) enum Standing {
    Met { measured: f64 },
    Missed { measured: f64 },
    NotMeasured { why: String },
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
/// What may cost so much more than nothing; authorization joins it where Tulle looks at requests for it.
const BOUNDED: Features = Features::Logged;

/// Figures of which no scenario tells, and why.
pub(crate) const UNMEASURED: &[(&str, &str)] = &[(
    "10,000 services on demand, PSS MiB: goal ≤ 12, flat",
    "no scenario subscribes to what is used only",
)];

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

/// Scenarios with bounds that were not run for Tulle.
pub(crate) fn not_run(report: &Report) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in ROWS.iter().flat_map(|row| row.scenarios) {
        let mut scenarios = report.scenarios.iter();
        let run = scenarios.any(|compared| compared.name == *name && compared.own().count() > 0);
        if !run && !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// How a metric of an entry stands to all of its bounds.
pub(crate) fn verdicts(compared: &Compared, entry: &Entry, metric: Metric) -> Vec<Verdict> {
    let rows = ROWS
        .iter()
        .filter(|row| row.metric == metric && row.scenarios.contains(&compared.name));
    rows.flat_map(|row| row.bounds)
        .filter(|(_, against, _)| *against != Itself || entry.features == BOUNDED)
        .map(|(grade, against, at_most)| Verdict {
            grade: *grade,
            against: *against,
            at_most: *at_most,
            standing: match measured(compared, entry, metric, *against) {
                Ok(measured) if measured <= *at_most => Standing::Met { measured },
                Ok(measured) => Standing::Missed { measured },
                Err(why) => Standing::NotMeasured { why },
            },
        })
        .collect()
}

fn measured(
    compared: &Compared,
    entry: &Entry,
    metric: Metric,
    against: Against,
) -> Result<f64, String> {
    match (against, against.peer()) {
        (_, Some(peer)) => compared.ratio(metric, entry, peer),
        (Against::Itself, None) => compared.growth(entry).map(|(growth, _)| growth),
        (_, None) => entry.counted(metric).map(|series| series.median),
    }
}

impl Against {
    /// In the order in which they are told.
    pub(crate) const ALL: [Against; 6] = [Envoy, Haproxy, Against::Nginx, Floor, Itself, Nothing];

    /// The peer behind it.
    pub(crate) fn peer(self) -> Option<&'static str> {
        match self {
            Against::Envoy => Some("envoy"),
            Against::Haproxy => Some("haproxy"),
            Against::Nginx => Some("nginx"),
            Against::Floor => Some("floor"),
            Against::Itself | Against::Nothing => None,
        }
    }

    /// What a ratio to it is called; nothing where a figure stands alone.
    pub(crate) fn unit(self) -> Option<&'static str> {
        match self {
            Against::Itself => Some("all off"),
            Against::Envoy
            | Against::Haproxy
            | Against::Nginx
            | Against::Floor
            | Against::Nothing => self.peer(),
        }
    }
}

impl Verdict {
    /// `commit ≤ 0.40`.
    pub(crate) fn bound(&self) -> String {
        let grade = match self.grade {
            Grade::Commit => "commit",
            Grade::Goal => "goal",
        };
        match self.against.unit() {
            Some(_) => format!("{grade} ≤ {:.2}", self.at_most),
            None => format!("{grade} ≤ {}", self.at_most),
        }
    }

    /// `commit ≤ 0.40 × envoy MISSED`.
    pub(crate) fn text(&self) -> String {
        let of = self.against.unit().map(|unit| format!(" × {unit}"));
        let standing = match &self.standing {
            Standing::Met { .. } => "",
            Standing::Missed { .. } => " MISSED",
            Standing::NotMeasured { .. } => " not measured",
        };
        format!("{}{}{standing}", self.bound(), of.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Outcome;
    use crate::report::example::{compared, entry};

    #[test]
    fn every_bound_is_of_a_scenario_that_exists() {
        let all = crate::scenario::all();
        for name in ROWS.iter().flat_map(|row| row.scenarios) {
            assert!(all.iter().any(|scenario| scenario.name == *name), "{name}");
        }
    }

    #[test]
    fn a_bound_says_how_it_stands() {
        let verdict = |against, at_most, standing| Verdict {
            grade: Commit,
            against,
            at_most,
            standing,
        };
        let measured = 0.5;
        let why = String::new();
        for (verdict, text) in [
            (
                verdict(Envoy, 0.4, Standing::Missed { measured }),
                "commit ≤ 0.40 × envoy MISSED",
            ),
            (
                verdict(Itself, 1.15, Standing::Met { measured }),
                "commit ≤ 1.15 × all off",
            ),
            (
                verdict(Nothing, 12.0, Standing::NotMeasured { why }),
                "commit ≤ 12 not measured",
            ),
        ] {
            assert_eq!(verdict.text(), text);
        }
    }

    #[test]
    fn a_bound_without_figures_is_neither_met_nor_missed() {
        let figures = |peer, value| entry(peer, Metric::Cpu, &[value]);
        let mut failed = figures("tulle", 1.0);
        failed.outcome = Outcome::Failed { why: String::new() };
        let missed = |measured| Standing::Missed { measured };
        let unmeasured = |why: &str| Standing::NotMeasured {
            why: why.to_owned(),
        };
        for (entries, standing) in [
            (
                vec![figures("tulle", 1.0), figures("envoy", 4.0)],
                Standing::Met { measured: 0.25 },
            ),
            (
                vec![figures("tulle", 2.0), figures("envoy", 4.0)],
                missed(0.5),
            ),
            (
                vec![figures("tulle", 1.0)],
                unmeasured("envoy did not take part"),
            ),
            (
                vec![failed, figures("envoy", 4.0)],
                unmeasured("tulle FAILED"),
            ),
            (
                vec![entry("tulle", Metric::P50, &[1.0]), figures("envoy", 4.0)],
                unmeasured("tulle has no CPU µs"),
            ),
        ] {
            let compared = compared("h1-sat", entries);
            let verdicts = verdicts(&compared, &compared.entries[0], Metric::Cpu);
            assert_eq!(verdicts[0].standing, standing);
            assert_eq!(verdicts.len(), 3);
        }
    }

    #[test]
    fn features_are_bounded_with_metrics_and_log() {
        let row = |name: &str, features, value| Entry {
            name: name.to_owned(),
            features,
            ..entry("tulle", Metric::Cpu, &[value])
        };
        let compared = compared(
            "features",
            vec![
                row("off", Features::Nothing, 10.0),
                row("metrics", Features::Metrics, 30.0),
                row("log", Features::Logged, 11.0),
            ],
        );
        let of = |at: usize| verdicts(&compared, &compared.entries[at], Metric::Cpu);
        assert!(of(0).is_empty() && of(1).is_empty());
        let standings: Vec<Standing> = of(2).into_iter().map(|verdict| verdict.standing).collect();
        let measured = 1.1;
        assert_eq!(
            standings,
            [Standing::Met { measured }, Standing::Missed { measured }]
        );
    }
}
