//! An HTTP/1 connection: one request after the other, in one task that drives the upstream's socket too.

pub(crate) use self::slots::Slots;

mod slots;

use std::future::poll_fn;
use std::mem;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use ::http::StatusCode;

use self::slots::{Client, Desk};
use super::{PREFACE, PREFACE_TIMEOUT, Spoken, http2};
use crate::drain::Watch;
use crate::http::codec::h1::connection::{Connection, ReadError};
use crate::http::codec::h1::{HeadLimits, InvalidHead};
use crate::http::codec::leg::Leg;
use crate::http::connection::{Downstream, Exchange};
use crate::http::deadline::{Deadline, earlier};
use crate::http::handle::{self, Ending};
use crate::http::head::Version;
use crate::http::local_reply::LocalReply;
use crate::telemetry::access_log::ResponseFlags;
use crate::transport::Stream;

/// Bytes that are read and dropped after a response that ends the connection, so that the client gets it whole.
const LINGER_BYTES: usize = 256 * 1024;

/// Serves HTTP/1; where it is not known that the client speaks it, HTTP/2 if the client begins with its preface.
///
/// One request after the other is served in a slot of the worker; the wait for them is all that this future holds.
pub(super) async fn serve(
    connection: Box<Connection<Stream>>,
    downstream: &Rc<Downstream>,
    version: Option<Spoken>,
) {
    let mut client = Client::new(connection, downstream);
    let mut drain = downstream.drain.watch();
    if version.is_none() {
        match begins_http2(&mut client, &mut drain).await {
            Some(true) => {
                drop((client.timer, drain));
                // Boxed, so that connections that speak HTTP/1 have no room for it.
                return Box::pin(http2::serve_connection(*client.connection, downstream)).await;
            }
            Some(false) => {}
            None => return,
        }
    }
    loop {
        if !client.connection.has_input() && !rest(&mut client, &mut drain).await {
            return;
        }
        let mut slot = downstream.local.slots.take();
        slot.bring(client);
        let waiting = poll_fn(|cx| slot.poll(cx)).await;
        downstream.local.slots.give(slot);
        match waiting {
            Some(back) => client = back,
            None => return,
        }
    }
}

/// Whether the client begins with the preface of HTTP/2; `None` when the connection is over.
async fn begins_http2(client: &mut Client, drain: &mut Watch) -> Option<bool> {
    let timeouts = &client.downstream.site.config.timeouts;
    let idle = timeouts.idle.map(|limit| Instant::now() + limit);
    if !wait_readable(client, idle, drain).await {
        return None;
    }
    let timeouts = &client.downstream.site.config.timeouts;
    let timeout = Some(Instant::now() + timeouts.request_headers.unwrap_or(PREFACE_TIMEOUT));
    let (connection, timer) = (&mut client.connection, &mut client.timer);
    let spoken = poll_fn(|cx| match connection.poll_preface(cx, PREFACE) {
        Poll::Pending => timer.poll(cx, timeout).map(|()| None),
        ready => ready.map(Some),
    });
    spoken.await?.ok()
}

impl Client {
    fn new(connection: Box<Connection<Stream>>, downstream: &Rc<Downstream>) -> Self {
        Self {
            downstream: Rc::clone(downstream),
            connection,
            timer: Deadline::default(),
            served: 0,
        }
    }
}

/// Waits without buffers until something comes; `false` when the connection is to end instead.
async fn rest(client: &mut Client, drain: &mut Watch) -> bool {
    let downstream = &client.downstream;
    if client.served > 0 && downstream.must_close() {
        return false;
    }
    client.connection.rest();
    let timeouts = &downstream.site.config.timeouts;
    let now = downstream.local.worker.now();
    let idle = timeouts.idle.map(|limit| now + limit);
    let oldest = timeouts.max_connection_duration;
    let oldest = oldest.map(|longest| downstream.since + longest);
    wait_readable(client, earlier(idle, oldest), drain).await
}

/// Whether there is something to read before the deadline and before the connection has to close.
async fn wait_readable(client: &mut Client, deadline: Option<Instant>, drain: &mut Watch) -> bool {
    let (connection, timer) = (&client.connection, &mut client.timer);
    poll_fn(|cx| match connection.poll_readable(cx) {
        Poll::Ready(result) => Poll::Ready(result.is_ok()),
        Poll::Pending if drain.poll(cx).is_ready() => Poll::Ready(false),
        Poll::Pending => timer.poll(cx, deadline).map(|()| false),
    })
    .await
}

/// Serves the connections that come to a slot, for ever.
async fn serve_clients(desk: Rc<Desk>) {
    loop {
        let client = poll_fn(|_| desk.poll_next()).await;
        desk.leave(serve_in_slot(client).await);
    }
}

/// Serves the requests that have come; gives the connection back unless it is over.
async fn serve_in_slot(client: Client) -> Option<Client> {
    let Client {
        downstream,
        connection,
        mut timer,
        mut served,
    } = client;
    let mut leg = Leg::Http1(connection);
    let mut exchange = Exchange::new(&downstream);
    // The connection's own timer is set for about the right time already, and knows its task.
    mem::swap(&mut exchange.timer, &mut timer);
    let goes_on = serve_requests(&mut exchange, &mut leg, &mut served).await;
    mem::swap(&mut exchange.timer, &mut timer);
    drop(exchange);
    let Leg::Http1(connection) = leg else {
        return None;
    };
    goes_on.then_some(Client {
        downstream,
        connection,
        timer,
        served,
    })
}

