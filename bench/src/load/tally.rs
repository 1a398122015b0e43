//! What a run saw.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Edge;

/// Nanoseconds up to a minute, three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("fixed bounds are valid")
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exchanges that ended within the window.
    pub(crate) completed: u64,
    /// Bytes that came within the window.
    pub(crate) bytes: u64,
    /// Length of the window.
    pub(crate) elapsed: Duration,
    /// Of all exchanges that were due within the window, in nanoseconds from when they were due.
    pub(crate) latency: Histogram<u64>,
    /// How late requests of the open loop left although a connection was free, in nanoseconds: the generator's own fault.
    pub(crate) lag: Histogram<u64>,
    /// All exchanges of the run, before and after the window too.
    pub(crate) total: u64,
    /// Wrong or missing answers, of the whole run.
    pub(crate) errors: u64,
    /// The first of them.
    pub(crate) error: Option<String>,
}

/// Counts during a run.
#[derive(Debug)]
pub(crate) struct Tally {
    window: Option<(Instant, Option<Instant>)>,
    outcome: Outcome,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        let outcome = Outcome {
            completed: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
            latency: histogram(),
            lag: histogram(),
            total: 0,
            errors: 0,
            error: None,
        };
        Tally {
            window: None,
            outcome,
        }
    }

    /// The window begins or ends.
    pub(crate) fn mark(&mut self, edge: Edge, now: Instant) {
        match edge {
            Edge::Begin => self.window = Some((now, None)),
            Edge::End => {
                if let Some((begin, end)) = &mut self.window {
                    *end = Some(now);
                    self.outcome.elapsed = now - *begin;
                }
            }
        }
    }

    fn open(&self) -> bool {
        matches!(self.window, Some((_, None)))
    }

    pub(crate) fn sent(&mut self, intended: Instant, now: Instant) {
        if self.open() {
            self.outcome
                .lag
                .saturating_record(nanos(now.saturating_duration_since(intended)));
        }
    }

    pub(crate) fn answered(&mut self, intended: Instant, now: Instant) {
        self.outcome.total += 1;
        self.outcome.completed += u64::from(self.open());
        self.record(intended, now);
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        if self.open() {
            self.outcome.bytes += bytes as u64;
        }
    }

    /// `count` exchanges came to nothing.
    pub(crate) fn failed(&mut self, count: usize, why: &str) {
        self.outcome.errors += count as u64;
        self.outcome.error.get_or_insert_with(|| why.to_owned());
    }

    /// An exchange that nobody answered until now: an error, and as slow as it has been so far.
    pub(crate) fn unanswered(&mut self, intended: Instant, now: Instant) {
        self.failed(1, "not answered in time");
        self.record(intended, now);
    }

    fn record(&mut self, intended: Instant, now: Instant) {
        let Some((begin, end)) = self.window else {
            return;
        };
        if intended >= begin && end.is_none_or(|end| intended < end) {
            self.outcome
                .latency
                .saturating_record(nanos(now.saturating_duration_since(intended)));
        }
    }

    pub(crate) fn errors(&self) -> u64 {
        self.outcome.errors
    }

    pub(crate) fn first_error(&self) -> &str {
        self.outcome.error.as_deref().unwrap_or("none")
    }

    pub(crate) fn finish(self) -> Outcome {
        self.outcome
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
