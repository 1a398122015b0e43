//! PINGs that find out whether the peer of an HTTP/2 connection is still there (RFC 9113 section 6.7).
//! Source: Envoy `config.core.v3.KeepaliveSettings`.

use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use h2::{Ping, PingPong};

use crate::http::config::Http2Keepalive;
use crate::http::deadline::Deadline;

/// The PINGs of one connection; does nothing where none are configured.
pub(crate) struct Keepalive(Option<Pings>);

struct Pings {
    connection: PingPong,
    interval: Duration,
    timeout: Duration,
    timer: Deadline,
    next: Next,
}

/// What happens next, and when.
#[derive(Clone, Copy)]
enum Next {
    Ping(Instant),
    GiveUp(Instant),
}

impl Keepalive {
    /// PINGs as configured over a connection that hands out its PINGs once.
    pub(crate) fn new(
        rules: Option<Http2Keepalive>,
        connection: impl FnOnce() -> Option<PingPong>,
    ) -> Self {
        let pings = rules.and_then(|rules| {
            let interval = rules.interval?;
            Some(Pings {
                connection: connection()?,
                interval,
                timeout: rules.timeout,
                timer: Deadline::default(),
                next: Next::Ping(Instant::now() + interval),
            })
        });
        Self(pings)
    }

    /// Ready when the peer has left a PING without an answer for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(pings) => pings.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Pings {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.next {
                Next::Ping(at) => {
                    ready!(self.timer.poll(cx, Some(at)));
                    if self.connection.send_ping(Ping::opaque()).is_err() {
                        return Poll::Pending; // the connection is over, and says so itself
                    }
                    self.next = Next::GiveUp(Instant::now() + self.timeout);
                }
                Next::GiveUp(at) => match self.connection.poll_pong(cx) {
                    Poll::Ready(Ok(_)) => self.next = Next::Ping(Instant::now() + self.interval),
                    Poll::Ready(Err(_)) => return Poll::Pending, // as above
                    Poll::Pending => return self.timer.poll(cx, Some(at)),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use bytes::Bytes;
    use tokio::io::DuplexStream;

    use super::*;

    const RULES: Http2Keepalive = Http2Keepalive {
        interval: Some(Duration::from_millis(1)),
        timeout: Duration::from_millis(20),
    };

    async fn connected() -> (
        h2::client::Connection<DuplexStream>,
        h2::client::SendRequest<Bytes>,
        h2::server::Connection<DuplexStream, Bytes>,
    ) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (client, server) =
            tokio::join!(h2::client::handshake(near), h2::server::handshake(far));
        let (sender, client) = client.unwrap();
        (client, sender, server.unwrap())
    }

    #[tokio::test]
    async fn a_peer_that_does_not_answer_a_ping_is_given_up() {
        // the server's side is never polled again
        let (mut client, _sender, _server) = connected().await;
        let mut keepalive = Keepalive::new(Some(RULES), || client.ping_pong());
        poll_fn(|cx| {
            let _ = Pin::new(&mut client).poll(cx);
            keepalive.poll(cx)
        })
        .await;
    }

    #[tokio::test]
    async fn a_peer_that_answers_gets_the_next_ping() {
        let (mut client, _sender, mut server) = connected().await;
        let rules = Http2Keepalive {
            timeout: Duration::from_secs(30),
            ..RULES
        };
        let mut keepalive = Keepalive::new(Some(rules), || client.ping_pong());
        let mut answers = 0;
        poll_fn(|cx| {
            let _ = server.poll_accept(cx);
            let _ = Pin::new(&mut client).poll(cx);
            let waited = |keepalive: &Keepalive| {
                let pings = keepalive.0.as_ref().unwrap();
                matches!(pings.next, Next::GiveUp(_))
            };
            let before = waited(&keepalive);
            assert!(keepalive.poll(cx).is_pending());
            if before && !waited(&keepalive) {
                answers += 1;
            }
            if answers == 2 {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }
}
