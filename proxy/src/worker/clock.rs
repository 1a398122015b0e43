//! A coarse clock: the time is read once per turn of the thread's event loop, however many ask for it.

use std::cell::Cell;
use std::time::Instant;

/// A loop that never sleeps never begins a new turn; after so many questions the time is read anyway.
const QUESTIONS_PER_READING: u8 = 64;

thread_local! {
    static READING: Cell<Option<(Instant, u8)>> = const { Cell::new(None) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_within_a_turn_and_moves_with_the_next() {
        let first = now();
        assert_eq!(now(), first);
        let real = Instant::now();
        begin_turn();
        assert!(now() >= real);
    }
}
