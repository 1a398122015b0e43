//! A connection that is ready for one request, and what becomes of it afterwards.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;

use super::multiplexed::{Multiplexed, StreamGuard};
use super::{ClusterPool, EndpointPool};
use crate::cluster::circuit_breaker::{Overflow, Permit};
use crate::http::codec::h1::Framing;
use crate::http::codec::h1::connection::Connection;
use crate::http::codec::h1::encode::Persistence;
use crate::http::codec::h2::stream;
use crate::http::codec::leg::{Leg, LegError};
use crate::http::head::RequestHead;
use crate::http::route::action::Priority;
use crate::telemetry::istio::Heard;
use crate::telemetry::metrics::{Gauge, Shard};
use crate::transport::{ConnectError, Stream, TlsFacts, Upstream};
use crate::worker;

/// What is known of an upstream connection.
#[derive(Debug)]
pub(crate) struct UpstreamFacts {
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) tls: Option<Rc<TlsFacts>>,
    /// How the server introduced its workload.
    pub(crate) heard: Heard,
}

impl UpstreamFacts {
    pub(crate) fn of(upstream: &Upstream) -> Rc<Self> {
        let raw = upstream.raw();
        Rc::new(Self {
            local: raw.local_addr(),
            remote: raw.peer_addr(),
            tls: upstream.tls().cloned(),
            heard: Heard::default(),
        })
    }
}

/// No connection.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AcquireError {
    #[error(transparent)]
    Overflow(#[from] Overflow),
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    #[error("the HTTP/2 handshake failed: {0}")]
    Http2(Arc<h2::Error>),
}

/// Keeps the count of what is open right, however it ends.
#[derive(Debug)]
pub(crate) struct OpenCount {
    gauge: Gauge,
    shard: Arc<Shard>,
}

impl OpenCount {
    pub(crate) fn new(gauge: Gauge, shard: &Arc<Shard>) -> Self {
        gauge.add(shard, 1);
        Self {
            gauge,
            shard: Arc::clone(shard),
        }
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.gauge.add(&self.shard, -1);
    }
}

/// What lives as long as a connection does.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) born: Instant,
    pub(super) permit: Permit,
    pub(super) _open: OpenCount,
}

/// An HTTP/1 connection without a request.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) connection: Box<Connection<Stream>>,
    pub(super) since: Instant,
    pub(super) ticket: Box<Ticket>,
}

impl Idle {
    /// The priority whose limit the connection counts against.
    pub(super) fn priority(&self) -> Priority {
        self.ticket.life.permit.priority()
    }

    /// When it was opened.
    pub(super) fn born(&self) -> Instant {
        self.ticket.life.born
    }

    /// Ready for its next request.
    pub(super) fn into_channel(mut self) -> Channel {
        self.ticket.requests += 1;
        Channel {
            kind: Kind::Http1(self.connection, self.ticket),
            reused: true,
        }
    }
}

/// What comes with an HTTP/1 connection in use. Made with the connection; requests only hand it on.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(super) facts: Rc<UpstreamFacts>,
    pub(super) life: Life,
    pub(super) requests: u32,
}

/// A connection that is ready for one request.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(super) kind: Kind,
    /// The connection has carried requests before.
    pub(crate) reused: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Http1(Box<Connection<Stream>>, Box<Ticket>),
    Http2(SendRequest<Bytes>, StreamGuard),
}

/// The connection of a request under way; see [`Lease::give_back`].
#[derive(Debug)]
pub(crate) enum Lease {
    Http1(Box<Ticket>),
    /// Counts the stream.
    Http2(StreamGuard),
}

impl Channel {
    /// The HTTP/1 connection as it was before it was acquired.
    pub(super) fn into_idle(self, since: Instant) -> Option<Idle> {
        match self.kind {
            Kind::Http1(connection, mut ticket) => {
                ticket.requests -= 1;
                Some(Idle {
                    connection,
                    since,
                    ticket,
                })
            }
            Kind::Http2(..) => None,
        }
    }

    /// What is known of the connection.
    pub(crate) fn facts(&self) -> &Rc<UpstreamFacts> {
        match &self.kind {
            Kind::Http1(_, ticket) => &ticket.facts,
            Kind::Http2(_, guard) => &guard.connection().facts,
        }
    }

    /// Queues the request head.
    pub(crate) fn send(
        self,
        head: &RequestHead,
        framing: Framing,
        persistence: Persistence,
    ) -> Result<(Leg, Lease), LegError> {
        match self.kind {
            Kind::Http1(mut connection, ticket) => {
                connection.send_request(head, framing, persistence);
                Ok((Leg::Http1(connection), Lease::Http1(ticket)))
            }
            Kind::Http2(mut sender, guard) => {
                let place = guard.connection().place();
                match stream::open(&mut sender, head, framing, place)? {
                    Some(stream) => {
                        guard.connection().has_opened();
                        Ok((Leg::Http2(stream), Lease::Http2(guard)))
                    }
                    None => Err(h2::Error::from(h2::Reason::PROTOCOL_ERROR).into()),
                }
            }
        }
    }
}

impl Lease {
    /// Makes the connection available to others, after a request that ended well. `keep_alive`: the upstream said so.
    pub(crate) fn give_back(
        self,
        leg: Leg,
        pool: &EndpointPool,
        cluster: &ClusterPool,
        keep_alive: bool,
    ) {
        let (ticket, mut connection) = match (self, leg) {
            (Self::Http1(ticket), Leg::Http1(connection)) => (ticket, connection),
            (Self::Http2(guard), Leg::Http2(stream)) => return guard.end(stream),
            (Self::Http1(_), Leg::Http2(_)) | (Self::Http2(_), Leg::Http1(_)) => return,
        };
        let rules = cluster.cluster.config.connections;
        let now = worker::now();
        let old = |longest| now.saturating_duration_since(ticket.life.born) >= longest;
        let worn = rules
            .max_requests
            .is_some_and(|most| ticket.requests >= most)
            || rules.max_duration.is_some_and(old);
        let clean = connection.is_read()
            && connection.is_written()
            && connection.is_flushed()
            && !connection.has_input();
        if !keep_alive || worn || !clean {
            // Closed before its place is given to others.
            drop(connection);
            return;
        }
        connection.rest();
        pool.settle(Idle {
            connection,
            since: now,
            ticket,
        });
    }
}

impl EndpointPool {
    /// The idle HTTP/1 connection that was used last, is still open, and is not older than `longest`.
    pub(super) fn take_idle(&self, longest: Option<Duration>) -> Option<Channel> {
        loop {
            let idle = self.idle.borrow_mut().pop()?;
            let old = |longest| worker::now().saturating_duration_since(idle.born()) >= longest;
            if idle.connection.is_quiet() && !longest.is_some_and(old) {
                return Some(idle.into_channel());
            }
        }
    }

    /// A stream of an HTTP/2 connection that has room.
    pub(super) fn take_stream(&self) -> Option<Channel> {
        let mut connections = self.multiplexed.borrow_mut();
        connections.retain(|connection| !connection.is_closed());
        let connection = connections
            .iter()
            .find(|connection| connection.has_room())?;
        Some(Multiplexed::channel(connection, true))
    }

    /// Takes back a connection that was acquired and not used.
    pub(crate) fn take_back(&self, channel: Channel) {
        // A stream ends when it is dropped, and looks after its connection itself.
        if let Some(idle) = channel.into_idle(worker::now()) {
            self.settle(idle);
        }
    }
}

#[cfg(test)]
mod tests;
