//! An HTTP/2 connection: its streams run concurrently inside one task.

mod slots;
mod turn;

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use ::http::{Request, StatusCode};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;

use self::slots::{Desk, Slots};
use self::turn::Turns;
use super::PREFACE_TIMEOUT;
use crate::http::codec::h1::connection::Connection;
use crate::http::codec::h2::coalesce::coalesce;
use crate::http::codec::h2::keepalive::Keepalive;
use crate::http::codec::h2::stream::Stream as Http2Stream;
use crate::http::codec::h2::{SEND_BUFFER, Windows, head};
use crate::http::codec::leg::Leg;
use crate::http::connection::{Downstream, Exchange};
use crate::http::deadline::{Deadline, earlier};
use crate::http::handle::{self, Ending};
use crate::http::local_reply::LocalReply;
use crate::telemetry::access_log::ResponseFlags;
use crate::transport::Stream;

/// A connection on which no stream has ended for so long keeps no memory for more streams than there are.
const REST: Duration = Duration::from_secs(1);

/// Times that a connection looks after what its streams did before others get their turn.
const ROUNDS: usize = 8;

/// A stream that a client has opened.
type Opened = (Request<RecvStream>, SendResponse<Bytes>);

/// Serves HTTP/2 on a socket from which nothing was read.
pub(super) async fn serve(mut stream: Stream, downstream: &Downstream) {
    stream.read_ahead();
    run(stream, downstream).await;
}

/// Serves HTTP/2 on a connection whose first bytes wait in its buffer.
pub(super) async fn serve_connection(connection: Connection<Stream>, downstream: &Downstream) {
    let (mut stream, ahead) = connection.into_parts();
    stream.read_ahead();
    run(
        Prefixed {
            ahead,
            at: 0,
            io: stream,
        },
        downstream,
    )
    .await;
}

async fn run<IO: AsyncRead + AsyncWrite + Unpin>(io: IO, downstream: &Downstream) {
    let (io, flusher) = coalesce(io);
    let handshake = builder(downstream).handshake::<_, Bytes>(io);
    let limit = downstream.site.config.timeouts.request_headers;
    let limit = limit.unwrap_or(PREFACE_TIMEOUT);
    let Ok(Ok(mut connection)) = tokio::time::timeout(limit, handshake).await else {
        downstream
            .site
            .stats
            .downstream_cx_protocol_error
            .increment(&downstream.local.shard);
        return;
    };
    let rules = downstream.site.config.http2.keepalive;
    let mut keepalive = Keepalive::new(rules, || connection.ping_pong());
    let mut streams = Slots::new();
    let turns = Turns::new();
    let mut rest = Deadline::default();
    let mut drain = std::pin::pin!(downstream.draining());
    let mut lifetime = Lifetime::new(downstream);
    let listens = poll_fn(|cx| {
        flusher.listen();
        turns.begin(cx.waker());
        let mut inner = Context::from_waker(turns.waker());
        let mut rounds = 0;
        let over = loop {
            if streams.poll(&inner) {
                lifetime.idle_since = downstream.local.worker.now();
            }
            // What the streams have for the connection, it takes now.
            turns.was_woken();
            match connection.poll_accept(&mut inner) {
                Poll::Ready(Some(Ok(opened))) => {
                    streams.give(opened, |desk| serve_streams(desk, downstream));
                }
                Poll::Ready(Some(Err(_)) | None) => break true,
                Poll::Pending if !streams.are_ready() && !turns.was_woken() => break false,
                Poll::Pending if rounds == ROUNDS || !has_budget_remaining() => {
                    cx.waker().wake_by_ref();
                    break false;
                }
                Poll::Pending => rounds += 1,
            }
        };
        turns.end();
        if over {
            return Poll::Ready(true);
        }
        let idle = streams.busy() == 0;
        if streams.has_free() {
            let until = Some(lifetime.idle_since + REST);
            if rest.poll(cx, until).is_ready() {
                streams.shrink();
            }
        }
        match lifetime.poll(cx, drain.as_mut(), (idle, flusher.sent())) {
            Poll::Ready(Due::Goodbye) => {
                connection.graceful_shutdown();
                cx.waker().wake_by_ref();
            }
            Poll::Ready(Due::Close) => return Poll::Ready(true),
            Poll::Pending => {}
        }
        if keepalive.poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        match flusher.poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(false),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    })
    .await;
    // What the streams were doing ends with the connection; what is queued still goes out to a client that listens.
    drop(streams);
    if listens {
        let limit = downstream.site.config.timeouts.delayed_close;
        let flush = poll_fn(|cx| flusher.poll_flush(cx));
        let _ = tokio::time::timeout(limit, flush).await;
    }
}

/// What a connection is due to do.
enum Due {
    /// To tell the client that it ends.
    Goodbye,
    /// To end, whatever the client does.
    Close,
}

