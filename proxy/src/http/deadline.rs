//! One timer per connection or stream, set again only when it fires too early.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::time::Sleep;

/// A timer for deadlines that mostly move later and are mostly never reached: then setting one costs a comparison.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    /// Boxed, since most connections and streams never need one.
    sleep: Option<Pin<Box<Sleep>>>,
    /// The task that the timer wakes.
    registered: Option<Waker>,
}

impl Deadline {
    /// Ready at `deadline`; never when there is none.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let at = tokio::time::Instant::from_std(deadline);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        let waker = cx.waker();
        let known = self
            .registered
            .as_ref()
            .is_some_and(|registered| registered.will_wake(waker));
        if sleep.deadline() > at || sleep.is_elapsed() {
            sleep.as_mut().reset(at);
        } else if known {
            // It fires no later than wanted and wakes this task: there is nothing to ask it.
            return Poll::Pending;
        }
        if !known {
            self.registered = Some(waker.clone());
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if tokio::time::Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        Poll::Pending
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_earlier_deadline_fires_first_and_a_later_one_is_waited_for() {
        let start = Instant::now();
        let mut timer = Deadline::default();
        for milliseconds in [5, 2, 8] {
            let at = start + Duration::from_millis(milliseconds);
            poll_fn(|cx| timer.poll(cx, Some(at))).await;
            assert!(Instant::now() >= at);
        }
    }
}
