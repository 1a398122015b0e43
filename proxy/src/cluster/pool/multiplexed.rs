//! One HTTP/2 connection to an endpoint, shared by the streams of a worker.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};

use super::EndpointPool;
use super::channel::{Channel, Kind, Life, UpstreamFacts};
use crate::http::codec::h2::bell::Bell;
use crate::http::codec::h2::coalesce::{Flusher, coalesce};
use crate::http::codec::h2::keepalive::Keepalive;
use crate::http::codec::h2::stream::Stream;
use crate::http::codec::h2::{SEND_BUFFER, Windows};
use crate::http::config::Http2Options;
use crate::http::deadline::Deadline;
use crate::http::head::map::Place;
use crate::http::route::action::Priority;
use crate::transport::Stream as Io;
use crate::worker;

/// Streams that are opened before the server has said how many it takes: fewer than these no server should allow (RFC 9113
/// section 6.5.2).
const UNTIL_HEARD: usize = 100;

/// Streams that a connection takes before the server has said how many it takes. The `h2` crate keeps those beyond
/// [`UNTIL_HEARD`] until it may open them, which is better than a connection for every hundred requests of a burst; more
/// than these would wait for each other where another connection may serve them.
const MOST_UNTIL_HEARD: usize = 1_024;

/// One HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct Multiplexed {
    sender: RefCell<SendRequest<Bytes>>,
    pub(crate) facts: Rc<UpstreamFacts>,
    pub(super) born: Instant,
    /// The priority whose limit it counts against.
    pub(super) priority: Priority,
    streams: Cell<usize>,
    requests: Cell<u32>,
    limits: Limits,
    used: Cell<Instant>,
    closed: Rc<Cell<bool>>,
    /// The server has said how many streams it takes.
    heard: Rc<Cell<bool>>,
    /// Wakes the task of the connection.
    bell: Rc<Bell>,
    /// The pool that it belongs to.
    home: Weak<EndpointPool>,
}

/// What a new connection is made of.
pub(super) struct Opened<'a> {
    pub(super) io: Io,
    pub(super) facts: Rc<UpstreamFacts>,
    pub(super) life: Life,
    pub(super) options: &'a Http2Options,
    pub(super) limits: Limits,
    /// The server must have said something until then.
    pub(super) until: Instant,
    pub(super) home: &'a Rc<EndpointPool>,
}

/// When a connection takes no further stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// Streams at a time that we allow ourselves; the peer's own limit counts too.
    pub(super) streams: Option<u32>,
    /// Streams in all.
    pub(super) requests: Option<u32>,
    /// Age.
    pub(super) duration: Option<std::time::Duration>,
}

/// One stream of a connection.
#[derive(Debug)]
pub(crate) struct StreamGuard(Rc<Multiplexed>);

impl StreamGuard {
    pub(super) fn connection(&self) -> &Multiplexed {
        &self.0
    }

    /// Ends a stream. The `h2` crate wakes the task of its connection for that, which matters to other streams, to a stream
    /// that breaks off and to a connection that is about to end. Else it would be a run for nothing, and a third one per
    /// exchange where there is one at a time: it is put off until the next stream needs one, or until the connection is
    /// let go.
    pub(super) fn end(self, stream: Stream) {
        let connection = &self.0;
        let whole = stream.is_read() && stream.is_written();
        let quiet = whole && connection.streams.get() == 1 && !connection.is_closed();
        if quiet {
            connection.bell.hold();
        }
        drop(stream);
        connection.bell.release();
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        self.0.used.set(worker::now());
        if let Some(home) = self.0.home.upgrade() {
            home.stream_ended(&self.0);
        }
    }
}

impl Drop for Multiplexed {
    /// The connection ends when nobody holds it any more, and has to be told so.
    fn drop(&mut self) {
        self.bell.pass_on();
    }
}

impl Multiplexed {
    /// Speaks HTTP/2; the connection runs in a task of its own on this thread.
    pub(super) async fn open(opened: Opened<'_>) -> Result<Rc<Self>, h2::Error> {
        let Opened {
            mut io,
            facts,
            life,
            options,
            limits,
            until,
            home,
        } = opened;
        io.read_ahead();
        let (io, flusher) = coalesce(io);
        let (sender, mut connection) = builder(options).handshake::<_, Bytes>(io).await?;
        let keepalive = Keepalive::new(options.keepalive, || connection.ping_pong());
        let closed = Rc::new(Cell::new(false));
        let ended = Rc::clone(&closed);
        let heard = Rc::<Cell<bool>>::default();
        let hears = Rc::clone(&heard);
        let bell = Rc::<Bell>::default();
        let rings = Rc::clone(&bell);
        let (born, priority) = (life.born, life.permit.priority());
        tokio::task::spawn_local(async move {
            let driver = Driver {
                connection,
                keepalive,
                flusher,
                bell: rings,
                heard: hears,
                silence: Some(Deadline::default()),
                until,
            };
            let outcome = driver.run().await;
            ended.set(true);
            // The place among the cluster's connections is free when the socket is closed, not before.
            drop(life);
            if let Err(error) = outcome {
                tracing::debug!(%error, "an upstream HTTP/2 connection ended");
            }
        });
        Ok(Rc::new(Self {
            sender: RefCell::new(sender),
            facts,
            born,
            priority,
            streams: Cell::new(0),
            requests: Cell::new(0),
            limits,
            used: Cell::new(worker::now()),
            closed,
            heard,
            bell,
            home: Rc::downgrade(home),
        }))
    }