/// Whether the connection goes on when what has come is served.
async fn serve_requests(exchange: &mut Exchange<'_>, leg: &mut Leg, served: &mut u32) -> bool {
    let downstream = exchange.downstream;
    loop {
        let Leg::Http1(connection) = leg else {
            return false;
        };
        match next_request(connection, exchange).await {
            Next::Request => {}
            Next::Closed => return false,
            Next::Refused(reply) => {
                exchange.close = true;
                handle::refuse(exchange, leg, reply).await;
                linger(leg, downstream).await;
                return false;
            }
        }
        *served += 1;
        let most = downstream.site.config.limits.max_requests_per_connection;
        if most.is_some_and(|most| *served >= most) {
            exchange.close = true;
        }
        match handle::handle(exchange, leg).await {
            Ending::Keep if !has_input(leg) => return true,
            Ending::Keep => exchange.restart(),
            Ending::Close => {
                linger(leg, downstream).await;
                return false;
            }
            Ending::Abort => return false,
        }
    }
}

/// Whether the next request has begun to come.
fn has_input(leg: &Leg) -> bool {
    match leg {
        Leg::Http1(connection) => connection.has_input(),
        Leg::Http2(_) => false,
    }
}

/// What comes next on a connection.
enum Next {
    Request,
    Closed,
    Refused(LocalReply),
}

/// Reads a head.
async fn next_request(connection: &mut Connection<Stream>, exchange: &mut Exchange<'_>) -> Next {
    let downstream = exchange.downstream;
    let config = &downstream.site.config;
    let limits = HeadLimits {
        bytes: config.limits.max_request_headers_bytes,
        fields: config.limits.max_headers,
    };
    let (head, idle) = (config.timeouts.request_headers, config.timeouts.stream_idle);
    // Bytes of a head that is not complete are no sign of life: who sends them one by one is let go all the same.
    let limit = [head, idle].into_iter().flatten().min();
    let deadline = limit.map(|limit| exchange.record.start + limit);
    let Exchange { request, timer, .. } = exchange;
    let parsed = poll_fn(|cx| match connection.poll_request(cx, request, limits) {
        Poll::Pending => timer.poll(cx, deadline).map(|()| None),
        ready => ready.map(Some),
    })
    .await;
    match parsed {
        Some(Ok(Some(parsed))) => {
            exchange.framing = parsed.framing;
            exchange.upgrade = parsed.upgrade;
            exchange.close = !parsed.keep_alive;
            Next::Request
        }
        Some(Ok(None) | Err(ReadError::Io(_) | ReadError::Truncated | ReadError::Chunk(_))) => {
            Next::Closed
        }
        Some(Err(ReadError::Head(invalid))) => {
            downstream
                .site
                .stats
                .downstream_cx_protocol_error
                .increment(&downstream.local.shard);
            Next::Refused(refusal(invalid))
        }
        // Something came that was no part of a request, such as new keys.
        None if !connection.has_input() => Next::Closed,
        None if limit == head => Next::Refused(
            LocalReply::new(
                StatusCode::REQUEST_TIMEOUT,
                "request header timeout",
                "request_header_timeout",
            )
            .flag(ResponseFlags::DOWNSTREAM_PROTOCOL_ERROR),
        ),
        None => Next::Refused(
            LocalReply::new(
                StatusCode::REQUEST_TIMEOUT,
                "stream timeout",
                "stream_idle_timeout",
            )
            .flag(ResponseFlags::STREAM_IDLE_TIMEOUT),
        ),
    }
}

fn refusal(invalid: InvalidHead) -> LocalReply {
    let status = match invalid {
        InvalidHead::TooLarge | InvalidHead::TooManyFields => {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        }
        InvalidHead::TransferEncoding => StatusCode::NOT_IMPLEMENTED,
        InvalidHead::Syntax
        | InvalidHead::BareLineFeed
        | InvalidHead::ContentLength
        | InvalidHead::TwoFramings
        | InvalidHead::TransferEncodingInHttp10
        | InvalidHead::Host
        | InvalidHead::Target => StatusCode::BAD_REQUEST,
    };
    LocalReply::new(status, "", invalid.to_string()).flag(ResponseFlags::DOWNSTREAM_PROTOCOL_ERROR)
}

/// Ends the connection so that the client reads what was sent: a reset for unread bytes would take it away.
async fn linger(leg: &mut Leg, downstream: &Downstream) {
    let Leg::Http1(connection) = leg else { return };
    let delay = downstream
        .site
        .config
        .timeouts
        .delayed_close
        .max(Duration::from_millis(1));
    let until = Some(Instant::now() + delay);
    let mut timer = Deadline::default();
    let mut dropped = 0;
    let mut shut = false;
    poll_fn(|cx| {
        if !shut {
            match connection.poll_shutdown(cx) {
                Poll::Ready(Ok(())) => shut = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return timer.poll(cx, until),
            }
        }
        while dropped < LINGER_BYTES {
            match connection.poll_discard(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(count)) => dropped += count,
                Poll::Pending => return timer.poll(cx, until),
            }
        }
        Poll::Ready(())
    })
    .await;
}

/// Whether HTTP/1.0 requests are served; others get 426.
pub(in crate::http) fn version_refusal(exchange: &Exchange<'_>) -> Option<LocalReply> {
    let refused = exchange.request.version == Version::Http10
        && !exchange.downstream.site.config.http1.accept_http_10;
    refused.then(|| LocalReply::new(StatusCode::UPGRADE_REQUIRED, "", "low_version"))
}
