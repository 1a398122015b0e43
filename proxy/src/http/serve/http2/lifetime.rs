//! How long a connection goes on: until it has been idle or open for too long, or its listener is drained.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use crate::http::connection::Downstream;
use crate::http::deadline::{Deadline, earlier};

/// What a connection is due to do.
pub(super) enum Due {
    /// To tell the client that it ends.
    Goodbye,
    /// To end, whatever the client does.
    Close,
}

/// How long a connection goes on.
pub(super) struct Lifetime<'a> {
    downstream: &'a Downstream,
    timer: Deadline,
    /// When the last stream ended.
    pub(super) idle_since: Instant,
    closing: Option<Closing>,
}

/// A connection whose client was told that it ends.
struct Closing {
    /// Bytes that the socket has taken so far.
    sent: u64,
    /// When it took the last of them.
    moved: Instant,
}

impl<'a> Lifetime<'a> {
    pub(super) fn new(downstream: &'a Downstream) -> Self {
        Self {
            downstream,
            timer: Deadline::default(),
            idle_since: downstream.local.worker.now(),
            closing: None,
        }
    }

    /// Ready once when the client should be told, and then when it has had the drain timeout to finish in. Streams
    /// have limits of their own, and so only a connection that is `idle` ends; bytes still on their way give it more time.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        drain: Pin<&mut impl Future<Output = ()>>,
        (idle, sent): (bool, u64),
    ) -> Poll<Due> {
        let timeouts = &self.downstream.site.config.timeouts;
        let now = self.downstream.local.worker.now();
        let Some(closing) = &mut self.closing else {
            let idle = timeouts.idle.filter(|_| idle);
            let oldest = timeouts.max_connection_duration;
            let until = earlier(
                idle.map(|limit| self.idle_since + limit),
                oldest.map(|limit| self.downstream.since + limit),
            );
            if drain.poll(cx).is_pending() {
                ready!(self.timer.poll(cx, until));
            }
            self.closing = Some(Closing { sent, moved: now });
            return Poll::Ready(Due::Goodbye);
        };
        if sent != closing.sent {
            *closing = Closing { sent, moved: now };
        }
        let last = closing.moved.max(self.idle_since);
        let until = idle.then(|| last + timeouts.drain);
        self.timer.poll(cx, until).map(|()| Due::Close)
    }
}
