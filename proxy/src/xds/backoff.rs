//! How long to wait before the stream is opened again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// Exponential back-off with full jitter, so that a fleet does not return in step after an outage.
#[derive(Debug)]
pub(crate) struct Backoff {
    ceiling: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { ceiling: FIRST }
    }

    /// The next wait, between half of the ceiling and the ceiling, which then doubles.
    pub(crate) fn next(&mut self) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = (ceiling * 2).min(LONGEST);
        ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Starts over after a stream that worked.
    pub(crate) fn reset(&mut self) {
        self.ceiling = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_ceiling_and_start_over_after_success() {
        let mut backoff = Backoff::new();
        for doubling in 0..20 {
            let ceiling = FIRST.saturating_mul(1 << doubling).min(LONGEST);
            let wait = backoff.next();
            assert!(
                wait >= ceiling / 2 && wait <= ceiling,
                "{wait:?} of {ceiling:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
