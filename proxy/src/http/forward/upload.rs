//! The request's body on its way to the upstream, and once more for another attempt.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::{Plan, is_repeatable};
use crate::http::codec::h1::Framing;
use crate::http::codec::leg::{Leg, LegError, Piece};
use crate::http::codec::pump::{Pump, PumpError, Replay};
use crate::http::connection::Exchange;
use crate::worker;

/// Bytes of a request body that are kept for another attempt when the route does not say.
const REPLAY_LIMIT: usize = 64 * 1024;

/// The body of one request, over all its attempts.
#[derive(Debug)]
pub(crate) struct Upload {
    pump: Pump,
    /// When the end of the client's request was seen.
    pub(super) complete: Option<Instant>,
}

/// What an attempt has still to repeat of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The bytes, then the end.
    Bytes,
    /// The end.
    End,
    /// Nothing.
    Done,
}

impl Upload {
    pub(super) fn new(exchange: &Exchange<'_>, down: &Leg, plan: &Plan<'_>) -> Self {
        Self {
            pump: pump(exchange, plan),
            complete: down.is_read().then(worker::now),
        }
    }

    /// Bytes that came from the client.
    pub(super) fn bytes(&self) -> u64 {
        self.pump.bytes
    }

    /// Whether all that came from the client can be sent again.
    pub(super) fn is_repeatable(&self) -> bool {
        match self.pump.replay {
            Replay::Off => self.pump.bytes == 0,
            Replay::Kept { .. } => true,
            Replay::Lost => false,
        }
    }

    /// What a new attempt has to repeat.
    pub(super) fn repeat(&self) -> Repeat {
        match (&self.pump.replay, self.pump.has_ended()) {
            (Replay::Kept { bytes, .. }, _) if !bytes.is_empty() => Repeat::Bytes,
            (Replay::Kept { .. } | Replay::Off, true) => Repeat::End,
            (Replay::Kept { .. } | Replay::Off | Replay::Lost, _) => Repeat::Done,
        }
    }

    /// Sends again what an earlier attempt has already taken from the client, trailers included.
    pub(super) fn poll_repeat(
        &self,
        cx: &mut Context<'_>,
        left: &mut Repeat,
        (down, up): (&Leg, &mut Leg),
    ) -> Poll<Result<(), LegError>> {
        while *left != Repeat::Done {
            ready!(up.poll_room(cx))?;
            match (*left, &self.pump.replay) {
                (Repeat::Bytes, Replay::Kept { bytes, .. }) => {
                    up.send_data(cx, Piece::Slice(bytes))?;
                    *left = if self.pump.has_ended() {
                        Repeat::End
                    } else {
                        Repeat::Done
                    };
                }
                (Repeat::Bytes | Repeat::End | Repeat::Done, _) => {
                    up.send_end(down.trailers())?;
                    *left = Repeat::Done;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Moves what can be moved. Ready when the body has ended and is written.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        down: &mut Leg,
        up: &mut Leg,
    ) -> Poll<Result<(), PumpError>> {
        let moved = self.pump.poll(cx, down, up);
        if self.complete.is_none() && self.pump.has_ended() {
            self.complete = Some(worker::now());
        }
        moved
    }
}

fn pump(exchange: &Exchange<'_>, plan: &Plan<'_>) -> Pump {
    let again = plan.to.retry.is_some() || is_repeatable(exchange, plan);
    if exchange.framing == Framing::Empty || !again || plan.upgrade {
        return Pump::default();
    }
    let limit = plan
        .routed
        .route
        .request_buffer_limit
        .map_or(REPLAY_LIMIT, |limit| limit as usize);
    Pump::keeping(limit)
}
