//! A request under way: its body goes out while the response head is waited for.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::failure::{self, Failure, Sent};
use super::timeouts::Since;
use super::upload::{Repeat, Upload};
use super::{Answer, Load, Plan};
use crate::cluster::pool::{EndpointPool, Lease};
use crate::http::codec::h1::encode::Persistence;
use crate::http::codec::h1::{Framing, HeadLimits};
use crate::http::codec::leg::{Leg, LegError};
use crate::http::codec::pump::PumpError;
use crate::http::connection::Exchange;
use crate::http::head::{KnownName, ResponseHead, Version};
use crate::http::introduce;

/// A request whose head is queued.
pub(super) struct Begun {
    pub(super) leg: Leg,
    pub(super) lease: Lease,
    pub(super) pool: Rc<EndpointPool>,
    pub(super) reused: bool,
    pub(super) load: Load,
    pub(super) at: Instant,
}

/// The wait for a response head.
struct Waiting {
    request: Request,
    moved: Instant,
    seen: u64,
}

/// What is left of the request.
#[derive(Clone, Copy, Debug)]
enum Request {
    /// What earlier attempts have sent of it, then the rest.
    Repeating(Repeat),
    /// The rest.
    Sending,
    /// Nothing, since then.
    Sent(Instant),
    /// The upstream takes no more of it, but may still answer.
    Unwanted,
}

/// Sends the body while waiting for the response head.
pub(super) async fn converse(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    plan: &Plan<'_>,
    upload: &mut Upload,
    mut begun: Begun,
) -> Result<Answer, Failure> {
    let mut waiting = Waiting {
        request: match upload.repeat() {
            Repeat::Done => Request::Sending,
            repeat @ (Repeat::Bytes | Repeat::End) => Request::Repeating(repeat),
        },
        moved: begun.at,
        seen: upload.bytes(),
    };
    loop {
        let (framing, keep_alive) =
            poll_fn(|cx| waiting.poll(cx, (&mut *exchange, &mut *down), plan, upload, &mut begun))
                .await?;
        if exchange.response.status.is_informational() && exchange.response.status.as_u16() != 101 {
            pass_informational(exchange, down)?;
            continue;
        }
        note_service_time(exchange, waiting.request, begun.at);
        let Begun {
            leg,
            lease,
            pool,
            load,
            at,
            ..
        } = begun;
        return Ok(Answer {
            leg,
            lease,
            pool,
            framing,
            keep_alive,
            begun: at,
            _load: load,
        });
    }
}

/// The time from the end of the request to the response.
fn note_service_time(exchange: &mut Exchange<'_>, request: Request, begun: Instant) {
    let since = match request {
        Request::Sent(at) => at,
        Request::Repeating(_) | Request::Sending | Request::Unwanted => begun,
    };
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
        begun: &mut Begun,
    ) -> Poll<Result<(Framing, bool), Failure>> {
        if let Err(failure) = self.send(cx, (&mut *exchange, &mut *down), upload, begun) {
            return Poll::Ready(Err(failure));
        }
        if let Poll::Ready(head) = poll_head(cx, exchange, &mut begun.leg) {
            // What is queued on an HTTP/1 connection counts as sent: the kernel may have taken it.
            return Poll::Ready(
                head.map_err(|error| failure::of_upstream(error, Sent::Perhaps, begun.reused)),
            );
        }
        // While something of the request is missing, its sending watches the client.
        let reading = matches!(self.request, Request::Sending);
        if !reading && down.poll_gone(cx).is_ready() {
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
            begun: Some(begun.at),
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

    /// Sends what is left of the request, as far as that is possible now.
    fn send(
        &mut self,
        cx: &mut Context<'_>,
        (exchange, down): (&mut Exchange<'_>, &mut Leg),
        upload: &mut Upload,
        begun: &mut Begun,
    ) -> Result<(), Failure> {
        if let Request::Repeating(left) = &mut self.request {
            match upload.poll_repeat(cx, left, (&*down, &mut begun.leg)) {
                Poll::Ready(Ok(())) => self.request = Request::Sending,
                Poll::Ready(Err(error)) => self.unwanted(&error),
                Poll::Pending => {}
            }
        }
        if matches!(self.request, Request::Sending) {
            match upload.poll(cx, down, &mut begun.leg) {
                Poll::Ready(Ok(())) => {
                    let now = exchange.downstream.local.worker.now();
                    self.request = Request::Sent(now);
                }
                Poll::Ready(Err(PumpError::Sink(error))) => self.unwanted(&error),
                Poll::Ready(Err(PumpError::Source(error))) => {
                    return Err(failure::of_client(error));
                }
                Poll::Pending => {}
            }
            exchange.record.bytes_received = upload.bytes();
        }
        Ok(())
    }

    fn unwanted(&mut self, error: &LegError) {
        tracing::debug!(%error, "the upstream takes no more of the request");
        self.request = Request::Unwanted;
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
