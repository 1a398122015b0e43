//! Whether a request is tried again.
//!
//! A policy names reasons; safety has the last word: a request is delivered a second time only when it is certain that
//! the first delivery was not processed, or when the request may be repeated (`is_repeatable`). So `5xx`,
//! `retriable-status-codes`, `cancelled`, `unavailable` and the like apply to repeatable requests only.

mod reasons;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use smallvec::SmallVec;

use self::reasons::classify;
use super::failure::{self, Failure};
use super::upload::Upload;
use super::{Plan, is_repeatable};
use crate::cluster::circuit_breaker::Permit;
use crate::http::codec::leg::Leg;
use crate::http::connection::Exchange;
use crate::http::handle::Stop;
use crate::http::head::{Fields, KnownName};
use crate::http::route::retry::{RetryOn, RetryPolicy};
use crate::matcher::HeaderLookup as _;
use crate::telemetry::access_log::ResponseFlags;

/// The retries of one request.
pub(super) struct Retries {
    policy: Option<Arc<RetryPolicy>>,
    on: RetryOn,
    left: u32,
    made: u32,
    tried: SmallVec<[u64; 4]>,
    /// The one further attempt that a stale pooled connection earns, without a policy, is made.
    stale_spent: bool,
    permit: Option<Permit>,
}

/// What to do after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What came is passed on.
    Done,
    /// Another attempt, after a pause.
    Again {
        pause: Duration,
        /// On a connection that was not used before.
        fresh: bool,
    },
}

impl Retries {
    pub(super) fn new(exchange: &Exchange<'_>, plan: &Plan<'_>) -> Self {
        let policy = plan
            .to
            .retry
            .clone()
            .filter(|policy| applies(policy, exchange));
        let asked = &plan.asked;
        let mut on = policy.as_ref().map(|policy| policy.on).unwrap_or_default();
        on.insert(asked.on);
        let configured = policy.as_ref().map_or(1, |policy| policy.retries);
        let left = if on.is_empty() {
            0
        } else {
            asked.retries.unwrap_or(configured)
        };
        Self {
            policy,
            on,
            left,
            made: 0,
            tried: SmallVec::new(),
            stale_spent: false,
            permit: None,
        }
    }

    /// Endpoints to avoid.
    pub(super) fn tried(&self) -> &[u64] {
        match &self.policy {
            Some(policy) if policy.avoid_previous_hosts => &self.tried,
            Some(_) | None => &[],
        }
    }

    /// Draws that may be spent on avoiding them.
    pub(super) fn draws(&self) -> u32 {
        self.policy
            .as_ref()
            .map_or(0, |policy| policy.host_selection_attempts)
    }

    pub(super) fn after_response(
        &mut self,
        exchange: &mut Exchange<'_>,
        plan: &Plan<'_>,
        replayable: bool,
    ) -> Verdict {
        if self.on.is_empty() {
            return Verdict::Done;
        }
        let reason = self.response_reason(exchange, plan);
        if self.made > 0 && !reason {
            plan.cluster
                .stats
                .upstream_rq_retry_success
                .increment(&exchange.downstream.local.shard);
        }
        if !reason || !replayable || exchange.upgrade || !is_repeatable(exchange, plan) {
            return Verdict::Done;
        }
        self.again(exchange, plan)
    }

    pub(super) fn after_failure(
        &mut self,
        exchange: &mut Exchange<'_>,
        plan: &Plan<'_>,
        failure: &Failure,
        replayable: bool,
    ) -> Verdict {
        if !replayable {
            return Verdict::Done;
        }
        let stale = match failure {
            Failure::Terminated { reused: true, .. } => is_repeatable(exchange, plan),
            Failure::GoneAway => true,
            Failure::NoHost
            | Failure::Overflow
            | Failure::Connect(_)
            | Failure::Refused
            | Failure::Reset { .. }
            | Failure::Terminated { reused: false, .. }
            | Failure::Protocol(_)
            | Failure::TimedOut(_)
            | Failure::Gone
            | Failure::BadRequestBody(_) => false,
        };
        if stale && !self.stale_spent {
            self.stale_spent = true;
            return Verdict::Again {
                pause: Duration::ZERO,
                fresh: true,
            };
        }
        let (reasons, unprocessed) = classify(failure);
        let wanted = reasons.iter().any(|reason| self.on.contains(*reason));
        if !wanted || !(unprocessed || is_repeatable(exchange, plan)) {
            return Verdict::Done;
        }
        self.again(exchange, plan)
    }

    /// A further attempt, within the limits; the access log tells which one was in the way.
    fn again(&mut self, exchange: &mut Exchange<'_>, plan: &Plan<'_>) -> Verdict {
        let (stats, shard) = (&plan.cluster.stats, &exchange.downstream.local.shard);
        // The retry that is over must not count against the one that begins.
        self.permit = None;
        if self.left == 0 {
            stats.upstream_rq_retry_limit_exceeded.increment(shard);
            let flag = ResponseFlags::UPSTREAM_RETRY_LIMIT_EXCEEDED;
            exchange.record.flags.insert(flag);
            return Verdict::Done;
        }
        match plan
            .cluster
            .cluster
            .breakers
            .acquire_retry(plan.to.priority)
        {
            Ok(permit) => self.permit = Some(permit),
            Err(_) => {
                stats.upstream_rq_retry_overflow.increment(shard);
                exchange
                    .record
                    .flags
                    .insert(ResponseFlags::UPSTREAM_OVERFLOW);
                return Verdict::Done;
            }
        }
        self.left -= 1;
        let pause = self.back_off(exchange);
        self.made += 1;
        Verdict::Again {
            pause,
            fresh: false,
        }
    }

