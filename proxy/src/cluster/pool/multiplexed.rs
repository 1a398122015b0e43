//! One HTTP/2 connection to an endpoint, shared by the streams of a worker.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};

use super::channel::{Channel, Kind, Life, UpstreamFacts};
use crate::http::codec::h2::coalesce::{Flusher, coalesce};
use crate::http::codec::h2::{SEND_BUFFER, Windows};
use crate::http::config::Http2Options;
use crate::transport::Stream;

/// One HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct Multiplexed {
    sender: RefCell<SendRequest<Bytes>>,
    pub(crate) facts: Rc<UpstreamFacts>,
    life: Life,
    streams: Cell<usize>,
    requests: Cell<u32>,
    limits: Limits,
    used: Cell<Instant>,
    closed: Rc<Cell<bool>>,
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
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        self.0.used.set(Instant::now());
    }
}

impl Multiplexed {
    /// Speaks HTTP/2 over `io`; the connection runs in a task of its own on this thread.
    pub(super) async fn open(
        io: Stream,
        facts: Rc<UpstreamFacts>,
        life: Life,
        (options, limits): (&Http2Options, Limits),
    ) -> Result<Rc<Self>, h2::Error> {
        let (io, flusher) = coalesce(io);
        let (sender, connection) = builder(options).handshake::<_, Bytes>(io).await?;
        let closed = Rc::new(Cell::new(false));
        let ended = Rc::clone(&closed);
        tokio::task::spawn_local(async move {
            let outcome = drive(connection, flusher).await;
            ended.set(true);
            if let Err(error) = outcome {
                tracing::debug!(%error, "an upstream HTTP/2 connection ended");
            }
        });
        Ok(Rc::new(Self {
            sender: RefCell::new(sender),
            facts,
            life,
            streams: Cell::new(0),
            requests: Cell::new(0),
            limits,
            used: Cell::new(Instant::now()),
            closed,
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

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Whether the connection is in use or was used lately.
    pub(super) fn is_fresh(&self, fresh: impl Fn(Instant) -> bool) -> bool {
        self.streams.get() > 0 || fresh(self.used.get())
    }

    pub(super) fn has_room(&self) -> bool {
        let most = self.sender.borrow().current_max_send_streams();
        let most = most.min(
            self.limits
                .streams
                .map_or(usize::MAX, |streams| streams as usize),
        );
        let worn = self
            .limits
            .requests
            .is_some_and(|requests| self.requests.get() >= requests)
            || self
                .limits
                .duration
                .is_some_and(|longest| self.life.born.elapsed() >= longest);
        !self.closed.get() && !worn && self.streams.get() < most
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

/// Runs the connection until it ends; what it writes in one turn leaves together.
async fn drive<C>(mut connection: C, flusher: Flusher<Stream>) -> io::Result<()>
where
    C: Future<Output = Result<(), h2::Error>> + Unpin,
{
    poll_fn(|cx| {
        let state = Pin::new(&mut connection).poll(cx).map_err(io::Error::other);
        match flusher.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => state,
        }
    })
    .await
}
