//! A connection as its task runs it: one turn after the other, in which the connection and its streams give each other what
//! they have until neither has anything more.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::Connection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;

use super::Opened;
use super::lifetime::{Due, Lifetime};
use super::slots::{Desk, Slots};
use crate::http::codec::h2::bell::Bell;
use crate::http::codec::h2::coalesce::{Coalesced, Flusher};
use crate::http::codec::h2::keepalive::Keepalive;
use crate::http::connection::Downstream;
use crate::worker;

/// Times that a connection looks after what its streams did before others get their turn.
const ROUNDS: usize = 8;

/// A connection and what its turns need.
pub(super) struct Driver<'a, IO, F, O> {
    connection: Connection<Coalesced<IO>, Bytes>,
    flusher: &'a Flusher<IO>,
    downstream: &'a Downstream,
    streams: Slots<F, Opened>,
    /// Makes the future of a slot.
    open: O,
    /// What wakes the task during a turn only makes it look once more before the turn ends, where it would otherwise run
    /// again for nothing.
    bell: Bell,
    keepalive: Keepalive,
    lifetime: Lifetime<'a>,
}

/// The client of a connection that is over.
pub(super) enum Client {
    /// Takes what is left.
    Listens,
    /// Takes nothing more.
    Gone,
}

/// How the exchange between a connection and its streams ends in one turn.
enum Left {
    /// With nothing that could be done now.
    Nothing,
    /// With work for another turn.
    Work,
    /// With the connection.
    Over,
}

impl<'a, IO, F, O> Driver<'a, IO, F, O>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = ()>,
    O: Fn(Rc<Desk<Opened>>) -> F,
{
    pub(super) fn new(
        mut connection: Connection<Coalesced<IO>, Bytes>,
        flusher: &'a Flusher<IO>,
        downstream: &'a Downstream,
        open: O,
    ) -> Self {
        let rules = downstream.site.config.http2.keepalive;
        Self {
            keepalive: Keepalive::new(rules, || connection.ping_pong()),
            connection,
            flusher,
            downstream,
            streams: Slots::new(),
            open,
            bell: Bell::default(),
            lifetime: Lifetime::new(downstream),
        }
    }

    /// One turn. Ready when the connection is over.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        drain: Pin<&mut impl Future<Output = ()>>,
    ) -> Poll<Client> {
        self.bell.know(cx.waker());
        self.bell.hold();
        let left = self.exchange();
        self.bell.release();
        match left {
            Left::Over => return Poll::Ready(Client::Listens),
            Left::Nothing => self.bell.pass_on(),
            Left::Work => worker::step_aside(cx),
        }
        self.streams.rest(cx, self.lifetime.idle_since);
        let state = (self.streams.busy() == 0, self.flusher.sent());
        match self.lifetime.poll(cx, drain, state) {
            Poll::Ready(Due::Goodbye) => {
                self.connection.graceful_shutdown();
                cx.waker().wake_by_ref();
            }
            Poll::Ready(Due::Close) => return Poll::Ready(Client::Listens),
            Poll::Pending => {}
        }
        if self.keepalive.poll(cx).is_ready() {
            return Poll::Ready(Client::Gone);
        }
        match self.flusher.poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(Client::Gone),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    /// Lets the streams and the connection run until neither has anything for the other.
    fn exchange(&mut self) -> Left {
        let mut rounds = 0;
        loop {
            if self.streams.poll(&self.bell.context()) {
                self.lifetime.idle_since = self.downstream.local.worker.now();
            }
            // What the streams have for the connection, it takes now.
            self.bell.listen();
            match self.connection.poll_accept(&mut self.bell.context()) {
                Poll::Ready(Some(Ok(opened))) => self.streams.give(opened, &self.open),
                Poll::Ready(Some(Err(_)) | None) => return Left::Over,
                Poll::Pending if !self.streams.are_ready() && !self.bell.has_rung() => {
                    return Left::Nothing;
                }
                Poll::Pending if rounds == ROUNDS || !has_budget_remaining() => return Left::Work,
                Poll::Pending => rounds += 1,
            }
        }
    }

    /// Ends what the streams were doing.
    pub(super) fn end_streams(&mut self) {
        self.streams = Slots::new();
    }
}
