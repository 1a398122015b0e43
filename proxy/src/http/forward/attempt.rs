//! One attempt: pick an endpoint, acquire a connection, send the request, wait for the response head.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;

use super::converse;
use super::failure::{self, Failure, Sent};
use super::timeouts::Since;
use super::upload::Upload;
use super::{Call, Flow, Load, Plan, replace_authority};
use crate::cluster::circuit_breaker::RequestPermit;
use crate::cluster::config::Discovery;
use crate::cluster::outlier::Outcome;
use crate::cluster::pick::PickFacts;
use crate::cluster::pool::{Busy, Channel, EndpointPool, Wanted};
use crate::http::codec::h1::Framing;
use crate::http::codec::h1::encode::Persistence;
use crate::http::codec::leg::Leg;
use crate::http::connection::Exchange;
use crate::http::introduce;
use crate::http::route::rewrite::HostRewrite;

/// What an attempt is to avoid.
pub(super) struct Target<'a> {
    pub(super) excluded: &'a [u64],
    pub(super) draws: u32,
    pub(super) fresh: bool,
}

/// Makes one attempt, which becomes the flow's call.
pub(super) async fn attempt(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    flow: &mut Flow<'_>,
    target: Target<'_>,
) -> Result<(), Failure> {
    let Flow { plan, upload, call } = flow;
    let fresh = target.fresh;
    let pool = pick(exchange, plan, target)?;
    let busy = Busy::begin(&plan.cluster, &pool);
    let wanted = Wanted {
        downstream: exchange.request.version,
        fresh,
        priority: plan.to.priority,
    };
    let channel = match plan.cluster.at_hand(&pool, wanted) {
        Some(channel) => channel,
        None => {
            // Rare and large: kept out of the request's future.
            let acquired = Box::pin(acquire(exchange, down, (plan, upload), (&pool, wanted))).await;
            acquired.inspect_err(|failure| unsent(exchange, plan, &pool, failure))?
        }
    };
    // A request that waits for its connection is not under way yet: it counts among the pending ones.
    let permit = match permit(exchange, plan) {
        Ok(permit) => permit,
        Err(overflow) => {
            pool.take_back(channel);
            return Err(overflow);
        }
    };
    let load = Load {
        busy,
        _permit: permit,
    };
    let outcome = match begin(exchange, plan, channel, load) {
        Ok(begun) => {
            let begun = call.insert(begun);
            converse::converse(exchange, down, plan, upload, begun).await
        }
        Err(failure) => Err(failure),
    };
    if outcome.is_err() {
        *call = None;
    }
    report(exchange, plan, &pool, outcome.as_ref().err());
    outcome
}

/// Queues the request head.
fn begin(
    exchange: &mut Exchange<'_>,
    plan: &Plan<'_>,
    channel: Channel,
    load: Load,
) -> Result<Call, Failure> {
    if matches!(plan.to.host, HostRewrite::Endpoint)
        && let Some(name) = &load.busy.pool().endpoint.facts.hostname
    {
        let keep = plan.to.append_forwarded_host && !plan.host_kept.replace(true);
        replace_authority(exchange, name, keep);
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
        .map_err(|error| failure::of_upstream(error, Sent::Nothing, reused))?;
    let shard = &exchange.downstream.local.shard;
    plan.cluster.stats.upstream_rq_total.increment(shard);
    Ok(Call {
        leg,
        lease,
        reused,
        begun: exchange.downstream.local.worker.now(),
        framing: Framing::Empty,
        keep_alive: false,
        load,
    })
}

/// A connection to `pool`'s endpoint, as long as the client waits for it.
async fn acquire(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    (plan, upload): (&Plan<'_>, &Upload),
    (pool, wanted): (&Rc<EndpointPool>, Wanted),
) -> Result<Channel, Failure> {
    let now = exchange.downstream.local.worker.now();
    // Of a request that is not complete nothing is read meanwhile, so that its clock runs.
    let limit = plan.timeouts.of_attempt(Since {
        complete: upload.complete.or(Some(now)),
        begun: None,
        moved: now,
    });
    let timer = &mut exchange.timer;
    let mut acquiring = std::pin::pin!(plan.cluster.acquire(pool, wanted));
    poll_fn(|cx| {
        if let Poll::Ready(acquired) = acquiring.as_mut().poll(cx) {
            return Poll::Ready(acquired.map_err(Failure::from));
        }
        if down.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::Gone));
        }
        match limit {
            Some((at, limit)) => timer
                .poll(cx, Some(at))
                .map(|()| Err(Failure::TimedOut(limit))),
            None => Poll::Pending,
        }
    })
    .await
}

/// Counts the request, within the limits of the cluster.
fn permit(exchange: &Exchange<'_>, plan: &Plan<'_>) -> Result<RequestPermit, Failure> {
    let permit = plan.cluster.share.acquire_request(plan.to.priority);
    permit.map_err(|_| {
        plan.cluster
            .stats
            .upstream_rq_pending_overflow
            .increment(&exchange.downstream.local.shard);
        Failure::Overflow
    })
}

/// Reports an attempt that got no connection; that others hold them all is not the endpoint's fault.
fn unsent(exchange: &Exchange<'_>, plan: &Plan<'_>, pool: &EndpointPool, failure: &Failure) {
    match failure {
        Failure::TimedOut(limit) => limit.count(exchange, plan),
        Failure::Connect(_) => report(exchange, plan, pool, Some(failure)),
        Failure::NoHost
        | Failure::Overflow
        | Failure::Refused
        | Failure::GoneAway
        | Failure::Reset { .. }
        | Failure::Terminated { .. }
        | Failure::Protocol(_)
        | Failure::Gone
        | Failure::BadRequestBody(_) => {}
    }
}

fn report(
    exchange: &Exchange<'_>,
    plan: &Plan<'_>,
    pool: &EndpointPool,
    failure: Option<&Failure>,
) {
    let outcome = match failure {
        None => Some(Outcome::Status(exchange.response.status.as_u16())),
        Some(failure) => {
            failure.count(exchange, plan);
            if let Failure::TimedOut(limit) = failure {
                limit.count(exchange, plan);
            }
            failure.outcome()
        }
    };
    if let Some(outcome) = outcome {
        plan.cluster.cluster.report(&pool.endpoint, outcome);
    }
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
    let destination = destination(exchange, plan);
    let picked = downstream.local.worker.with_rng(|rng| {
        let mut facts = PickFacts {
            hash,
            subset,
            original_dst: Some(destination),
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
    let pool = plan.cluster.endpoint(&picked.endpoint);
    exchange.record.endpoint = Some(picked.endpoint);
    // That of an attempt before this one.
    exchange.record.upstream = None;
    Ok(pool)
}

/// Where the request was going: as the header says that the cluster names, else as its connection was.
fn destination(exchange: &Exchange<'_>, plan: &Plan<'_>) -> SocketAddr {
    let named = match &plan.cluster.cluster.config.discovery {
        Discovery::OriginalDst(rules) => rules.header.as_ref().and_then(|header| {
            let value = exchange.request.fields.get(header)?;
            std::str::from_utf8(value).ok()?.trim().parse().ok()
        }),
        Discovery::Static
        | Discovery::Eds(_)
        | Discovery::StrictDns(_)
        | Discovery::LogicalDns(_) => None,
    };
    named.unwrap_or(exchange.downstream.facts.destination)
}
