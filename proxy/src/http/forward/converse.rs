//! A request under way: its body goes out while the response head is waited for.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use ::http::{Method, StatusCode};

use super::failure::{self, Failure, Sent};
use super::timeouts::Since;
use super::upload::Upload;
use super::{Call, Plan};
use crate::http::codec::h1::encode::Persistence;
use crate::http::codec::h1::{Framing, HeadLimits};
use crate::http::codec::leg::{Leg, LegError};
use crate::http::connection::Exchange;
use crate::http::head::{KnownName, ResponseHead, Version};
use crate::http::introduce;

/// The wait for a response head.
struct Waiting {
    moved: Instant,
    seen: u64,
}

/// Sends the body while waiting for the response head, after which `call` says where the response's body ends.
pub(super) async fn converse(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    plan: &Plan<'_>,
    upload: &mut Upload,
    call: &mut Call,
) -> Result<(), Failure> {
    upload.begin();
    let mut waiting = Waiting {
        moved: call.begun,
        seen: upload.bytes(),
    };
    loop {
        poll_fn(|cx| waiting.poll(cx, (&mut *exchange, &mut *down), plan, upload, call)).await?;
        if exchange.response.status.is_informational() && exchange.response.status.as_u16() != 101 {
            pass_informational(exchange, down)?;
            continue;
        }
        note_service_time(exchange, upload.sent().unwrap_or(call.begun));
        return Ok(());
    }
}

/// The time from the end of the request to the response.
fn note_service_time(exchange: &mut Exchange<'_>, since: Instant) {
    let time = exchange
        .downstream
        .local
        .worker
        .now()
        .saturating_duration_since(since);
    exchange.record.service_time = Some(time);
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let fields = &mut exchange.response.fields;
    fields.set_number(KnownName::XEnvoyUpstreamServiceTime, milliseconds);
}

/// 100 and 103 go to the client as they come.
fn pass_informational(exchange: &mut Exchange<'_>, down: &mut Leg) -> Result<(), Failure> {
    introduce::of_server(exchange);
    if exchange.request.version != Version::Http10 {
        down.send_response(&exchange.response, Framing::Empty, Persistence::Keep)
            .map_err(|_| Failure::Gone)?;
    }
    exchange.response.clear();
    Ok(())
}

impl Waiting {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (exchange, down): (&mut Exchange<'_>, &mut Leg),
        plan: &Plan<'_>,
        upload: &mut Upload,
        call: &mut Call,
    ) -> Poll<Result<(), Failure>> {
        let moved = upload.poll(cx, down, &mut call.leg);
        exchange.record.bytes_received = upload.bytes();
        moved.map_err(failure::of_client)?;
        if let Poll::Ready(head) = poll_head(cx, exchange, &mut call.leg) {
            // What is queued on an HTTP/1 connection counts as sent: the kernel may have taken it.
            (call.framing, call.keep_alive) =
                head.map_err(|error| failure::of_upstream(error, Sent::Perhaps, call.reused))?;
            return Poll::Ready(Ok(()));
        }
        // While something of the request is missing, its sending watches the client.
        if !upload.is_reading() && down.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::Gone));
        }
        // The client may be waiting for an informational response.
        let _ = down.poll_flush(cx);
        if upload.bytes() != self.seen {
            self.seen = upload.bytes();
            self.moved = exchange.downstream.local.worker.now();
        }
        let limit = plan.timeouts.of_attempt(Since {
            complete: upload.complete,
            begun: Some(call.begun),
            moved: self.moved,
        });
        match limit {
            Some((at, limit)) => exchange
                .timer
                .poll(cx, Some(at))
                .map(|()| Err(Failure::TimedOut(limit))),
            None => Poll::Pending,
        }
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
            let framing = if has_body(&exchange.request.method, head.status) {
                stream.framing(&head.fields)
            } else {
                Framing::Empty
            };
            Poll::Ready(Ok((framing, true)))
        }
    }
}

/// Whether a response has a body, even one without bytes (RFC 9110 section 6.4.1).
fn has_body(method: &Method, status: StatusCode) -> bool {
    *method != Method::HEAD && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
