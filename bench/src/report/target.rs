//! The figures that the project has set itself, and which of them a comparison reaches.

mod rows;
#[cfg(test)]
mod tests;

use serde::Serialize;

use self::rows::{BOUNDED, ROWS};
use super::{Compared, Entry, Report};
use crate::figure::{Metric, Series};
use Against::{Envoy, Floor, Haproxy, Itself, Nothing};

pub(crate) use self::rows::UNMEASURED;

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
    /// What the floor has, where the time of one exchange is bounded: most of it is the kernel's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) floor: Option<f64>,
    #[serde(flatten)]
    pub(crate) standing: Standing,
}

/// How a figure stands to a bound: by its median.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub(crate) enum Standing {
    Met {
        measured: f64,
    },
    Missed {
        measured: f64,
    },
    /// Missed, as the floor misses it in each of its runs: no proxy attains it where it was measured.
    Unattainable {
        measured: f64,
    },
    NotMeasured {
        why: String,
    },
}

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
        .map(|(grade, against, at_most)| {
            let floor = floor(compared, metric, *against);
            let floors_least = floor.as_ref().map(|floor| floor.min);
            Verdict {
                grade: *grade,
                against: *against,
                at_most: *at_most,
                floor: floor.map(|floor| floor.median),
                standing: match measured(compared, entry, metric, *against) {
                    Ok(measured) if measured <= *at_most => Standing::Met { measured },
                    Ok(measured) if floors_least.is_some_and(|least| least > *at_most) => {
                        Standing::Unattainable { measured }
                    }
                    Ok(measured) => Standing::Missed { measured },
                    Err(why) => Standing::NotMeasured { why },
                },
            }
        })
        .collect()
}

/// What the floor has of what a peer takes for one exchange on one connection.
fn floor(compared: &Compared, metric: Metric, against: Against) -> Option<Series> {
    if metric != Metric::P50 {
        return None;
    }
    let mut entries = compared.entries.iter();
    let floor = entries.find(|entry| Some(&*entry.peer) == Floor.peer())?;
    let ratio = compared.ratio(metric, floor, against.peer()?).ok()?;
    let own = floor.counted(metric).ok()?;
    Some(
        own.runs
            .iter()
            .map(|run| run / own.median * ratio)
            .collect(),
    )
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
            Standing::Unattainable { .. } => " NOT ATTAINABLE",
            Standing::NotMeasured { .. } => " not measured",
        };
        let floor = self.floor.map(|floor| format!(" (floor {floor:.2})"));
        let (of, floor) = (of.unwrap_or_default(), floor.unwrap_or_default());
        format!("{}{of}{standing}{floor}", self.bound())
    }

    /// What was measured where the bound is not kept, and the bound: `commit ≤ 0.38`.
    pub(crate) fn shortfall(&self) -> Option<(f64, String)> {
        match self.standing {
            Standing::Met { .. } | Standing::NotMeasured { .. } => None,
            Standing::Missed { measured } => Some((measured, self.bound())),
            Standing::Unattainable { measured } => {
                let floor = self.floor.unwrap_or_default();
                let why = format!("not attainable, the floor has {floor:.2}");
                Some((measured, format!("{}: {why}", self.bound())))
            }
        }
    }
}
