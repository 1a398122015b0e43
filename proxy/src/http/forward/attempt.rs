//! One attempt: pick an endpoint, acquire a connection, send the request, wait for the response head.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::{Answer, Load, Plan, replace_authority};
use crate::cluster::outlier::Outcome;
use crate::cluster::pick::PickFacts;
use crate::cluster::pool::{AcquireError, EndpointPool, Lease, OpenCount, Wanted};
use crate::http::codec::h1::connection::ReadError;
use crate::http::codec::h1::encode::Persistence;
use crate::http::codec::h1::{Framing, HeadLimits};
use crate::http::codec::leg::{Leg, LegError, Piece};
use crate::http::codec::pump::{Pump, PumpError, Replay};
use crate::http::connection::Exchange;
use crate::http::deadline::earlier;
use crate::http::head::{KnownName, ResponseHead};
use crate::http::introduce;
use crate::http::route::rewrite::HostRewrite;

/// What an attempt is to avoid.
pub(super) struct Target<'a> {
    pub(super) excluded: &'a [u64],
    pub(super) draws: u32,
    pub(super) fresh: bool,
}

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No endpoint can be used.
    NoHost,
    /// A circuit breaker is open.
    Overflow,
    /// No connection; nothing was delivered.
    Connect(String),
    /// The upstream refused the stream unprocessed (RFC 9113 section 8.7).
    Refused,
    /// The upstream reset the stream.
    Reset { sent: Sent },
    /// The upstream closed the connection.
    Terminated { sent: Sent, reused: bool },
    /// The upstream broke the protocol.
    Protocol(String),
    /// The route's time is over.
    TimedOut,
    /// The attempt's time is over.
    TryTimedOut,
    /// Nothing moved for too long.
    IdleTimedOut,
    /// The client is gone.
    Gone,
    /// The client's body is malformed.
    BadRequestBody(String),
}

/// Whether the upstream may have seen the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Not a byte has left.
    Nothing,
    /// It may.
    Perhaps,
}

/// Makes one attempt.
pub(super) async fn attempt(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    plan: &Plan<'_>,
    pump: &mut Pump,
    target: Target<'_>,
) -> Result<Answer, Failure> {
    let fresh = target.fresh;
    let pool = pick(exchange, plan, target)?;
    let load = load(exchange, plan, &pool)?;
    let wanted = Wanted {
        downstream: exchange.request.version,
        fresh,
        priority: plan.to.priority,
    };
    let end = end(exchange, plan);
    let acquired = {
        let mut acquiring = std::pin::pin!(plan.cluster.acquire(&pool, wanted));
        let timer = &mut exchange.timer;
        poll_fn(|cx| match acquiring.as_mut().poll(cx) {
            Poll::Pending => timer.poll(cx, end).map(|()| None),
            ready => ready.map(Some),
        })
        .await
    };
    let channel = acquired.ok_or(Failure::TimedOut)?.map_err(|error| {
        plan.cluster
            .cluster
            .report(&pool.endpoint, Outcome::LocalFailure);
        match error {
            AcquireError::Overflow(_) => Failure::Overflow,
            AcquireError::Connect(error) => Failure::Connect(error.failure.to_string()),
            AcquireError::Http2(error) => Failure::Connect(error.to_string()),
        }
    })?;
    if matches!(plan.to.host, HostRewrite::Endpoint)
        && let Some(name) = &pool.endpoint.facts.hostname
    {
        replace_authority(
            exchange,
            name,
            plan.to.append_forwarded_host && exchange.record.attempts == 1,
        );
    }
    introduce::to_server(exchange, channel.facts());
    exchange.record.upstream = Some(Rc::clone(channel.facts()));
    let reused = channel.reused;
    let persistence = if plan.upgrade {
        Persistence::Upgrade
    } else {
        Persistence::Keep
    };
    let (leg, lease) = channel
        .send(&exchange.request, exchange.framing, persistence)
        .map_err(|error| failure(error, Sent::Nothing, reused))?;
    plan.cluster
        .stats
        .upstream_rq_total
        .increment(&exchange.downstream.local.shard);
    let outcome = converse(
        exchange,
        down,
        plan,
        pump,
        Begun {
            leg,
            lease,
            pool: Rc::clone(&pool),
            reused,
            load,
        },
    )
    .await;
    report(exchange, plan, &pool, outcome.as_ref().err());
    outcome
}

/// When the exchange must be over, if ever.
fn end(exchange: &Exchange<'_>, plan: &Plan<'_>) -> Option<Instant> {
    let start = exchange.record.start;
    let total = plan.timeouts.total.map(|limit| start + limit);
    earlier(plan.timeouts.end, total)
}

