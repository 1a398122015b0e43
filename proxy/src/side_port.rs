//! HTTP/1 servers for those who look after the process: the status ports and the admin interface. What a client can hold
//! of them is bounded, and it is told here who may change the process.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// How long accepting rests after a failure, usually for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Where Istio's redirected inbound traffic comes from. The proxy sends it from there on behalf of clients outside.
const INBOUND_SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));

/// What clients of one port may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections; further ones wait to be accepted.
    pub(crate) connections: usize,
    /// Time for a request head, and for the next one on a connection that is kept.
    pub(crate) head: Duration,
    /// Age of a connection.
    pub(crate) life: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 128,
            head: Duration::from_secs(15),
            life: Duration::from_secs(600),
        }
    }
}

/// Serves one port until the process ends; a client that misbehaves ends its own connection only. To be run on a local
/// runtime.
pub(crate) async fn serve<R>(
    listener: TcpListener,
    bounds: Bounds,
    respond: impl Fn(Request<Incoming>, SocketAddr) -> R + Clone + 'static,
) where
    R: Future<Output = Response<Full<Bytes>>> + 'static,
{
    let places = Arc::new(Semaphore::new(bounds.connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let respond = respond.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| {
                let response = respond(request, peer);
                async { Ok::<_, Infallible>(response.await) }
            });
            let connection = Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(bounds.head)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(bounds.life, connection).await;
            drop(place);
        });
    }
}

/// Whether a client may change the process: only one inside the pod may. Addresses of the loopback interface are inside,
/// but for the one that the proxy itself uses on behalf of clients outside; its IPv6 counterpart `::6` is no loopback
/// address to begin with.
pub(crate) fn may_change(peer: SocketAddr) -> bool {
    let ip = peer.ip().to_canonical();
    ip.is_loopback() && ip != INBOUND_SOURCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::task::LocalSet;

    #[test]
    fn only_clients_inside_the_pod_may_change_the_process() {
        for (peer, may) in [
            ("127.0.0.1:1", true),
            ("127.0.0.2:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("127.0.0.6:1", false),
            ("[::ffff:127.0.0.6]:1", false),
            ("[::6]:1", false),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(may_change(peer.parse().unwrap()), may, "{peer}");
        }
    }

    async fn start(bounds: Bounds) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::task::spawn_local(serve(listener, bounds, |_, _| async {
            let mut response = Response::new(Full::new(Bytes::from_static(b"served")));
            *response.status_mut() = StatusCode::OK;
            response
        }));
        address
    }

    #[tokio::test]
    async fn a_client_that_sends_no_head_is_let_go_and_makes_room_for_the_next() {
        let bounds = Bounds {
            connections: 1,
            head: Duration::from_millis(20),
            life: Duration::from_secs(60),
        };
        let test = async {
            let address = start(bounds).await;
            let mut silent = TcpStream::connect(address).await.unwrap();
            silent.write_all(b"GET / HT").await.unwrap();
            let mut next = TcpStream::connect(address).await.unwrap();
            next.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            next.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("served"), "{answer}");
            let mut rest = Vec::new();
            // Closed or reset, but not held.
            let _ = silent.read_to_end(&mut rest).await;
        };
        LocalSet::new().run_until(test).await;
    }
}