    /// Envoy's fully jittered exponential back-off: uniform below `base * (2^n - 1)`, capped.
    fn back_off(&self, exchange: &Exchange<'_>) -> Duration {
        let (base, most) = match &self.policy {
            Some(policy) => (policy.base_interval, policy.max_interval),
            None => (Duration::from_millis(25), Duration::from_millis(250)),
        };
        let steps = (1_u32 << self.made.min(16)).saturating_mul(2) - 1;
        let ceiling = base
            .saturating_mul(steps)
            .min(most)
            .max(Duration::from_millis(1));
        let ceiling = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(
            exchange
                .downstream
                .local
                .worker
                .with_rng(|rng| rng.u64(..ceiling)),
        )
    }

    /// Notes the endpoint of the attempt that is over.
    pub(super) fn begin(&mut self, exchange: &mut Exchange<'_>, plan: &Plan<'_>) {
        plan.cluster
            .stats
            .upstream_rq_retry
            .increment(&exchange.downstream.local.shard);
        if let Some(endpoint) = exchange.record.endpoint.take() {
            self.tried.push(endpoint.id);
        }
    }

    /// Waits, unless the client goes or the time is over.
    pub(super) async fn pause(
        &self,
        exchange: &mut Exchange<'_>,
        plan: &Plan<'_>,
        (down, upload): (&mut Leg, &Upload),
        pause: Duration,
    ) -> Result<(), Stop> {
        let now = exchange.downstream.local.worker.now();
        let pause = Some(now + pause).filter(|_| !pause.is_zero());
        let over = plan.timeouts.over(upload.complete);
        let (until, limit) = match (pause, over) {
            (Some(pause), Some((over, limit))) if over < pause => (over, Some(limit)),
            (None, Some((over, limit))) if over <= now => (over, Some(limit)),
            (Some(pause), _) => (pause, None),
            (None, _) => return Ok(()),
        };
        let timer = &mut exchange.timer;
        let gone = poll_fn(|cx| match down.poll_gone(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => timer.poll(cx, Some(until)).map(|()| false),
        })
        .await;
        match limit {
            _ if gone => Err(failure::gone(exchange)),
            Some(limit) => {
                limit.count(exchange, plan);
                Err(limit.reply(upload.complete.is_some()).into())
            }
            None => Ok(()),
        }
    }

    fn response_reason(&self, exchange: &Exchange<'_>, plan: &Plan<'_>) -> bool {
        let status = exchange.response.status.as_u16();
        let fields = &exchange.response.fields;
        let on = |reason| self.on.contains(reason);
        // Who is limited is not asked again for another reason.
        if fields.has(KnownName::XEnvoyRatelimited) {
            return on(RetryOn::ENVOY_RATELIMITED);
        }
        on(RetryOn::SERVER_ERROR) && status >= 500
            || on(RetryOn::GATEWAY_ERROR) && matches!(status, 502..=504)
            || on(RetryOn::RETRIABLE_4XX) && status == 409
            || on(RetryOn::RETRIABLE_STATUS_CODES) && self.lists(plan, status)
            || on(RetryOn::RETRIABLE_HEADERS) && self.has_header(fields)
            || self.grpc_reason(fields)
    }

    fn lists(&self, plan: &Plan<'_>, status: u16) -> bool {
        let configured = self
            .policy
            .as_ref()
            .is_some_and(|policy| policy.statuses.contains(&status));
        configured || plan.asked.statuses.contains(&status)
    }

    fn has_header(&self, fields: &Fields) -> bool {
        let Some(policy) = &self.policy else {
            return false;
        };
        policy
            .response_headers
            .iter()
            .any(|wanted| matches_field(wanted, fields))
    }

    /// A response without body may carry its gRPC status in the head.
    fn grpc_reason(&self, fields: &Fields) -> bool {
        let reason = match fields.get_known(KnownName::GrpcStatus) {
            Some(b"1") => RetryOn::GRPC_CANCELLED,
            Some(b"4") => RetryOn::GRPC_DEADLINE_EXCEEDED,
            Some(b"8") => RetryOn::GRPC_RESOURCE_EXHAUSTED,
            Some(b"13") => RetryOn::GRPC_INTERNAL,
            Some(b"14") => RetryOn::GRPC_UNAVAILABLE,
            Some(_) | None => return false,
        };
        self.on.contains(reason)
    }
}

fn applies(policy: &RetryPolicy, exchange: &Exchange<'_>) -> bool {
    if policy.request_headers.is_empty() {
        return true;
    }
    let facts = crate::http::handle::facts(exchange);
    let matches = |wanted: &crate::matcher::HeaderMatcher| {
        wanted.matches(facts.header(&wanted.name).as_deref())
    };
    policy.request_headers.iter().any(matches)
}

fn matches_field(wanted: &crate::matcher::HeaderMatcher, fields: &Fields) -> bool {
    match &wanted.name {
        crate::matcher::HeaderName::Field(key) => wanted.matches(fields.value(key).as_deref()),
        crate::matcher::HeaderName::Method
        | crate::matcher::HeaderName::Path
        | crate::matcher::HeaderName::Authority
        | crate::matcher::HeaderName::Scheme => false,
    }
}
