//! Copying both ways between two connections until both sides have said all they wanted: half-close is kept, buffers are
//! held only while they hold bytes, and large transfers between plain sockets never enter user space.

use crate::transport::{Raw, Stream};
use crate::worker;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

mod pipe;
mod pump;

use pump::Pump;

/// How long a copy may last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Ends it after this time without a byte in either direction.
    pub(crate) idle: Option<Duration>,
    /// Ends it at this age.
    pub(crate) age: Option<Duration>,
}

/// Bytes moved so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// From the downstream to the upstream.
    pub(crate) to_upstream: u64,
    /// From the upstream to the downstream.
    pub(crate) to_downstream: u64,
}

impl Moved {
    /// What was moved since there was `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            to_upstream: self.to_upstream - before.to_upstream,
            to_downstream: self.to_downstream - before.to_downstream,
        }
    }
}

/// Why a copy ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// Both sides said that they were done.
    #[error("both sides finished")]
    Finished,
    /// Nothing moved for too long.
    #[error("nothing moved for as long as the idle timeout")]
    Idle,
    /// It lasted as long as it may.
    #[error("it reached the longest duration allowed")]
    TooOld,
    /// The client's connection broke.
    #[error("the client's connection broke: {0}")]
    DownstreamFailed(io::Error),
    /// The endpoint's connection broke.
    #[error("the endpoint's connection broke: {0}")]
    UpstreamFailed(io::Error),
}

/// How often the bytes moved so far are reported.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// Copies both ways; `report` is told how far it came, now and then and at the end.
///
/// Not an async fn, which would keep its arguments beside what becomes of them: idle connections hold this.
pub(crate) fn both_ways<'a>(
    downstream: &'a mut Stream,
    upstream: &'a mut Stream,
    limits: Limits,
    mut report: impl FnMut(Moved),
) -> impl Future<Output = Ended> {
    let mut pair = Pair {
        downstream,
        upstream,
        out: Pump::default(),
        back: Pump::default(),
    };
    let mut watch = Watch::new(limits);
    async move {
        let mut timer = pin!(tokio::time::sleep(watch.next_look()));
        let ended = poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = pair.poll(cx) {
                    return Poll::Ready(ended);
                }
                watch.saw(pair.moved());
                match timer.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {
                        report(pair.moved());
                        if let Some(ended) = watch.over() {
                            return Poll::Ready(ended);
                        }
                        let next = tokio::time::Instant::now() + watch.next_look();
                        timer.as_mut().reset(next);
                    }
                }
            }
        })
        .await;
        report(pair.moved());
        ended
    }
}

/// Two connections and the two directions between them.
struct Pair<'a> {
    downstream: &'a mut Stream,
    upstream: &'a mut Stream,
    out: Pump,
    back: Pump,
}

impl Pair<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let out = self.out.poll(cx, self.downstream, self.upstream);
        let back = self.back.poll(cx, self.upstream, self.downstream);
        match (out, back) {
            (Poll::Ready(Err(failed)), _) => Poll::Ready(match failed {
                pump::Failed::Reading(error) => Ended::DownstreamFailed(error),
                pump::Failed::Writing(error) => Ended::UpstreamFailed(error),
            }),
            (_, Poll::Ready(Err(failed))) => Poll::Ready(match failed {
                pump::Failed::Reading(error) => Ended::UpstreamFailed(error),
                pump::Failed::Writing(error) => Ended::DownstreamFailed(error),
            }),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ended::Finished),
            (Poll::Pending, _) | (_, Poll::Pending) => Poll::Pending,
        }
    }

    fn moved(&self) -> Moved {
        Moved {
            to_upstream: self.out.moved(),
            to_downstream: self.back.moved(),
        }
    }
}

/// Looks at a copy now and then: one timer however many bytes pass.
struct Watch {
    limits: Limits,
    began: Instant,
    last: Instant,
    moved: Moved,
}

impl Watch {
    fn new(limits: Limits) -> Self {
        let now = worker::now();
        Self {
            limits,
            began: now,
            last: now,
            moved: Moved::default(),
        }
    }

    fn saw(&mut self, moved: Moved) {
        if moved != self.moved {
            self.moved = moved;
            self.last = worker::now();
        }
    }

    fn next_look(&self) -> Duration {
        let now = Instant::now();
        let left = |limit: Option<Duration>, since: Instant| {
            limit.map(|limit| (since + limit).saturating_duration_since(now))
        };
        [
            left(self.limits.idle, self.last),
            left(self.limits.age, self.began),
        ]
        .into_iter()
        .flatten()
        .fold(REPORT_EVERY, Duration::min)
    }

    fn over(&self) -> Option<Ended> {
        let now = Instant::now();
        if self.limits.age.is_some_and(|age| now - self.began >= age) {
            return Some(Ended::TooOld);
        }
        let idle = now.saturating_duration_since(self.last);
        self.limits
            .idle
            .is_some_and(|limit| idle >= limit)
            .then_some(Ended::Idle)
    }
}

/// The kernel's socket to read from if bytes may pass without us looking: neither side is TLS and nothing is read ahead.
fn spliceable<'a>(from: &'a Stream, to: &Stream) -> Option<&'a Raw> {
    match (from, to) {
        (Stream::Plain(from), Stream::Plain(_)) if from.buffered().is_empty() => Some(from.raw()),
        (Stream::Plain(_) | Stream::Tls(_), _) => None,
    }
}

/// A stream pinned where it is; streams do not mind being moved.
fn pinned(stream: &mut Stream) -> Pin<&mut Stream> {
    Pin::new(stream)
}

#[cfg(test)]
mod tests;