/// Counts the request, within the limits of the cluster.
fn load(exchange: &Exchange<'_>, plan: &Plan<'_>, pool: &EndpointPool) -> Result<Load, Failure> {
    let (stats, shard) = (&plan.cluster.stats, &exchange.downstream.local.shard);
    let permit = plan
        .cluster
        .cluster
        .breakers
        .acquire_request(plan.to.priority)
        .map_err(|_| {
            stats.upstream_rq_pending_overflow.increment(shard);
            Failure::Overflow
        })?;
    Ok(Load {
        _permit: permit,
        _active: pool.endpoint.begin(),
        _open: OpenCount::new(stats.upstream_rq_active, shard),
    })
}

fn report(
    exchange: &Exchange<'_>,
    plan: &Plan<'_>,
    pool: &EndpointPool,
    failure: Option<&Failure>,
) {
    let outcome = match failure {
        None => Outcome::Status(exchange.response.status.as_u16()),
        // Not the endpoint's fault.
        Some(Failure::Gone | Failure::BadRequestBody(_) | Failure::NoHost | Failure::Overflow) => {
            return;
        }
        Some(
            Failure::Connect(_)
            | Failure::Refused
            | Failure::Reset { .. }
            | Failure::Terminated { .. }
            | Failure::Protocol(_)
            | Failure::TimedOut
            | Failure::TryTimedOut
            | Failure::IdleTimedOut,
        ) => Outcome::LocalFailure,
    };
    if failure.is_some() {
        plan.cluster
            .stats
            .upstream_rq_tx_reset
            .increment(&exchange.downstream.local.shard);
    }
    plan.cluster.cluster.report(&pool.endpoint, outcome);
}

fn pick(
    exchange: &mut Exchange<'_>,
    plan: &Plan<'_>,
    target: Target<'_>,
) -> Result<Rc<EndpointPool>, Failure> {
    let downstream = exchange.downstream;
    let subset = plan
        .weighted
        .map_or(&plan.to.subset, |weighted| &weighted.subset);
    let hash = super::super::hash::hash(exchange, &plan.to.hash);
    let picked = downstream.local.worker.with_rng(|rng| {
        let mut facts = PickFacts {
            hash,
            subset,
            original_dst: Some(downstream.facts.destination),
            excluded: target.excluded,
            attempts: target.draws,
            rng,
        };
        plan.cluster.cluster.pick(&mut facts)
    });
    let picked = picked.map_err(|_| {
        plan.cluster
            .stats
            .upstream_cx_none_healthy
            .increment(&downstream.local.shard);
        Failure::NoHost
    })?;
    exchange.record.endpoint = Some(std::sync::Arc::clone(&picked.endpoint));
    // That of an attempt before this one.
    exchange.record.upstream = None;
    Ok(plan.cluster.endpoint(&picked.endpoint))
}

/// A request whose head is queued.
struct Begun {
    leg: Leg,
    lease: Lease,
    pool: Rc<EndpointPool>,
    reused: bool,
    load: Load,
}

/// Sends the body while waiting for the response head.
async fn converse(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    plan: &Plan<'_>,
    pump: &mut Pump,
    mut begun: Begun,
) -> Result<Answer, Failure> {
    let started = Instant::now();
    replay(&mut begun.leg, pump)
        .await
        .map_err(|error| failure(error, Sent::Perhaps, begun.reused))?;
    let mut waiting = Waiting {
        started,
        sent: None,
        request_broken: false,
        seen: pump.bytes,
    };
    loop {
        let (framing, keep_alive) =
            poll_fn(|cx| waiting.poll(cx, (&mut *exchange, &mut *down), plan, pump, &mut begun))
                .await?;
        if exchange.response.status.is_informational() && exchange.response.status.as_u16() != 101 {
            pass_informational(exchange, down)?;
            continue;
        }
        let since = waiting.sent.unwrap_or(started);
        exchange.record.service_time = Some(since.elapsed());
        let milliseconds = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        exchange
            .response
            .fields
            .set_number(KnownName::XEnvoyUpstreamServiceTime, milliseconds);
        let Begun {
            leg,
            lease,
            pool,
            load,
            ..
        } = begun;
        return Ok(Answer {
            leg,
            lease,
            pool,
            framing,
            keep_alive,
            _load: load,
        });
    }
}

/// 100 and 103 go to the client as they come.
fn pass_informational(exchange: &mut Exchange<'_>, down: &mut Leg) -> Result<(), Failure> {
    introduce::of_server(exchange);
    if exchange.request.version != crate::http::head::Version::Http10 {
        down.send_response(&exchange.response, Framing::Empty, Persistence::Keep)
            .map_err(|_| Failure::Gone)?;
    }
    exchange.response.clear();
    Ok(())
}

/// Sends again what an earlier attempt has already taken from the client.
async fn replay(leg: &mut Leg, pump: &Pump) -> Result<(), LegError> {
    let Replay::Kept { bytes, .. } = &pump.replay else {
        return Ok(());
    };
    if !bytes.is_empty() {
        poll_fn(|cx| leg.poll_room(cx)).await?;
        poll_fn(|cx| Poll::Ready(leg.send_data(cx, Piece::Slice(bytes)))).await?;
    }
    if pump.has_ended() {
        poll_fn(|cx| leg.poll_room(cx)).await?;
        leg.send_end(&crate::http::head::Fields::default())?;
    }
    Ok(())
}

