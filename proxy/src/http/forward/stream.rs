//! The response on its way to the client, while the rest of the request may still be on its way to the upstream.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use ::http::StatusCode;

use super::failure;
use super::timeouts::Since;
use super::upload::Upload;
use super::{Call, Flow, Plan};
use crate::http::codec::h1::Framing;
use crate::http::codec::h1::encode::Persistence;
use crate::http::codec::leg::Leg;
use crate::http::codec::pump::{Pump, PumpError};
use crate::http::connection::Exchange;
use crate::http::deadline::earlier;
use crate::http::handle::{Ending, Stop};
use crate::http::head::KnownName;
use crate::http::respond;
use crate::telemetry::access_log::ResponseFlags;

/// Passes the response in `exchange` and in the flow's call on.
pub(super) async fn respond(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    flow: &mut Flow<'_>,
) -> Result<Ending, Stop> {
    let Flow { plan, upload, call } = flow;
    let answer = call.as_mut().expect("the attempts ended with a response");
    plan.cluster.stats.completed(
        &exchange.downstream.local.shard,
        exchange.response.status.as_u16(),
    );
    if exchange.response.status == StatusCode::SWITCHING_PROTOCOLS {
        // Rare and large: kept out of the request's future.
        return Box::pin(tunnel(exchange, down, answer, plan)).await;
    }
    exchange.record.details = "via_upstream".into();
    exchange.record.grpc_status = grpc_status(&exchange.response.fields);
    respond::send_head(exchange, down, answer.framing).map_err(|_| Stop::Broken)?;
    // Whatever comes now, it is passed on.
    upload.keep_no_more();
    let mut bodies = Bodies {
        request: upload,
        response: Pump::default(),
        begun: answer.begun,
        moved: exchange.downstream.local.worker.now(),
        seen: 0,
    };
    let outcome =
        poll_fn(|cx| bodies.poll(cx, exchange, (&mut *down, &mut answer.leg), plan)).await;
    exchange.record.bytes_received = bodies.request.bytes();
    exchange.record.bytes_sent = bodies.response.bytes;
    if answer.leg.is_read()
        && let Some(status) = grpc_status(answer.leg.trailers())
    {
        exchange.record.grpc_status = Some(status);
    }
    outcome?;
    let whole = down.is_read() && answer.leg.is_written();
    if whole && let Some(call) = call.take() {
        call.give_back(plan);
    }
    Ok(if exchange.close || !whole {
        Ending::Close
    } else {
        Ending::Keep
    })
}

fn grpc_status(fields: &crate::http::head::Fields) -> Option<u32> {
    fields.get_str(KnownName::GrpcStatus)?.parse().ok()
}

/// Both bodies at once.
struct Bodies<'a> {
    request: &'a mut Upload,
    response: Pump,
    /// When the attempt began.
    begun: Instant,
    moved: Instant,
    seen: u64,
}

impl Bodies<'_> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange<'_>,
        (down, up): (&mut Leg, &mut Leg),
        plan: &Plan<'_>,
    ) -> Poll<Result<(), Stop>> {
        if self.request.poll(cx, down, up).is_err() {
            return Poll::Ready(Err(failure::gone(exchange)));
        }
        match self.response.poll(cx, up, down) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(PumpError::Sink(_))) => {
                return Poll::Ready(Err(failure::gone(exchange)));
            }
            Poll::Ready(Err(PumpError::Source(error))) => {
                tracing::debug!(%error, "the upstream's response broke off");
                // What came of it still goes out, as far as the socket takes it.
                let _ = down.poll_flush(cx);
                exchange
                    .record
                    .flags
                    .insert(ResponseFlags::UPSTREAM_CONNECTION_TERMINATION);
                exchange.record.details =
                    "upstream_reset_after_response_started{connection_termination}".into();
                plan.cluster
                    .stats
                    .upstream_rq_rx_reset
                    .increment(&exchange.downstream.local.shard);
                return Poll::Ready(Err(Stop::Broken));
            }
            Poll::Pending => {}
        }
        // Nothing is written while the upstream is silent: a client that leaves shows only here.
        if !self.request.is_reading() && down.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(failure::gone(exchange)));
        }
        self.poll_limits(cx, exchange, plan)
    }

    fn poll_limits(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange<'_>,
        plan: &Plan<'_>,
    ) -> Poll<Result<(), Stop>> {
        let moved = self.request.bytes() + self.response.bytes;
        if moved != self.seen {
            (self.seen, self.moved) = (moved, exchange.downstream.local.worker.now());
        }
        let limit = plan.timeouts.of_response(Since {
            complete: self.request.complete,
            begun: Some(self.begun),
            moved: self.moved,
        });
        let Some((at, limit)) = limit else {
            return Poll::Pending;
        };
        if exchange.timer.poll(cx, Some(at)).is_pending() {
            return Poll::Pending;
        }
        limit.count(exchange, plan);
        exchange.record.flags.insert(limit.flag());
        exchange.record.details = limit.details().into();
        Poll::Ready(Err(Stop::Broken))
    }
}

/// Both sides have become another protocol: bytes both ways until both have ended, or nothing moves for too long.
async fn tunnel(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    answer: &mut Call,
    plan: &Plan<'_>,
) -> Result<Ending, Stop> {
    let (Leg::Http1(client), Leg::Http1(server)) = (&mut *down, &mut answer.leg) else {
        return Err(Stop::Broken);
    };
    if !plan.upgrade {
        return Err(
            crate::http::local_reply::LocalReply::upstream_protocol_error("unasked_upgrade".into())
                .into(),
        );
    }
    client.send_response(&exchange.response, Framing::Empty, Persistence::Upgrade);
    client.begin_tunnel();
    server.begin_tunnel();
    exchange.record.details = "via_upstream".into();
    let (mut out, mut back) = (Pump::default(), Pump::default());
    let (mut sent, mut received) = (false, false);
    let mut moved = (0, exchange.downstream.local.worker.now());
    poll_fn(|cx| {
        if !sent {
            sent = poll_half(cx, &mut out, down, &mut answer.leg)?;
        }
        if !received {
            received = poll_half(cx, &mut back, &mut answer.leg, down)?;
        }
        if sent && received {
            return Poll::Ready(Ok(()));
        }
        if out.bytes + back.bytes != moved.0 {
            moved = (
                out.bytes + back.bytes,
                exchange.downstream.local.worker.now(),
            );
        }
        let idle = plan.timeouts.idle.map(|limit| moved.1 + limit);
        exchange
            .timer
            .poll(cx, earlier(idle, plan.timeouts.end))
            .map(|()| Err(()))
    })
    .await
    .ok();
    exchange.record.bytes_received = out.bytes;
    exchange.record.bytes_sent = back.bytes;
    Ok(Ending::Close)
}

/// Whether one direction has ended, and its end was passed on.
fn poll_half(
    cx: &mut Context<'_>,
    pump: &mut Pump,
    from: &mut Leg,
    to: &mut Leg,
) -> Result<bool, ()> {
    if !pump.has_ended() || !to.is_written() {
        match pump.poll(cx, from, to) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Err(()),
            Poll::Pending => return Ok(false),
        }
    }
    let Leg::Http1(connection) = to else {
        return Err(());
    };
    match connection.poll_shutdown(cx) {
        Poll::Ready(result) => result.map(|()| true).map_err(|_| ()),
        Poll::Pending => Ok(false),
    }
}
