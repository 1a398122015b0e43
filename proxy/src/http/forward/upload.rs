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
    left: Left,
    /// When the end of the client's request was seen.
    pub(super) complete: Option<Instant>,
    /// No other attempt will follow.
    last: bool,
}

/// What the attempt has still to send of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The bytes that earlier attempts took from the client, then the rest.
    Bytes,
    /// The end that an earlier attempt took from the client.
    End,
    /// The rest.
    Rest,
    /// Nothing, since then: the socket has taken it all.
    Nothing(Instant),
    /// Nothing: the upstream takes no more of it, but may still answer.
    Unwanted,
}

impl Upload {
    pub(super) fn new(exchange: &Exchange<'_>, down: &Leg, plan: &Plan<'_>) -> Self {
        Self {
            pump: pump(exchange, plan),
            left: Left::Rest,
            complete: down.is_read().then(worker::now),
            last: false,
        }
    }

    /// Begins an attempt.
    pub(super) fn begin(&mut self) {
        self.left = match (&self.pump.replay, self.pump.has_ended()) {
            (Replay::Kept { bytes, .. }, _) if !bytes.is_empty() => Left::Bytes,
            (Replay::Kept { .. } | Replay::Off, true) => Left::End,
            (Replay::Kept { .. } | Replay::Off | Replay::Lost, _) => Left::Rest,
        };
    }

    /// Keeps no more for another attempt than this one has still to repeat.
    pub(super) fn keep_no_more(&mut self) {
        self.last = true;
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

    /// Whether the client is read, so that its leaving shows.
    pub(super) fn is_reading(&self) -> bool {
        self.left == Left::Rest && !self.pump.has_ended()
    }

    /// When the last of the request was written in this attempt.
    pub(super) fn sent(&self) -> Option<Instant> {
        match self.left {
            Left::Nothing(at) => Some(at),
            Left::Bytes | Left::End | Left::Rest | Left::Unwanted => None,
        }
    }

    /// Moves what can be moved, until everything is written.
    ///
    /// # Errors
    /// When the client's leg fails; that the upstream takes no more is no error.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        down: &mut Leg,
        up: &mut Leg,
    ) -> Result<(), LegError> {
        if matches!(self.left, Left::Nothing(_) | Left::Unwanted) {
            return Ok(());
        }
        match self.poll_all(cx, down, up) {
            Poll::Ready(Ok(())) => self.left = Left::Nothing(worker::now()),
            Poll::Ready(Err(PumpError::Sink(error))) => {
                tracing::debug!(%error, "the upstream takes no more of the request");
                self.left = Left::Unwanted;
            }
            Poll::Ready(Err(PumpError::Source(error))) => return Err(error),
            Poll::Pending => {}
        }
        Ok(())
    }

    /// Ready when the body has ended and is written.
    fn poll_all(
        &mut self,
        cx: &mut Context<'_>,
        down: &mut Leg,
        up: &mut Leg,
    ) -> Poll<Result<(), PumpError>> {
        while self.left != Left::Rest {
            ready!(up.poll_room(cx)).map_err(PumpError::Sink)?;
            self.repeat(cx, down, up).map_err(PumpError::Sink)?;
        }
        if self.last {
            self.pump.replay = Replay::Off;
        }
        let moved = self.pump.poll(cx, down, up);
        if self.complete.is_none() && self.pump.has_ended() {
            self.complete = Some(worker::now());
        }
        moved
    }

    /// Sends again what an earlier attempt has already taken from the client, trailers included.
    fn repeat(&mut self, cx: &mut Context<'_>, down: &Leg, up: &mut Leg) -> Result<(), LegError> {
        match (self.left, &self.pump.replay) {
            (Left::Bytes, Replay::Kept { bytes, .. }) => {
                up.send_data(cx, Piece::Slice(bytes))?;
                self.left = if self.pump.has_ended() {
                    Left::End
                } else {
                    Left::Rest
                };
            }
            (Left::Bytes | Left::End | Left::Rest | Left::Nothing(_) | Left::Unwanted, _) => {
                up.send_end(down.trailers())?;
                self.left = Left::Rest;
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests;
