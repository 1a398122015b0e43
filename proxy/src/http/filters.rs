//! What the configured filters do with a request before it is forwarded, and with its response.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use ::http::{Method, StatusCode};

use super::codec::leg::Leg;
use super::connection::Exchange;
use super::filter::fault::Abort;
use super::filter::{CorsPolicy, FaultPolicy, InForce, PerFilter};
use super::forward;
use super::handle::{self, Stop};
use super::head::{HeaderKey, KnownName};
use super::local_reply::LocalReply;
use crate::telemetry::access_log::ResponseFlags;

/// Lets the authorization filters judge; they come before everything else that a filter does. `levels` is what the
/// route, or the weighted cluster that was drawn, says of filters.
pub(crate) fn authorize(exchange: &Exchange<'_>, levels: &PerFilter) -> Result<(), Stop> {
    let filters = &exchange.downstream.site.config.filters;
    let Some(denial) = filters.denial(levels) else {
        return Ok(());
    };
    let policy = denial.policy.as_deref().unwrap_or("none");
    let details = format!("rbac_access_denied_matched_policy[{policy}]");
    Err(LocalReply::new(StatusCode::FORBIDDEN, "RBAC: access denied", details).into())
}

/// Whether any filter stands before the router.
pub(crate) fn are_there(exchange: &Exchange<'_>) -> bool {
    !exchange.downstream.site.config.filters.chain.is_empty()
}

/// Runs the other filters on an authorized request; `cluster` is empty when the route answers by itself.
pub(crate) async fn on_request(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    levels: &PerFilter,
    cluster: &str,
) -> Result<(), Stop> {
    let site = std::rc::Rc::clone(&exchange.downstream.site);
    let filters = &site.config.filters;
    for found in filters.in_force(levels) {
        match found {
            // Large and rarely taken: kept out of the request's future.
            InForce::Fault(policy) => Box::pin(inject(exchange, down, policy, cluster)).await?,
            InForce::Cors(policy) => preflight(exchange, policy)?,
        }
    }
    Ok(())
}

async fn inject(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    policy: &FaultPolicy,
    cluster: &str,
) -> Result<(), Stop> {
    let local = std::rc::Rc::clone(&exchange.downstream.local);
    let numbers = local.worker.with_rng(|rng| (rng.u64(..), rng.u64(..)));
    let injected = policy.decide(&handle::facts(exchange), cluster, numbers);
    if injected.delay.is_none() && injected.abort.is_none() {
        return Ok(());
    }
    let Some(_active) = local.faults.begin(policy.max_active) else {
        return Ok(());
    };
    if let Some(delay) = injected.delay {
        exchange.record.flags.insert(ResponseFlags::DELAY_INJECTED);
        let until = Some(Instant::now() + delay);
        let gone = poll_fn(|cx| match down.poll_gone(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => exchange.timer.poll(cx, until).map(|()| false),
        });
        if gone.await {
            return Err(forward::gone(exchange));
        }
    }
    let reply = |status| LocalReply::new(status, "fault filter abort", "fault_filter_abort");
    let mut reply = match injected.abort {
        None => return Ok(()),
        Some(Abort::Http(status)) => {
            reply(StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
        }
        Some(Abort::Grpc(status)) => {
            let mut reply = reply(StatusCode::OK);
            reply.grpc_status = Some(status);
            reply
        }
    };
    reply.flags.insert(ResponseFlags::FAULT_INJECTED);
    Err(reply.into())
}

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// Answers a preflight (Fetch standard, CORS protocol) as the route's policy says.
fn preflight(exchange: &Exchange<'_>, policy: &CorsPolicy) -> Result<(), Stop> {
    let Some(origin) = exchange.request.fields.get_known(KnownName::Origin) else {
        return Ok(());
    };
    let asks = exchange
        .request
        .fields
        .get(&key("access-control-request-method"))
        .is_some();
    if exchange.request.method != Method::OPTIONS || !asks {
        return Ok(());
    }
    let mut reply = LocalReply::new(StatusCode::OK, "", "cors_response");
    if !policy.allows(origin) {
        return if policy.forward_unmatched_preflights {
            Ok(())
        } else {
            Err(reply.into())
        };
    }
    let mut add = |name: &str, value: &[u8]| reply.fields.push((key(name), value.to_vec()));
    add(ALLOW_ORIGIN, origin);
    let lists = [
        ("access-control-allow-methods", &policy.allow_methods),
        ("access-control-allow-headers", &policy.allow_headers),
        ("access-control-max-age", &policy.max_age),
    ];
    for (name, value) in lists {
        if let Some(value) = value {
            add(name, value.as_bytes());
        }
    }
    if policy.allow_credentials {
        add("access-control-allow-credentials", b"true");
    }
    Err(reply.into())
}

/// Tells a browser that it may read the response.
pub(crate) fn on_response(exchange: &mut Exchange<'_>, levels: &PerFilter) {
    let downstream = exchange.downstream;
    let (Some(policy), Some(origin)) = (
        downstream.site.config.filters.cors(levels),
        exchange.request.fields.get_known(KnownName::Origin),
    ) else {
        return;
    };
    if !policy.allows(origin) {
        return;
    }
    let fields = &mut exchange.response.fields;
    fields.set(&key(ALLOW_ORIGIN), origin);
    if policy.allow_credentials {
        fields.set(&key("access-control-allow-credentials"), b"true");
    }
    if let Some(exposed) = &policy.expose_headers {
        fields.set(&key("access-control-expose-headers"), exposed.as_bytes());
    }
}

fn key(name: &str) -> HeaderKey {
    HeaderKey::parse(name).expect("the names above are tokens")
}