/// The wait for a response head.
struct Waiting {
    started: Instant,
    /// When the request was sent whole.
    sent: Option<Instant>,
    /// The upstream takes no more of the request, but may still answer.
    request_broken: bool,
    seen: u64,
}

impl Waiting {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (exchange, down): (&mut Exchange<'_>, &mut Leg),
        plan: &Plan<'_>,
        pump: &mut Pump,
        begun: &mut Begun,
    ) -> Poll<Result<(Framing, bool), Failure>> {
        if self.sent.is_none() && !self.request_broken {
            match pump.poll(cx, down, &mut begun.leg) {
                Poll::Ready(Ok(())) => self.sent = Some(Instant::now()),
                Poll::Ready(Err(PumpError::Sink(error))) => {
                    tracing::debug!(%error, "the upstream takes no more of the request");
                    self.request_broken = true;
                }
                Poll::Ready(Err(PumpError::Source(error))) => {
                    return Poll::Ready(Err(source_failure(error)));
                }
                Poll::Pending => {}
            }
            exchange.record.bytes_received = pump.bytes;
        } else if down.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::Gone));
        }
        if let Poll::Ready(head) = poll_head(cx, exchange, &mut begun.leg) {
            // What is queued on an HTTP/1 connection counts as sent: the kernel may have taken it.
            return Poll::Ready(head.map_err(|error| failure(error, Sent::Perhaps, begun.reused)));
        }
        // The client may be waiting for an informational response.
        let _ = down.poll_flush(cx);
        if pump.bytes != self.seen {
            self.seen = pump.bytes;
            self.started = Instant::now();
        }
        self.poll_limits(cx, exchange, plan)
    }

    fn poll_limits<T>(
        &self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange<'_>,
        plan: &Plan<'_>,
    ) -> Poll<Result<T, Failure>> {
        let limits = &plan.timeouts;
        let after =
            |limit: Option<std::time::Duration>, since: Option<Instant>| Some(since? + limit?);
        let total = earlier(after(limits.total, self.sent), limits.end);
        let per_try = after(limits.per_try, self.sent);
        let idle = after(limits.idle, Some(self.sent.unwrap_or(self.started)));
        let first = earlier(total, earlier(per_try, idle));
        if exchange.timer.poll(cx, first).is_pending() {
            return Poll::Pending;
        }
        let (stats, shard) = (&plan.cluster.stats, &exchange.downstream.local.shard);
        Poll::Ready(Err(match first {
            _ if first == total => {
                stats.upstream_rq_timeout.increment(shard);
                Failure::TimedOut
            }
            _ if first == per_try => {
                stats.upstream_rq_per_try_timeout.increment(shard);
                Failure::TryTimedOut
            }
            _ => Failure::IdleTimedOut,
        }))
    }
}

fn poll_head(
    cx: &mut Context<'_>,
    exchange: &mut Exchange<'_>,
    leg: &mut Leg,
) -> Poll<Result<(Framing, bool), LegError>> {
    let head: &mut ResponseHead = &mut exchange.response;
    match leg {
        Leg::Http1(connection) => connection
            .poll_response(cx, &exchange.request.method, head, HeadLimits::default())
            .map_ok(|parsed| (parsed.framing, parsed.keep_alive))
            .map_err(LegError::from),
        Leg::Http2(stream) => {
            std::task::ready!(stream.poll_response(cx, head))?;
            let head_only = exchange.request.method == ::http::Method::HEAD;
            let framing = if head_only {
                Framing::Empty
            } else {
                stream.framing(&head.fields)
            };
            Poll::Ready(Ok((framing, true)))
        }
    }
}

fn source_failure(error: LegError) -> Failure {
    match error {
        LegError::Read(ReadError::Chunk(invalid)) => Failure::BadRequestBody(invalid.to_string()),
        LegError::Read(_) | LegError::Write(_) | LegError::Http2(_) => Failure::Gone,
    }
}

/// What an error of the upstream's leg means.
pub(super) fn failure(error: LegError, sent: Sent, reused: bool) -> Failure {
    match error {
        LegError::Read(ReadError::Head(invalid)) => Failure::Protocol(invalid.to_string()),
        LegError::Read(ReadError::Chunk(invalid)) => Failure::Protocol(invalid.to_string()),
        LegError::Read(ReadError::Io(_) | ReadError::Truncated) | LegError::Write(_) => {
            Failure::Terminated { sent, reused }
        }
        // The two cases in which the peer says that it has not looked at the request.
        LegError::Http2(error) if error.reason() == Some(h2::Reason::REFUSED_STREAM) => {
            Failure::Refused
        }
        LegError::Http2(error)
            if error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR) =>
        {
            Failure::Refused
        }
        LegError::Http2(error) if error.is_io() || error.is_go_away() => {
            Failure::Terminated { sent, reused }
        }
        LegError::Http2(_) => Failure::Reset { sent },
    }
}
