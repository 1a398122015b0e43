//! A request on its way to an upstream and back: choose the cluster, then attempts until one gives a response, then the
//! bodies both ways.

mod asked;
mod attempt;
mod converse;
mod failure;
mod retry;
mod sound;
mod stream;
mod timeouts;
mod upload;

pub(crate) use self::failure::gone;

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use ::http::{Method, StatusCode};

use self::asked::Asked;
use self::attempt::Target;
use self::timeouts::Timeouts;
use self::upload::Upload;
use super::codec::h1::Framing;
use super::codec::leg::Leg;
use super::connection::Exchange;
use super::edits;
use super::filters;
use super::handle::{self, Ending, Stop};
use super::head::KnownName;
use super::introduce;
use super::local_reply::LocalReply;
use super::respond::{self, Edited};
use super::route::action::{ClusterChoice, ClusterPick, NoCluster};
use super::route::rewrite::HostRewrite;
use super::route::rewrite::PathRewrite;
use super::route::{Forward, RouteDecision, WeightedCluster};
use crate::cluster::circuit_breaker::RequestPermit;
use crate::cluster::pool::{Busy, ClusterPool, Lease};

/// Where a request goes, as decided before the first attempt.
pub(crate) struct Plan<'a> {
    pub(crate) routed: RouteDecision<'a>,
    pub(crate) to: &'a Forward,
    pub(crate) weighted: Option<&'a WeightedCluster>,
    pub(crate) cluster: Rc<ClusterPool>,
    pub(crate) timeouts: Timeouts,
    pub(crate) asked: Asked,
    /// The request may become another protocol.
    pub(crate) upgrade: bool,
    /// The authority that an endpoint's name replaced is in `x-forwarded-host`.
    pub(crate) host_kept: Cell<bool>,
}

/// A request on its way; the parts of it that change hands stay where they are.
pub(crate) struct Flow<'a> {
    pub(crate) plan: Plan<'a>,
    pub(crate) upload: Upload,
    /// The attempt under way.
    pub(crate) call: Option<Call>,
}

/// An attempt whose request head is queued.
pub(crate) struct Call {
    pub(crate) leg: Leg,
    pub(crate) lease: Lease,
    /// The connection has carried requests before.
    pub(crate) reused: bool,
    /// When the attempt began.
    pub(crate) begun: Instant,
    /// Where the body of the response ends, once its head has come.
    pub(crate) framing: Framing,
    /// The upstream keeps the connection.
    pub(crate) keep_alive: bool,
    /// Counted until the response has ended.
    pub(crate) load: Load,
}

/// One request as the cluster and the endpoint count it.
pub(crate) struct Load {
    pub(crate) busy: Busy,
    pub(crate) _permit: RequestPermit,
}

/// Forwards the request in `exchange` as `to` says.
pub(crate) async fn forward(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    routed: RouteDecision<'_>,
    to: &Forward,
) -> Result<Ending, Stop> {
    let drawn = draw(exchange, to);
    let weighted = drawn.as_ref().ok().and_then(|drawn| drawn.weighted);
    let levels = weighted.map_or(&routed.route.per_filter, |one| &one.per_filter);
    filters::authorize(exchange, levels)?;
    let chosen = choose(exchange, to, drawn)?;
    if filters::are_there(exchange) {
        filters::on_request(exchange, down, levels, &chosen.1.cluster.config.name).await?;
    }
    let plan = plan(exchange, routed, to, chosen)?;
    let mut flow = Flow {
        upload: Upload::new(exchange, down, &plan),
        plan,
        call: None,
    };
    attempts(exchange, down, &mut flow).await?;
    introduce::of_server(exchange);
    filters::on_response(exchange, levels);
    let edited = Edited { routed, weighted };
    respond::prepare(exchange, Some(edited));
    stream::respond(exchange, down, &mut flow).await
}

