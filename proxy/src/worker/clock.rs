//! A coarse clock: the time is read once per turn of the thread's event loop, however many ask for it.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

/// A loop that never sleeps never begins a new turn; after so many questions the time is read anyway.
const QUESTIONS_PER_READING: u8 = 64;

/// A change of the wall clock is noticed within this time.
const WALL_HOLDS: Duration = Duration::from_secs(1);

thread_local! {
    static READING: Cell<Option<(Instant, u8)>> = const { Cell::new(None) };
    static WALL: Cell<Option<(Instant, SystemTime)>> = const { Cell::new(None) };
}

/// The time of this turn of the calling thread's event loop: good to a few milliseconds.
pub fn now() -> Instant {
    READING.with(|reading| match reading.get() {
        Some((time, left)) if left > 0 => {
            reading.set(Some((time, left - 1)));
            time
        }
        _ => {
            let time = Instant::now();
            reading.set(Some((time, QUESTIONS_PER_READING)));
            time
        }
    })
}

/// Says that the event loop slept: the next question reads the clock.
pub(crate) fn begin_turn() {
    READING.set(None);
}

/// What the wall clock said at `time`, a reading of [`now`].
pub fn wall(time: Instant) -> SystemTime {
    let now = now();
    let held = WALL
        .get()
        .filter(|(since, _)| now.saturating_duration_since(*since) < WALL_HOLDS);
    let (since, wall) = held.unwrap_or_else(|| {
        let read = (Instant::now(), SystemTime::now());
        WALL.set(Some(read));
        read
    });
    match since.checked_duration_since(time) {
        Some(before) => wall - before,
        None => wall + time.duration_since(since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_told_for_times_before_and_after_it_was_read() {
        let first = now();
        let told = wall(first);
        for later in [0, 1, 3_000] {
            let later = Duration::from_millis(later);
            assert_eq!(wall(first + later), told + later);
            assert_eq!(wall(first - later), told - later);
        }
        let off = told.elapsed().unwrap_or_else(|error| error.duration());
        assert!(off < Duration::from_secs(60), "{off:?}");
    }

    #[test]
    fn time_stands_still_within_a_turn_and_moves_with_the_next() {
        let first = now();
        assert_eq!(now(), first);
        let real = Instant::now();
        begin_turn();
        assert!(now() >= real);
    }
}
