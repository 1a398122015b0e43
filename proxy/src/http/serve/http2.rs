//! An HTTP/2 connection: its streams run concurrently inside one task.

use std::future::poll_fn;
use std::task::Poll;

use ::http::{Request, StatusCode};
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use tokio::io::{AsyncRead, AsyncWrite};

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

/// Serves HTTP/2 on a socket from which nothing was read.
pub(super) async fn serve(stream: Stream, downstream: &Downstream) {
    run(stream, downstream).await;
}

/// Serves HTTP/2 on a connection whose first bytes wait in its buffer.
pub(super) async fn serve_connection(connection: Connection<Stream>, downstream: &Downstream) {
    let (stream, ahead) = connection.into_parts();
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
    let mut streams = FuturesUnordered::new();
    let mut draining = false;
    let mut drain = std::pin::pin!(downstream.draining());
    let mut timer = Deadline::default();
    let mut idle_since = downstream.local.worker.now();
    let timeouts = &downstream.site.config.timeouts;
    poll_fn(|cx| {
        loop {
            let mut progress = false;
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    progress = true;
                    // One allocation per stream: the list keeps its futures apart from each other.
                    streams.push(serve_stream(request, respond, downstream));
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            while let Poll::Ready(Some(())) = streams.poll_next_unpin(cx) {
                progress = true;
                idle_since = downstream.local.worker.now();
            }
            if !progress {
                break;
            }
        }
        if !draining && drain.as_mut().poll(cx).is_ready() {
            draining = true;
            connection.graceful_shutdown();
            cx.waker().wake_by_ref();
        }
        let idle = timeouts
            .idle
            .filter(|_| streams.is_empty())
            .map(|limit| idle_since + limit);
        let oldest = timeouts
            .max_connection_duration
            .filter(|_| !draining)
            .map(|limit| downstream.since + limit);
        if timer.poll(cx, earlier(idle, oldest)).is_ready() && !draining {
            draining = true;
            connection.graceful_shutdown();
            cx.waker().wake_by_ref();
        }
        let lost = keepalive.poll(cx);
        match flusher.poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(())) | Poll::Pending => lost,
        }
    })
    .await;
    // What the streams were doing ends with the connection; what is queued still goes out.
    drop(streams);
    let _ = poll_fn(|cx| flusher.poll_flush(cx)).await;
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

async fn serve_stream(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    downstream: &Downstream,
) {
    let (parts, recv) = request.into_parts();
    let mut exchange = Exchange::new(downstream);
    let read = head::read_request(&parts, &mut exchange.request);
    let stream = Http2Stream::accepted(respond, recv);
    exchange.framing = stream.framing(&exchange.request.fields);
    let mut leg = Leg::Http2(stream);
    let ending = match read {
        Ok(()) => handle::handle(&mut exchange, &mut leg).await,
        Err(invalid) => {
            let reply = LocalReply::new(StatusCode::BAD_REQUEST, "", invalid.to_string())
                .flag(ResponseFlags::DOWNSTREAM_PROTOCOL_ERROR);
            handle::refuse(&mut exchange, &mut leg, reply).await;
            Ending::Close
        }
    };
    let Leg::Http2(stream) = &mut leg else { return };
    match ending {
        // The response is whole: the client need not send the rest of its request.
        Ending::Keep | Ending::Close if !stream.is_read() => stream.reset(h2::Reason::NO_ERROR),
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
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
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
        std::pin::Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Prefixed<IO> {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
