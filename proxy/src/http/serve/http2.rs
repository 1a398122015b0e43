//! An HTTP/2 connection: its streams run concurrently inside one task.

mod driver;
mod lifetime;
mod prefixed;
mod slots;

use std::future::poll_fn;
use std::rc::Rc;

use ::http::{Request, StatusCode};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use tokio::io::{AsyncRead, AsyncWrite};

use self::driver::{Client, Driver};
use self::prefixed::Prefixed;
use self::slots::Desk;
use super::PREFACE_TIMEOUT;
use crate::http::codec::h1::connection::Connection;
use crate::http::codec::h2::coalesce::coalesce;
use crate::http::codec::h2::stream::Stream as Http2Stream;
use crate::http::codec::h2::{SEND_BUFFER, Windows, head};
use crate::http::codec::leg::Leg;
use crate::http::connection::{Downstream, Exchange};
use crate::http::handle::{self, Ending};
use crate::http::local_reply::LocalReply;
use crate::telemetry::access_log::ResponseFlags;
use crate::transport::Stream;

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
    run(Prefixed::new(ahead, stream), downstream).await;
}

async fn run<IO: AsyncRead + AsyncWrite + Unpin>(io: IO, downstream: &Downstream) {
    let (io, flusher) = coalesce(io);
    let handshake = builder(downstream).handshake::<_, Bytes>(io);
    let limit = downstream.site.config.timeouts.request_headers;
    let limit = limit.unwrap_or(PREFACE_TIMEOUT);
    let Ok(Ok(connection)) = tokio::time::timeout(limit, handshake).await else {
        downstream
            .site
            .stats
            .downstream_cx_protocol_error
            .increment(&downstream.local.shard);
        return;
    };
    let open = |desk| serve_streams(desk, downstream);
    let mut driver = Driver::new(connection, &flusher, downstream, open);
    let mut drain = std::pin::pin!(downstream.draining());
    let client = poll_fn(|cx| driver.poll(cx, drain.as_mut())).await;
    // What the streams were doing ends with the connection; what is queued still goes out to a client that listens.
    driver.end_streams();
    match client {
        Client::Listens => {
            let limit = downstream.site.config.timeouts.delayed_close;
            let flush = poll_fn(|cx| flusher.poll_flush(cx));
            let _ = tokio::time::timeout(limit, flush).await;
        }
        Client::Gone => {}
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
    let read = head::read_request(parts, &mut exchange.request);
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
