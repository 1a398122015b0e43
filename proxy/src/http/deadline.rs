//! One timer per connection or stream, set again only when it fires too early.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::task::coop::has_budget_remaining;
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
        loop {
            // Whoever has had his share of the thread is told to ask again before the timer has heard of him.
            if !has_budget_remaining() {
                self.registered = None;
            } else if !known {
                self.registered = Some(waker.clone());
            }
            ready!(sleep.as_mut().poll(cx));
            if tokio::time::Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
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
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::time::Duration;

    use tokio::task::coop::consume_budget;

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

    #[tokio::test]
    async fn a_timer_first_asked_by_a_task_that_has_had_its_share_still_fires() {
        let at = Instant::now() + Duration::from_millis(5);
        let mut timer = Deadline::default();
        let mut first = true;
        let fires = poll_fn(|cx| {
            while first && has_budget_remaining() {
                let _ = pin!(consume_budget()).poll(cx);
            }
            first = false;
            timer.poll(cx, Some(at))
        });
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, fires)
            .await
            .expect("it fires");
    }
}
