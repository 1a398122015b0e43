//! When requests are due.

use std::time::{Duration, Instant};

use super::Pace;

/// The moments at which requests are due, from a start to an end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pace: Pace,
    start: Instant,
    end: Instant,
    issued: u64,
}

impl Schedule {
    pub(crate) fn new(pace: Pace, start: Instant, end: Instant) -> Schedule {
        Schedule {
            pace,
            start,
            end,
            issued: 0,
        }
    }

    /// When the next request is due; `None` once the end is reached.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let due = match self.pace {
            Pace::Closed => now,
            Pace::Open { rate } => self.start + Duration::from_secs_f64(self.issued as f64 / rate),
        };
        (due < self.end).then_some(due)
    }

    /// Takes the next request if it is due by now; returns when it was due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = self.due(now).filter(|due| *due <= now)?;
        self.issued += 1;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_during_a_stall_keeps_its_time() {
        let start = Instant::now();
        let end = start + Duration::from_secs(1);
        let mut schedule = Schedule::new(Pace::Open { rate: 10.0 }, start, end);
        assert_eq!(schedule.take(start), Some(start));
        assert_eq!(schedule.take(start), None);
        let late = start + Duration::from_secs(5);
        let due: Vec<u128> = std::iter::from_fn(|| schedule.take(late))
            .map(|due| (due - start).as_millis())
            .collect();
        assert_eq!(due, [100, 200, 300, 400, 500, 600, 700, 800, 900]);
    }
}
