//! Hand-made rows for tests.

use super::{Compared, Entry};
use crate::figure::Metric;
use crate::topology::Features;

/// A valid row with the runs of one metric.
pub(crate) fn entry(peer: &str, metric: Metric, runs: &[f64]) -> Entry {
    let mut entry = Entry::new(peer.to_owned(), peer.to_owned(), Features::Metrics);
    for value in runs {
        entry.figures.entry(metric).or_default().push(*value);
    }
    entry
}

/// A scenario with these rows.
pub(crate) fn compared(name: &'static str, entries: Vec<Entry>) -> Compared {
    Compared {
        name,
        what: "by hand",
        also: Vec::new(),
        entries,
    }
}
