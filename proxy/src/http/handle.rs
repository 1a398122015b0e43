//! One request: prepare it, find its route, do what the route says.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::StatusCode;
use bytes::Bytes;

use super::codec::h1::Framing;
use super::codec::h1::encode::Persistence;
use super::codec::leg::{Leg, LegError, Piece};
use super::connection::Exchange;
use super::filters;
use super::forward;
use super::head::{Fields, KnownName, Version};
use super::local_reply::LocalReply;
use super::log;
use super::measure;
use super::prepare;
use super::redirect;
use super::respond;
use super::route::{Action, NoRoute, RequestFacts, RouteDecision, VirtualHost};
use super::serve::version_refusal;
use crate::telemetry::access_log::ResponseFlags;

/// What becomes of the downstream connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It takes the next request.
    Keep,
    /// It ends, after what was sent.
    Close,
    /// It ends at once: the response is not whole.
    Abort,
}

/// Why a request did not simply get the upstream's response.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The proxy answers.
    Reply(Box<LocalReply>),
    /// The client is gone, or the response broke off.
    Broken,
}

impl From<LocalReply> for Stop {
    fn from(reply: LocalReply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

/// Serves the request in `exchange`.
pub(crate) async fn handle(exchange: &mut Exchange<'_>, down: &mut Leg) -> Ending {
    let mut open = Open::begin(exchange);
    let exchange = &mut *open.exchange;
    let (stats, shard) = (
        &exchange.downstream.site.stats,
        &exchange.downstream.local.shard,
    );
    match exchange.request.version {
        Version::Http10 | Version::Http11 => stats.downstream_rq_http1_total.increment(shard),
        Version::Http2 => stats.downstream_rq_http2_total.increment(shard),
    }
    exchange.record.request_head_bytes = exchange.request.fields.size() as u64;
    let ending = match run(exchange, down).await {
        Ok(ending) => ending,
        Err(Stop::Reply(reply)) => send_reply(exchange, down, &reply).await,
        Err(Stop::Broken) => Ending::Abort,
    };
    open.ended = true;
    ending
}

/// Answers a request that could not even be read.
pub(crate) async fn refuse(exchange: &mut Exchange<'_>, down: &mut Leg, reply: LocalReply) {
    let mut open = Open::begin(exchange);
    send_reply(open.exchange, down, &reply).await;
    open.ended = true;
}

async fn run(exchange: &mut Exchange<'_>, down: &mut Leg) -> Result<Ending, Stop> {
    if let Some(reply) = version_refusal(exchange) {
        exchange.close = true;
        return Err(reply.into());
    }
    prepare::prepare(exchange)?;
    let facts = facts(exchange);
    let virtual_host = find_virtual_host(exchange, &facts)?;
    let routed =
        RouteDecision::find(&virtual_host, &facts).map_err(|none| no_route(exchange, none))?;
    exchange.record.route = Some(Arc::clone(routed.route));
    // A request that is forwarded may be judged by the weighted cluster that is drawn for it.
    if !matches!(routed.route.action, Action::Forward(_)) {
        let levels = &routed.route.per_filter;
        filters::authorize(exchange, levels)?;
        filters::on_request(exchange, down, levels, "").await?;
    }
    match &routed.route.action {
        Action::Forward(to) => forward::forward(exchange, down, routed, to).await,
        Action::Redirect(to) => {
            Err(redirect::reply(&exchange.request, to, &routed.route.matching.path).into())
        }
        Action::Direct(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
            let mut reply = LocalReply::new(status, "", "direct_response");
            reply.body = answer.body.clone();
            if let Some(kind) = &answer.content_type {
                reply = reply.field(KnownName::ContentType, kind.as_bytes());
            }
            Err(reply.into())
        }
    }
}

/// The virtual host of a request, which is all that it holds of the table: a stream may live for hours, and a table may be
/// large.
fn find_virtual_host(
    exchange: &Exchange<'_>,
    facts: &RequestFacts<'_, Fields>,
) -> Result<Arc<VirtualHost>, Stop> {
    let routes = &exchange.downstream.site.config.routes;
    routes.look(|table| match table {
        None => Err(LocalReply::no_route().into()),
        Some(table) => {
            let found = table.find_virtual_host(facts).cloned();
            found.map_err(|none| no_route(exchange, none))
        }
    })
}

fn no_route(exchange: &Exchange<'_>, none: NoRoute<'_>) -> Stop {
    let downstream = exchange.downstream;
    match none {
        NoRoute::NoVirtualHost | NoRoute::NoRoute(_) => {
            downstream
                .site
                .stats
                .no_route
                .increment(&downstream.local.shard);
            LocalReply::no_route().into()
        }
        NoRoute::TlsRequired(_) => redirect::to_https(&exchange.request).into(),
    }
}

/// What routes are matched against.
pub(crate) fn facts<'a>(exchange: &'a Exchange<'_>) -> RequestFacts<'a, Fields> {
    let request = &exchange.request;
    let tls = exchange.downstream.tls.as_deref();
    RequestFacts {
        method: request.method.as_str(),
        path: request.path(),
        authority: request.authority(),
        scheme: request.scheme.as_str(),
        headers: &request.fields,
        secure: tls.is_some()
            || request.fields.get_known(KnownName::XForwardedProto) == Some(b"https"),
        internal: exchange.downstream.internal,
        client_certificate: tls.filter(|tls| tls.peer.is_some()).map(|tls| {
            super::route::matching::ClientCertificate {
                validated: tls.verified,
            }
        }),
        random: exchange.downstream.local.worker.with_rng(|rng| rng.u64(..)),
    }
}

async fn send_reply(exchange: &mut Exchange<'_>, down: &mut Leg, reply: &LocalReply) -> Ending {
    let (head, body) = reply.render(&exchange.request);
    exchange.response = head;
    exchange.record.flags.insert(reply.flags);
    exchange.record.details = reply.details.clone();
    // What was not read of the request cannot be told from the next one.
    exchange.close |= reply.close || !down.is_read() && exchange.framing != Framing::Empty;
    respond::prepare(exchange, None);
    let bodiless = exchange.request.method == ::http::Method::HEAD || body.is_empty();
    let framing = if bodiless {
        Framing::Empty
    } else {
        Framing::Length(body.len() as u64)
    };
    if respond::send_head(exchange, down, framing).is_err() {
        return Ending::Abort;
    }
    if !bodiless {
        exchange.record.bytes_sent = body.len() as u64;
    }
    let mut body = (!bodiless).then_some(body);
    let idle = exchange.downstream.site.config.timeouts.stream_idle;
    let until = idle.map(|limit| exchange.downstream.local.worker.now() + limit);
    let sent = poll_fn(|cx| match poll_body(cx, down, &mut body) {
        Poll::Pending => exchange.timer.poll(cx, until).map(|()| None),
        ready => ready.map(Some),
    });
    match sent.await {
        Some(Ok(())) if exchange.close => Ending::Close,
        Some(Ok(())) => Ending::Keep,
        Some(Err(_)) => Ending::Abort,
        // A client that does not read must not hold the stream for ever.
        None => {
            let flags = &mut exchange.record.flags;
            flags.insert(ResponseFlags::STREAM_IDLE_TIMEOUT);
            exchange.record.details = "stream_idle_timeout".into();
            Ending::Abort
        }
    }
}

/// Sends the body, unless it was taken before, and the end.
fn poll_body(
    cx: &mut Context<'_>,
    down: &mut Leg,
    body: &mut Option<Bytes>,
) -> Poll<Result<(), LegError>> {
    if let Some(body) = body.take() {
        down.send_data(cx, Piece::Shared(body))?;
    }
    down.send_end(&Fields::default())?;
    down.poll_flush(cx)
}

/// How a response says whether the connection goes on.
pub(crate) fn persistence(exchange: &Exchange<'_>) -> Persistence {
    match (exchange.close, exchange.request.version) {
        (true, _) => Persistence::Close,
        (false, Version::Http10) => Persistence::KeepHttp10,
        (false, Version::Http11 | Version::Http2) => Persistence::Keep,
    }
}

/// A request that is counted and logged when it is over, also when its connection ends first and takes it along.
struct Open<'a, 'b> {
    exchange: &'a mut Exchange<'b>,
    ended: bool,
}

impl<'a, 'b> Open<'a, 'b> {
    fn begin(exchange: &'a mut Exchange<'b>) -> Self {
        let (stats, shard) = (
            &exchange.downstream.site.stats,
            &exchange.downstream.local.shard,
        );
        stats.downstream_rq_total.increment(shard);
        stats.downstream_rq_active.add(shard, 1);
        Self {
            exchange,
            ended: false,
        }
    }
}

impl Drop for Open<'_, '_> {
    fn drop(&mut self) {
        if !self.ended {
            forward::gone(self.exchange);
        }
        finish(self.exchange);
    }
}

/// Counts and logs what is over.
fn finish(exchange: &mut Exchange<'_>) {
    let (stats, shard) = (
        &exchange.downstream.site.stats,
        &exchange.downstream.local.shard,
    );
    stats.downstream_rq_active.add(shard, -1);
    stats.completed(shard, exchange.record.status);
    measure::count(exchange);
    log::record(exchange);
}