fn draw<'a>(exchange: &Exchange<'_>, to: &'a Forward) -> Result<ClusterPick<'a>, NoCluster> {
    if let ClusterChoice::Named(name) = &to.cluster {
        return Ok(ClusterPick {
            name: Cow::Borrowed(name),
            weighted: None,
        });
    }
    let random = exchange.downstream.local.worker.with_rng(|rng| rng.u64(..));
    to.pick_cluster(&handle::facts(exchange), random)
}

/// The cluster for the request, and the entry of the weighted list that was drawn.
fn choose<'a>(
    exchange: &mut Exchange<'_>,
    to: &Forward,
    drawn: Result<ClusterPick<'a>, NoCluster>,
) -> Result<(Option<&'a WeightedCluster>, Rc<ClusterPool>), Stop> {
    let downstream = exchange.downstream;
    let no_cluster = || {
        downstream
            .site
            .stats
            .no_cluster
            .increment(&downstream.local.shard);
        Stop::from(LocalReply::no_cluster(to.cluster_not_found))
    };
    let picked = drawn.map_err(|_| no_cluster())?;
    let cluster = downstream
        .local
        .cluster(&picked.name)
        .ok_or_else(no_cluster)?;
    let weighted = picked.weighted;
    exchange.record.cluster = Some(Rc::clone(&cluster));
    Ok((weighted, cluster))
}

fn plan<'a>(
    exchange: &mut Exchange<'_>,
    routed: RouteDecision<'a>,
    to: &'a Forward,
    (weighted, cluster): (Option<&'a WeightedCluster>, Rc<ClusterPool>),
) -> Result<Plan<'a>, Stop> {
    // With a body, readers differ on where the other protocol begins: such a request goes on as it is, without upgrade.
    let bodiless = exchange.upgrade && exchange.framing == Framing::Empty;
    let upgrade = bodiless && allows_upgrade(exchange, to)?;
    if !upgrade {
        exchange.request.fields.remove_known(KnownName::Upgrade);
    }
    let timeouts = Timeouts::of(exchange, to);
    if rewrites(routed, to, weighted) {
        rewrite(exchange, routed, to, weighted);
        sound::check(&exchange.request, &routed.route.name)?;
    }
    let asked = Asked::take(&mut exchange.request.fields);
    timeouts.announce(&mut exchange.request.fields);
    Ok(Plan {
        routed,
        to,
        weighted,
        cluster,
        timeouts,
        asked,
        upgrade,
        host_kept: Cell::new(false),
    })
}

/// Whether the protocol that the client asks for is let through; if not, the request is refused.
#[inline(never)]
fn allows_upgrade(exchange: &Exchange<'_>, to: &Forward) -> Result<bool, Stop> {
    let asked = exchange
        .request
        .fields
        .get_str(KnownName::Upgrade)
        .unwrap_or_default();
    let named = |list: &[super::config::Upgrade]| {
        list.iter()
            .find(|upgrade| upgrade.protocol.eq_ignore_ascii_case(asked))
            .map(|upgrade| upgrade.enabled)
    };
    if asked.is_empty() || asked.eq_ignore_ascii_case("h2c") {
        return Ok(false);
    }
    match named(&to.upgrades).or_else(|| named(&exchange.downstream.site.config.upgrades)) {
        Some(true) => Ok(true),
        Some(false) | None => {
            Err(LocalReply::new(StatusCode::FORBIDDEN, "", "upgrade_failed").into())
        }
    }
}

/// Whether the route changes requests at all; what the client sent needs no second look.
fn rewrites(routed: RouteDecision<'_>, to: &Forward, weighted: Option<&WeightedCluster>) -> bool {
    weighted.is_some()
        || !routed.route.request_headers.is_empty()
        || !matches!(to.path, PathRewrite::Keep)
        || !matches!(to.host, HostRewrite::Keep | HostRewrite::Endpoint)
}