    /// A stream of this connection.
    pub(super) fn channel(this: &Rc<Self>, reused: bool) -> Channel {
        this.streams.set(this.streams.get() + 1);
        this.requests.set(this.requests.get().saturating_add(1));
        let sender = this.sender.borrow().clone();
        Channel {
            kind: Kind::Http2(sender, StreamGuard(Rc::clone(this))),
            reused,
        }
    }

    /// Says that a stream was opened: what was put off is due.
    pub(super) fn has_opened(&self) {
        self.bell.pass_on();
    }

    /// Whether it takes no further stream for good: it has ended, or the server said that it is going away.
    pub(super) fn is_closed(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.closed.get()
            || matches!(
                self.sender.borrow_mut().poll_ready(&mut cx),
                Poll::Ready(Err(_))
            )
    }

    /// Whether it was used as often or as long as it may be.
    pub(super) fn is_worn(&self) -> bool {
        let by_requests = self
            .limits
            .requests
            .is_some_and(|requests| self.requests.get() >= requests);
        let by_age = |longest| worker::now().saturating_duration_since(self.born) >= longest;
        by_requests || self.limits.duration.is_some_and(by_age)
    }

    /// Where the request stands that is about to be sent.
    pub(super) fn place(&self) -> Place {
        match self.requests.get() {
            0 | 1 => Place::First,
            _ => Place::Later,
        }
    }

    /// Since when it has had no stream.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.streams.get() == 0).then(|| self.used.get())
    }

    /// Whether the connection is in use or was used lately.
    pub(super) fn is_fresh(&self, fresh: impl Fn(Instant) -> bool) -> bool {
        self.idle_since().is_none_or(fresh)
    }

    pub(super) fn has_room(&self) -> bool {
        let most = if self.heard.get() {
            self.sender.borrow().current_max_send_streams()
        } else {
            MOST_UNTIL_HEARD
        };
        let most = most.min(
            self.limits
                .streams
                .map_or(usize::MAX, |streams| streams as usize),
        );
        !self.closed.get() && !self.is_worn() && self.streams.get() < most
    }
}

fn builder(options: &Http2Options) -> Builder {
    let windows = Windows::default();
    let mut builder = Builder::new();
    builder
        .initial_window_size(options.initial_stream_window.unwrap_or(windows.stream))
        .initial_connection_window_size(
            options
                .initial_connection_window
                .unwrap_or(windows.connection),
        )
        .initial_max_send_streams(UNTIL_HEARD)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(64 * 1024)
        .enable_push(false);
    if let Some(size) = options.max_frame_size {
        builder.max_frame_size(size.clamp(16_384, 16_777_215));
    }
    if let Some(size) = options.hpack_table_size {
        builder.header_table_size(size);
    }
    builder
}

/// A connection as its task runs it.
struct Driver<C> {
    connection: C,
    keepalive: Keepalive,
    flusher: Flusher<Io>,
    bell: Rc<Bell>,
    heard: Rc<Cell<bool>>,
    /// Until the server has spoken.
    silence: Option<Deadline>,
    /// A server that has not sent its SETTINGS until then does not speak HTTP/2.
    until: Instant,
}

impl<C> Driver<C>
where
    C: Future<Output = Result<(), h2::Error>> + Unpin,
{
    /// Runs the connection until it ends or its peer does not answer any more.
    async fn run(mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// One turn; what it writes leaves together.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bell.know(cx.waker());
        self.bell.listen();
        if self.keepalive.poll(cx).is_ready() {
            let lost = "the peer did not answer a PING in time";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, lost)));
        }
        let state = Pin::new(&mut self.connection).poll(&mut self.bell.context());
        if let Poll::Ready(Err(error)) = self.flusher.poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        // The `h2` crate has taken what was read before, unless it waits for room to write.
        if self.silence.is_some() && self.flusher.has_settings() {
            self.silence = None;
            self.heard.set(true);
        }
        let until = self.until;
        let late = |timer: &mut Deadline| timer.poll(cx, Some(until)).is_ready();
        if self.silence.as_mut().is_some_and(late) {
            let what = "no HTTP/2 SETTINGS from the server";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)));
        }
        state.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests;