/// How long a connection goes on.
struct Lifetime<'a> {
    downstream: &'a Downstream,
    timer: Deadline,
    /// When the last stream ended.
    idle_since: Instant,
    closing: Option<Closing>,
}

/// A connection whose client was told that it ends.
struct Closing {
    /// Bytes that the socket has taken so far.
    sent: u64,
    /// When it took the last of them.
    moved: Instant,
}

impl<'a> Lifetime<'a> {
    fn new(downstream: &'a Downstream) -> Self {
        Self {
            downstream,
            timer: Deadline::default(),
            idle_since: downstream.local.worker.now(),
            closing: None,
        }
    }

    /// Ready once when the client should be told, and then when it has had the drain timeout to finish in. Streams
    /// have limits of their own, and so only a connection that is `idle` ends; bytes still on their way give it more time.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        drain: Pin<&mut impl Future<Output = ()>>,
        (idle, sent): (bool, u64),
    ) -> Poll<Due> {
        let timeouts = &self.downstream.site.config.timeouts;
        let now = self.downstream.local.worker.now();
        let Some(closing) = &mut self.closing else {
            let idle = timeouts.idle.filter(|_| idle);
            let oldest = timeouts.max_connection_duration;
            let until = earlier(
                idle.map(|limit| self.idle_since + limit),
                oldest.map(|limit| self.downstream.since + limit),
            );
            if drain.poll(cx).is_pending() {
                ready!(self.timer.poll(cx, until));
            }
            self.closing = Some(Closing { sent, moved: now });
            return Poll::Ready(Due::Goodbye);
        };
        if sent != closing.sent {
            *closing = Closing { sent, moved: now };
        }
        let last = closing.moved.max(self.idle_since);
        let until = idle.then(|| last + timeouts.drain);
        self.timer.poll(cx, until).map(|()| Due::Close)
    }
}

fn builder(downstream: &Downstream) -> Builder {
    let options = &downstream.site.config.http2;
    let windows = Windows::default();
    let mut builder = Builder::new();
    builder
        .initial_window_size(options.initial_stream_window.unwrap_or(windows.stream))
        .initial_connection_window_size(
            options
                .initial_connection_window
                .unwrap_or(windows.connection),
        )
        .max_concurrent_streams(options.max_concurrent_streams.unwrap_or(1_024))
        .max_header_list_size(
            u32::try_from(downstream.site.config.limits.max_request_headers_bytes)
                .unwrap_or(u32::MAX),
        )
        .max_send_buffer_size(SEND_BUFFER);
    if let Some(size) = options.max_frame_size {
        builder.max_frame_size(size.clamp(16_384, 16_777_215));
    }
    if let Some(size) = options.hpack_table_size {
        builder.header_table_size(size);
    }
    builder
}

/// Serves one stream after the other.
async fn serve_streams(desk: Rc<Desk<Opened>>, downstream: &Downstream) {
    let mut opened = poll_fn(|_| desk.poll_next()).await;
    let mut exchange = Exchange::new(downstream);
    loop {
        serve_stream(opened, &mut exchange).await;
        if exchange.is_large() {
            exchange = Exchange::new(downstream);
        } else {
            // What it holds of clusters and endpoints must not wait for the next stream.
            exchange.restart();
        }
        opened = poll_fn(|_| desk.poll_next()).await;
        exchange.record.start = downstream.local.worker.now();
    }
}

async fn serve_stream((request, respond): Opened, exchange: &mut Exchange<'_>) {
    let (parts, recv) = request.into_parts();
    let read = head::read_request(&parts, &mut exchange.request);
    let stream = Http2Stream::accepted(respond, recv);
    exchange.framing = stream.framing(&exchange.request.fields);
    let mut leg = Leg::Http2(stream);
    let ending = match read {
        Ok(()) => handle::handle(exchange, &mut leg).await,
        Err(invalid) => {
            let reply = LocalReply::new(StatusCode::BAD_REQUEST, "", invalid.to_string())
                .flag(ResponseFlags::DOWNSTREAM_PROTOCOL_ERROR);
            handle::refuse(exchange, &mut leg, reply).await;
            Ending::Close
        }
    };
    let Leg::Http2(stream) = &mut leg else { return };
    match ending {
        // The response is whole. Where the request is not, `h2` tells the client after the response that it need not send
        // the rest (RFC 9113 section 8.1); a reset from here would overtake the response.
        Ending::Keep | Ending::Close => {}
        Ending::Abort => stream.reset(h2::Reason::INTERNAL_ERROR),
    }
}

/// A socket with bytes that come first.
#[derive(Debug)]
struct Prefixed<IO> {
    ahead: Vec<u8>,
    at: usize,
    io: IO,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prefixed<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.at < self.ahead.len() {
            let count = buf.remaining().min(self.ahead.len() - self.at);
            buf.put_slice(&self.ahead[self.at..self.at + count]);
            self.at += count;
            if self.at == self.ahead.len() {
                (self.ahead, self.at) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Prefixed<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