#[inline(never)]
fn rewrite(
    exchange: &mut Exchange<'_>,
    routed: RouteDecision<'_>,
    to: &Forward,
    weighted: Option<&WeightedCluster>,
) {
    if let Some(weighted) = weighted {
        edits::request(exchange, &weighted.request_headers);
    }
    edits::request(exchange, &routed.route.request_headers);
    if let Some(path) = to
        .path
        .apply(exchange.request.path(), &routed.route.matching.path)
    {
        let original = exchange.request.path().to_owned();
        exchange
            .request
            .fields
            .set_known(KnownName::XEnvoyOriginalPath, original.as_bytes());
        exchange.request.set_path(&path);
    }
    let host = match weighted.map(|weighted| &weighted.host) {
        Some(HostRewrite::Keep) | None => &to.host,
        Some(host) => host,
    };
    let new = match host {
        // Known only when the endpoint is: see `attempt`.
        HostRewrite::Keep | HostRewrite::Endpoint => None,
        HostRewrite::Literal(host) => Some(host.to_string()),
        HostRewrite::Header(name) => exchange
            .request
            .fields
            .get(name)
            .and_then(|value| String::from_utf8(value.to_vec()).ok()),
        HostRewrite::PathRegex(..) => host.from_path(exchange.request.path()),
    };
    if let Some(new) = new {
        replace_authority(exchange, &new, to.append_forwarded_host);
    }
}

/// Replaces the authority; the old one is kept for the upstream where that is wanted.
pub(crate) fn replace_authority(exchange: &mut Exchange<'_>, new: &str, keep_old: bool) {
    if keep_old {
        let old = exchange.request.authority().to_owned();
        exchange
            .request
            .fields
            .append_to_list(KnownName::XForwardedHost, old.as_bytes());
    }
    exchange.request.set_authority(new);
}

/// Attempts until one gives a response that is passed on: that of the flow's call.
async fn attempts(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    flow: &mut Flow<'_>,
) -> Result<(), Stop> {
    let mut retries = retry::Retries::new(exchange, &flow.plan);
    let mut fresh = false;
    loop {
        exchange.record.attempts += 1;
        if flow.plan.routed.virtual_host.attempt_count_in_request {
            exchange.request.fields.set_number(
                KnownName::XEnvoyAttemptCount,
                u64::from(exchange.record.attempts),
            );
        }
        let target = Target {
            excluded: retries.tried(),
            draws: retries.draws(),
            fresh,
        };
        let outcome = attempt::attempt(exchange, down, flow, target).await;
        let (plan, upload) = (&flow.plan, &flow.upload);
        let repeatable = upload.is_repeatable();
        let verdict = match &outcome {
            Ok(()) => retries.after_response(exchange, plan, repeatable),
            Err(failure) => retries.after_failure(exchange, plan, failure, repeatable),
        };
        match (verdict, outcome) {
            (retry::Verdict::Again { pause, fresh: new }, _) => {
                fresh = new;
                if let Some(call) = flow.call.take() {
                    call.pass_over(plan);
                }
                retries.begin(exchange, plan);
                retries
                    .pause(exchange, plan, (&mut *down, upload), pause)
                    .await?;
                exchange.response.clear();
            }
            (retry::Verdict::Done, Ok(())) => return Ok(()),
            (retry::Verdict::Done, Err(failure)) => {
                return Err(failure.stop(exchange, upload.complete.is_some()));
            }
        }
    }
}

impl Call {
    /// Makes the connection available to others.
    fn give_back(self, plan: &Plan<'_>) {
        let pool = self.load.busy.pool();
        self.lease
            .give_back(self.leg, pool, &plan.cluster, self.keep_alive);
    }

    /// Leaves the response unread; a connection on which nothing of it is left serves others.
    fn pass_over(self, plan: &Plan<'_>) {
        if self.leg.is_read() && self.leg.is_written() {
            self.give_back(plan);
        }
    }
}

/// Whether a second delivery of the request does no harm, as the client declares it: by the method (RFC 9110 section
/// 9.2.2), by an `idempotency-key`, or by asking for retries itself with `x-envoy-retry-on`.
pub(crate) fn is_repeatable(exchange: &Exchange<'_>, plan: &Plan<'_>) -> bool {
    let request = &exchange.request;
    let by_method = matches!(
        request.method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    );
    by_method || request.fields.has(KnownName::IdempotencyKey) || plan.asked.repeatable
}
