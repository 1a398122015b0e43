//! One request on one connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::namespace::Namespace;

/// Nothing in these tests takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    /// A header, empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// The HTTP version that a client speaks from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// Sends a request from inside `namespace` and reads the whole answer.
///
/// # Errors
/// When no whole answer comes.
pub(crate) fn send(
    namespace: &Namespace,
    to: SocketAddr,
    version: Version,
    request: Request<Empty<Bytes>>,
) -> anyhow::Result<Reply> {
    namespace.block_on(async || {
        let exchange = exchange(to, version, request);
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .context("no answer")?
    })
}

/// `GET http://TO/PATH` from inside `namespace`.
///
/// # Errors
/// When no whole answer comes.
pub(crate) fn get(namespace: &Namespace, to: SocketAddr, path: &str) -> anyhow::Result<Reply> {
    let request = Request::get(path).header("host", to.to_string());
    send(namespace, to, Version::Http1, request.body(Empty::new())?)
}

async fn exchange(
    to: SocketAddr,
    version: Version,
    request: Request<Empty<Bytes>>,
) -> anyhow::Result<Reply> {
    let io = TokioIo::new(TcpStream::connect(to).await?);
    let response = match version {
        Version::Http1 => {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        }
        Version::Http2 => {
            let executor = TokioExecutor::new();
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(executor, io).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        }
    };
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.into())?,
    })
}

/// Asks again and again until the answer is `Some`.
///
/// # Panics
/// When that takes longer than [`PATIENCE`].
pub(crate) fn until<T: Send>(
    what: &str,
    namespace: &Namespace,
    mut ask: impl FnMut() -> Option<T> + Send,
) -> T {
    namespace.block_on(async || {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "waited in vain until {what}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
}
