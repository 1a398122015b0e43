//! What is told of a comparison: tables, JSON, a page with plots.

pub(crate) mod compared;
#[cfg(test)]
pub(crate) mod example;
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
use crate::topology::Features;
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
    #[serde(skip)]
    pub(crate) features: Features,
    /// Why figures say less than they seem to.
    pub(crate) remarks: Vec<String>,
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

/// One proxy's configuration, or a part of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) proxy: String,
    /// Its place in [`Report::configs`].
    pub(crate) config: usize,
    /// Its text, until it has that place.
    #[serde(skip)]
    text: String,
}

/// Proxies that use less of their core, in percent, could do more.
const SATURATED: f64 = 90.0;
/// A generator whose lag is a greater part of the latency measures itself.
const LATE: f64 = 0.5;
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

impl Shown {
    fn new(proxy: String, text: &str) -> Shown {
        let cut = text.char_indices().nth(SHOWN);
        Shown {
            proxy,
            config: 0,
            text: match cut {
                Some((end, _)) => format!("{}\n… cut: {} bytes in all", &text[..end], text.len()),
                None => text.to_owned(),
            },
        }
    }
}

impl Entry {
    pub(crate) fn new(name: String, peer: String, features: Features) -> Entry {
        Entry {
            name,
            peer,
            features,
            remarks: Vec::new(),
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
        let shown = line.proxies.iter().flat_map(|proxy| {
            let file = Shown::new(proxy.name.to_owned(), &proxy.config.text);
            let attached = proxy.config.attached.iter().map(|attached| {
                Shown::new(format!("{} {}", proxy.name, attached.name), &attached.text)
            });
            std::iter::once(file).chain(attached)
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
            Err(error) => self
                .remarks
                .push(format!("system calls could not be counted: {error:#}")),
        }
    }

    /// Says what there is to doubt about the figures.
    pub(crate) fn doubt(&mut self) {
        let median = |metric| Some(self.figures.get(&metric)?.median);
        let idle = median(Metric::Share).filter(|share| *share < SATURATED);
        let idle = idle.map(|share| {
            format!("not saturated: the proxies used {share:.0} % of their core, so that the rate is the generator's")
        });
        let late = median(Metric::Lag)
            .zip(median(Metric::P50))
            .filter(|(lag, p50)| *lag > p50 * LATE);
        let late = late.map(|(lag, p50)| {
            format!(
                "the generator was late itself: lag p99 {lag:.0} µs beside a p50 of {p50:.0} µs"
            )
        });
        self.remarks.extend(idle.into_iter().chain(late));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_an_idle_proxy_and_a_late_generator_are_doubted() {
        for (figures, doubts) in [
            (vec![(Metric::Share, 95.0)], 0),
            (vec![(Metric::Share, 70.0)], 1),
            (vec![(Metric::Lag, 40.0), (Metric::P50, 100.0)], 0),
            (vec![(Metric::Lag, 60.0), (Metric::P50, 100.0)], 1),
        ] {
            let mut entry = Entry::new("tulle".into(), "tulle".into(), Features::Metrics);
            for (metric, value) in &figures {
                entry.figures.entry(*metric).or_default().push(*value);
            }
            entry.doubt();
            assert_eq!(entry.remarks.len(), doubts, "{figures:?}");
        }
    }
}
