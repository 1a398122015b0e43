//! An HTTP/1 connection: one request after the other, in one task that drives the upstream's socket too.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ::http::StatusCode;

use super::{PREFACE, PREFACE_TIMEOUT, http2};
use crate::drain::Signal;
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

/// Serves HTTP/1, or HTTP/2 when the client begins with its preface.
pub(super) async fn serve_unless_http2(stream: Stream, downstream: &Downstream) {
    let mut connection = Connection::new(stream, &downstream.local.buffers);
    let timeouts = &downstream.site.config.timeouts;
    let mut timer = Deadline::default();
    let idle = timeouts.idle.map(|limit| Instant::now() + limit);
    let begun = {
        let draining = std::pin::pin!(downstream.draining());
        let mut drain = DrainWatch::new(draining);
        wait_readable(&connection, downstream, (&mut timer, idle), &mut drain).await
    };
    if !begun {
        return;
    }
    let timeout = Some(Instant::now() + timeouts.request_headers.unwrap_or(PREFACE_TIMEOUT));
    let spoken = poll_fn(|cx| match connection.poll_preface(cx, PREFACE) {
        Poll::Pending => timer.poll(cx, timeout).map(|()| None),
        ready => ready.map(Some),
    })
    .await;
    match spoken {
        Some(Ok(true)) => http2::serve_connection(connection, downstream).await,
        Some(Ok(false)) => serve_connection(connection, downstream).await,
        Some(Err(_)) | None => {}
    }
}

/// Serves HTTP/1.
pub(super) async fn serve(stream: Stream, downstream: &Downstream) {
    serve_connection(
        Connection::new(stream, &downstream.local.buffers),
        downstream,
    )
    .await;
}

async fn serve_connection(connection: Connection<Stream>, downstream: &Downstream) {
    let mut leg = Leg::Http1(Box::new(connection));
    let mut exchange = Exchange::new(downstream);
    let draining = std::pin::pin!(downstream.draining());
    let mut drain = DrainWatch::new(draining);
    let mut served = 0_u32;
    loop {
        let Leg::Http1(connection) = &mut leg else {
            return;
        };
        match next_request(connection, &mut exchange, &mut drain, served > 0).await {
            Next::Request => {}
            Next::Closed => return,
            Next::Refused(reply) => {
                exchange.close = true;
                handle::refuse(&mut exchange, &mut leg, reply).await;
                return linger(&mut leg, downstream).await;
            }
        }
        served += 1;
        if downstream
            .site
            .config
            .limits
            .max_requests_per_connection
            .is_some_and(|most| served >= most)
        {
            exchange.close = true;
        }
        match handle::handle(&mut exchange, &mut leg).await {
            Ending::Keep => {}
            Ending::Close => return linger(&mut leg, downstream).await,
            Ending::Abort => return,
        }
        exchange.restart();
    }
}

/// What comes next on a connection.
enum Next {
    Request,
    Closed,
    Refused(LocalReply),
}

/// Waits without buffers, then reads a head.
async fn next_request(
    connection: &mut Connection<Stream>,
    exchange: &mut Exchange<'_>,
    drain: &mut DrainWatch<'_>,
    used: bool,
) -> Next {
    let downstream = exchange.downstream;
    let config = &downstream.site.config;
    if !connection.has_input() {
        if used && downstream.must_close() {
            return Next::Closed;
        }
        connection.rest();
        let idle = config
            .timeouts
            .idle
            .map(|limit| downstream.local.worker.now() + limit);
        let oldest = config
            .timeouts
            .max_connection_duration
            .map(|longest| downstream.since + longest);
        let timer = &mut exchange.timer;
        let until = earlier(idle, oldest);
        if !wait_readable(connection, downstream, (timer, until), drain).await {
            return Next::Closed;
        }
        exchange.record.start = downstream.local.worker.now();
    }
    let limits = HeadLimits {
        bytes: config.limits.max_request_headers_bytes,
        fields: config.limits.max_headers,
    };
    let deadline = config
        .timeouts
        .request_headers
        .map(|limit| exchange.record.start + limit);
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
        None => Next::Refused(
            LocalReply::new(
                StatusCode::REQUEST_TIMEOUT,
                "request header timeout",
                "request_header_timeout",
            )
            .flag(ResponseFlags::DOWNSTREAM_PROTOCOL_ERROR),
        ),
    }
}

/// Whether there is something to read before the deadline and before the connection has to close.
async fn wait_readable(
    connection: &Connection<Stream>,
    downstream: &Downstream,
    (timer, deadline): (&mut Deadline, Option<Instant>),
    drain: &mut DrainWatch<'_>,
) -> bool {
    poll_fn(|cx| match connection.poll_readable(cx) {
        Poll::Ready(result) => Poll::Ready(result.is_ok()),
        Poll::Pending if drain.poll(cx, &downstream.drain).is_ready() => Poll::Ready(false),
        Poll::Pending => timer.poll(cx, deadline).map(|()| false),
    })
    .await
}

/// Wakes the connection's task when it should finish. The wait is registered once, not with every request.
struct DrainWatch<'a> {
    draining: Pin<&'a mut (dyn Future<Output = ()> + 'a)>,
    registered: Option<Waker>,
}

impl<'a> DrainWatch<'a> {
    fn new(draining: Pin<&'a mut (dyn Future<Output = ()> + 'a)>) -> Self {
        Self {
            draining,
            registered: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, signal: &Signal) -> Poll<()> {
        if signal.is_draining() {
            return Poll::Ready(());
        }
        let waker = cx.waker();
        if self
            .registered
            .as_ref()
            .is_some_and(|registered| registered.will_wake(waker))
        {
            return Poll::Pending;
        }
        self.registered = Some(waker.clone());
        self.draining.as_mut().poll(cx)
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
