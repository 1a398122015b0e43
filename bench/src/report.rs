//! What is told of a comparison: tables, JSON, a page with plots.

pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod machine;
mod plot;
pub(crate) mod summary;
pub(crate) mod table;
mod target;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::figure::{Metric, Series};
use crate::line::Line;
use crate::measure::Run;
use crate::measure::system_calls::Calls;
use machine::Machine;

/// Everything.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) peers: Vec<Version>,
    pub(crate) scenarios: Vec<Compared>,
    /// Every configuration once.
    pub(crate) configs: Vec<String>,
}

/// How it was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Settings {
    pub(crate) command: String,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    /// How long all of it took.
    pub(crate) minutes: f64,
}

/// What a peer says of itself.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    pub(crate) peer: String,
    pub(crate) version: String,
}

/// One scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Metrics that count besides the main one.
    pub(crate) also: Vec<Metric>,
    pub(crate) entries: Vec<Entry>,
}

/// One row: a peer with a set of features.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    /// Peer and, where there are several, features.
    pub(crate) name: String,
    pub(crate) peer: String,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    pub(crate) errors: u64,
    /// The first error.
    pub(crate) error: Option<String>,
    pub(crate) figures: BTreeMap<Metric, Series>,
    /// Calls for one exchange, by name.
    pub(crate) system_calls: Calls,
    /// What the proxies of the line were started with.
    pub(crate) configs: Vec<Shown>,
}

/// Whether there are figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// All answers were right.
    Valid,
    /// Some were not: the figures count for nothing.
    Invalid,
    /// The peer cannot be had, or cannot do this.
    Missing { why: String },
    /// The peer did not start, or broke.
    Failed { why: String },
}

/// One proxy's configuration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) proxy: String,
    /// Its place in [`Report::configs`].
    pub(crate) config: usize,
    /// Its text, until it has that place.
    #[serde(skip)]
    text: String,
}

/// Calls that are rarer are not listed.
const RARE: f64 = 0.005;
/// A configuration that is longer is cut: those with thousands of services repeat themselves.
const SHOWN: usize = 6_000;

impl Report {
    /// Adds a scenario.
    pub(crate) fn add(&mut self, mut compared: Compared) {
        let shown = compared
            .entries
            .iter_mut()
            .flat_map(|entry| &mut entry.configs);
        for shown in shown {
            let text = std::mem::take(&mut shown.text);
            let known = self.configs.iter().position(|known| *known == text);
            shown.config = known.unwrap_or_else(|| {
                self.configs.push(text);
                self.configs.len() - 1
            });
        }
        self.scenarios.push(compared);
    }
}

impl Entry {
    pub(crate) fn new(name: String, peer: String) -> Entry {
        Entry {
            name,
            peer,
            outcome: Outcome::Valid,
            errors: 0,
            error: None,
            figures: BTreeMap::new(),
            system_calls: Calls::new(),
            configs: Vec::new(),
        }
    }

    /// Whether it is still measured.
    pub(crate) fn takes_part(&self) -> bool {
        matches!(self.outcome, Outcome::Valid | Outcome::Invalid)
    }

    /// Keeps the configurations of a line.
    pub(crate) fn show(&mut self, line: &Line) {
        let shown = line.proxies.iter().map(|proxy| {
            let text = &proxy.config.text;
            let text = match text.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{}\n… {} bytes in all", &text[..end], text.len()),
                None => text.clone(),
            };
            Shown {
                proxy: proxy.name.to_owned(),
                config: 0,
                text,
            }
        });
        self.configs = shown.collect();
    }

    /// Takes the outcome of a run.
    pub(crate) fn add(&mut self, run: anyhow::Result<Run>) {
        match run {
            Ok(run) => {
                for (metric, value) in run.figures {
                    self.figures.entry(metric).or_default().push(value);
                }
                self.errors += run.errors;
                if run.errors > 0 {
                    self.outcome = Outcome::Invalid;
                    self.error = self.error.take().or(run.error);
                }
            }
            Err(error) => {
                self.outcome = Outcome::Failed {
                    why: format!("{error:#}"),
                }
            }
        }
    }

    /// Takes the outcome of a pass that counted system calls.
    pub(crate) fn add_calls(&mut self, calls: anyhow::Result<Calls>) {
        match calls {
            Ok(calls) if calls.is_empty() => {}
            Ok(mut calls) => {
                self.figures
                    .entry(Metric::SystemCalls)
                    .or_default()
                    .push(calls.values().sum());
                calls.retain(|_, count| *count >= RARE);
                self.system_calls = calls;
            }
            Err(error) => eprintln!("{}: no system calls: {error:#}", self.name),
        }
    }

    /// The median of a metric.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        self.figures.get(&metric).map(|series| series.median)
    }
}

impl Compared {
    /// The metric that the scenario is about: the first that a proxy has.
    pub(crate) fn main(&self) -> Option<Metric> {
        let proxies = self
            .entries
            .iter()
            .filter(|entry| !matches!(&*entry.peer, "direct" | "floor"));
        proxies
            .flat_map(|entry| entry.figures.keys())
            .min()
            .copied()
    }

    /// The valid entry of a peer, with the features of `like` where there are several.
    pub(crate) fn rival(&self, peer: &str, like: &Entry) -> Option<&Entry> {
        let features = like.name.strip_prefix(like.peer.as_str())?;
        self.entries.iter().find(|entry| {
            entry.peer == peer
                && entry.outcome == Outcome::Valid
                && (peer == "floor" || entry.name.strip_prefix(peer) == Some(features))
        })
    }

    /// A metric of `entry` as a part of that of a peer.
    pub(crate) fn ratio(&self, metric: Metric, entry: &Entry, peer: &str) -> Option<f64> {
        Some(entry.median(metric)? / self.rival(peer, entry)?.median(metric)?)
    }

    /// The main metric of an entry as a part of that of the same peer with the first set of features, and that one's name.
    pub(crate) fn growth(&self, entry: &Entry) -> Option<(f64, &str)> {
        let metric = self.main()?;
        let first = self.entries.iter().find(|first| first.peer == entry.peer)?;
        if first.name == entry.name
            || first.outcome != Outcome::Valid
            || entry.outcome != Outcome::Valid
        {
            return None;
        }
        Some((entry.median(metric)? / first.median(metric)?, &first.name))
    }
}
