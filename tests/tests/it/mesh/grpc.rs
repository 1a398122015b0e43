//! gRPC with every shape of answer, by hand: its status may come in trailers or in the head.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Context;
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::http::PATIENCE;
use super::namespace::Namespace;

/// What a caller gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// The pod that answered.
    pub(crate) server: String,
    pub(crate) messages: Vec<Bytes>,
    /// `grpc-status` and `grpc-message` in the head: an answer of trailers only.
    pub(crate) in_head: Option<(String, String)>,
    /// The same in the trailers.
    pub(crate) in_trailers: Option<(String, String)>,
}

/// Answers a call of the methods `Unary`, `Stream` (the message three times), `Broken` (an error after a message) and
/// `Refused` (an error instead of one).
pub(crate) fn answer(
    method: &str,
    sent: &Bytes,
    server: &str,
) -> Response<BoxBody<Bytes, Infallible>> {
    let (messages, status, text) = match method {
        "Unary" => (1, "0", ""),
        "Stream" => (3, "0", ""),
        "Broken" => (1, "13", "broken"),
        _ => (0, "7", "refused"),
    };
    let mut response = Response::builder()
        .header("content-type", "application/grpc")
        .header("x-server", server);
    if messages == 0 {
        response = response
            .header("grpc-status", status)
            .header("grpc-message", text);
        return response.body(Empty::new().boxed()).unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    trailers.insert("grpc-message", HeaderValue::from_static(text));
    let data = (0..messages).map(|_| Frame::data(sent.clone()));
    let frames: Vec<_> = data.chain([Frame::trailers(trailers)]).map(Ok).collect();
    let body = StreamBody::new(tokio_stream::iter(frames));
    response.body(BodyExt::boxed(body)).unwrap()
}

/// Calls `path` with one message from inside `namespace`.
///
/// # Errors
/// When no whole answer comes.
pub(crate) fn call(
    namespace: &Namespace,
    to: SocketAddr,
    path: &str,
    message: &[u8],
) -> anyhow::Result<Called> {
    let request = Request::post(format!("http://server{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(prefixed(message)))?;
    namespace.block_on(async || {
        let called = tokio::time::timeout(PATIENCE, exchange(to, request));
        called.await.context("no answer")?
    })
}

async fn exchange(to: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Called> {
    let io = TokioIo::new(TcpStream::connect(to).await?);
    let client = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
    let (mut sender, connection) = client.await?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    anyhow::ensure!(head.status == 200, "{head:?}");
    let body = body.collect().await?;
    let in_trailers = body.trailers().and_then(status);
    let server = head.headers.get("x-server").context("an answer of a pod")?;
    Ok(Called {
        server: server.to_str()?.to_owned(),
        messages: messages(body.to_bytes())?,
        in_head: status(&head.headers),
        in_trailers,
    })
}

fn status(fields: &HeaderMap) -> Option<(String, String)> {
    let text = |name| Some(fields.get(name)?.to_str().unwrap().to_owned());
    Some((
        text("grpc-status")?,
        text("grpc-message").unwrap_or_default(),
    ))
}

/// A message on the wire: not compressed, its length, itself.
fn prefixed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat().into()
}

fn messages(body: Bytes) -> anyhow::Result<Vec<Bytes>> {
    let mut rest = BytesMut::from(body);
    let mut messages = Vec::new();
    while rest.has_remaining() {
        anyhow::ensure!(rest.len() >= 5 && rest[0] == 0, "a prefix in {rest:?}");
        rest.advance(1);
        let length = rest.get_u32() as usize;
        anyhow::ensure!(rest.len() >= length, "a message in {rest:?}");
        messages.push(rest.split_to(length).freeze());
    }
    Ok(messages)
}
