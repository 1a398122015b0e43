//! Acquiring a connection to an endpoint: one that is there, else a new one.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::channel::{AcquireError, Channel, Kind, Life, OpenCount, Ticket, UpstreamFacts};
use super::multiplexed::{Limits, Multiplexed, Opened};
use super::waiting::Way;
use super::{ClusterPool, EndpointPool};
use crate::cluster::circuit_breaker::Takes;
use crate::cluster::config::UpstreamProtocol;
use crate::cluster::endpoint::Endpoint;
use crate::http::codec::h1::connection::Connection;
use crate::http::head::Version;
use crate::http::route::action::Priority;
use crate::transport::{
    self, Address, ConnectFailure, ConnectOptions, Upstream, UpstreamTransport,
};
use crate::worker;

/// What a request needs of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The version of the client's request.
    pub(crate) downstream: Version,
    /// A connection that has not been used before.
    pub(crate) fresh: bool,
    /// The set of limits that counts.
    pub(crate) priority: Priority,
}

/// The HTTP version to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
    ByAlpn,
}

impl Protocol {
    fn choose(upstream: UpstreamProtocol, downstream: Version) -> Self {
        match (upstream, downstream) {
            (UpstreamProtocol::Http1, _) => Self::Http1,
            (UpstreamProtocol::Http2, _) | (UpstreamProtocol::AsDownstream, Version::Http2) => {
                Self::Http2
            }
            (UpstreamProtocol::AsDownstream, Version::Http10 | Version::Http11) => Self::Http1,
            (UpstreamProtocol::Alpn, _) => Self::ByAlpn,
        }
    }
}

impl ClusterPool {
    /// A connection to `pool`'s endpoint that can be had without waiting.
    pub(crate) fn at_hand(&self, pool: &EndpointPool, wanted: Wanted) -> Option<Channel> {
        let config = &self.cluster.config;
        let protocol = Protocol::choose(config.protocol, wanted.downstream);
        let stream = match protocol {
            Protocol::Http1 => None,
            Protocol::Http2 | Protocol::ByAlpn => pool.take_stream(),
        };
        if stream.is_some() || protocol == Protocol::Http2 || wanted.fresh {
            return stream;
        }
        pool.take_idle(config.connections.max_duration)
    }

    /// A connection to `pool`'s endpoint, where none is at hand.
    ///
    /// # Errors
    /// When the circuit breaker is open or no connection can be made; nothing was delivered then.
    pub(crate) async fn acquire(
        &self,
        pool: &Rc<EndpointPool>,
        wanted: Wanted,
    ) -> Result<Channel, AcquireError> {
        let protocol = Protocol::choose(self.cluster.config.protocol, wanted.downstream);
        let _pending = self
            .cluster
            .breakers
            .acquire_pending(wanted.priority)
            .inspect_err(|_| {
                self.stats
                    .upstream_rq_pending_overflow
                    .increment(&self.shard);
            })?;
        self.stats.upstream_rq_pending_total.increment(&self.shard);
        let _counted = OpenCount::new(self.stats.upstream_rq_pending_active, &self.shard);
        match protocol {
            Protocol::Http1 | Protocol::ByAlpn => self.connect(pool, protocol, wanted).await,
            Protocol::Http2 => self.open_shared(pool, wanted).await,
        }
    }

    /// One opens, the others wait for it, so that a burst makes one connection, and fails with it.
    async fn open_shared(
        &self,
        pool: &Rc<EndpointPool>,
        wanted: Wanted,
    ) -> Result<Channel, AcquireError> {
        loop {
            if let Some(channel) = pool.take_stream() {
                return Ok(channel);
            }
            let running = pool.opening.borrow().clone();
            let Some(attempt) = running else {
                return self.open_for_all(pool, wanted).await;
            };
            attempt.over.notified().await;
            if let Some(failure) = attempt.failure.get() {
                return Err(failure.clone());
            }
        }
    }

    async fn open_for_all(
        &self,
        pool: &Rc<EndpointPool>,
        wanted: Wanted,
    ) -> Result<Channel, AcquireError> {
        let opening = Opening::begin(pool);
        let outcome = self.connect(pool, Protocol::Http2, wanted).await;
        match &outcome {
            Err(failure @ (AcquireError::Connect(_) | AcquireError::Http2(_))) => {
                opening.attempt.failure.get_or_init(|| failure.clone());
            }
            // A limit need not be that of the others.
            Ok(_) | Err(AcquireError::Overflow(_)) => {}
        }
        outcome
    }

    /// A new connection as soon as the limit allows it, or one that becomes free before.
    async fn connect(
        &self,
        pool: &Rc<EndpointPool>,
        protocol: Protocol,
        wanted: Wanted,
    ) -> Result<Channel, AcquireError> {
        let takes = match protocol {
            Protocol::Http1 if wanted.fresh => Takes::New,
            Protocol::Http1 => Takes::Http1,
            Protocol::Http2 => Takes::Http2,
            Protocol::ByAlpn if wanted.fresh => Takes::Http2,
            Protocol::ByAlpn => Takes::Any,
        };
        let permit = match self.way(pool, takes, wanted.priority).await? {
            Way::Open(permit) => permit,
            Way::Free(channel) => return Ok(*channel),
        };
        self.stats.upstream_cx_total.increment(&self.shard);
        let until = Instant::now() + self.cluster.config.connect_timeout;
        let upstream = self.dial(&pool.endpoint, protocol).await?;
        let open = OpenCount::new(self.stats.upstream_cx_active, &self.shard);
        let life = Life {
            born: worker::now(),
            permit,
            _open: open,
        };
        let facts = UpstreamFacts::of(&upstream);
        let speaks_http2 = match protocol {
            Protocol::Http1 => false,
            Protocol::Http2 => true,
            Protocol::ByAlpn => matches!(upstream.alpn(), Some(b"h2" | b"istio-h2")),
        };
        if !speaks_http2 {
            self.stats.upstream_cx_http1_total.increment(&self.shard);
            let connection = Box::new(Connection::new(upstream.into_stream(), &self.buffers));
            let ticket = Box::new(Ticket {
                facts,
                life,
                requests: 1,
            });
            return Ok(Channel {
                kind: Kind::Http1(connection, ticket),
                reused: false,
            });
        }
        self.stats.upstream_cx_http2_total.increment(&self.shard);
        let config = &self.cluster.config;
        let opened = Multiplexed::open(Opened {
            io: upstream.into_stream(),
            facts,
            life,
            options: &config.http2,
            limits: Limits {
                streams: config.http2.max_concurrent_streams,
                requests: config.connections.max_requests,
                duration: config.connections.max_duration,
            },
            until,
            home: pool,
        })
        .await
        .map_err(|error| AcquireError::Http2(Arc::new(error)))?;
        let channel = Multiplexed::channel(&opened, false);
        pool.multiplexed.borrow_mut().push(opened);
        Ok(channel)
    }

    async fn dial(
        &self,
        endpoint: &Endpoint,
        protocol: Protocol,
    ) -> Result<Upstream, AcquireError> {
        let config = &self.cluster.config;
        let transport = config.transport_for(endpoint);
        let address = &endpoint.facts.address;
        let source = match address {
            Address::Ip(to) => config.socket.source_for(to.ip()),
            Address::Unix(_) => None,
        };
        let options = ConnectOptions {
            timeout: config.connect_timeout,
            source,
            freebind: config.socket.freebind,
            mark: config.socket.mark,
            keepalive: config.socket.keepalive,
            alpn: alpn_for(transport, protocol),
            sni: None,
        };
        transport::connect(address, transport, &options)
            .await
            .map_err(|error| {
                self.stats.upstream_cx_connect_fail.increment(&self.shard);
                if matches!(error.failure, ConnectFailure::TimedOut(_)) {
                    self.stats
                        .upstream_cx_connect_timeout
                        .increment(&self.shard);
                }
                AcquireError::Connect(Arc::new(error))
            })
    }
}

/// The opening of a connection that others wait for.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    over: Notify,
    failure: OnceCell<AcquireError>,
}

/// Tells those who wait when the attempt is over, however it ends.
struct Opening<'a> {
    pool: &'a EndpointPool,
    attempt: Rc<Attempt>,
}

impl<'a> Opening<'a> {
    fn begin(pool: &'a EndpointPool) -> Self {
        let attempt = Rc::<Attempt>::default();
        pool.opening.replace(Some(Rc::clone(&attempt)));
        Self { pool, attempt }
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.pool.opening.replace(None);
        self.attempt.over.notify_waiters();
    }
}

/// What is offered in place of the context's own list, so that both sides agree on the version that we are going to
/// speak. A list with Istio's names gets the variant of each version (Istio's `alpn` filter does the same).
fn alpn_for(transport: &UpstreamTransport, protocol: Protocol) -> Option<Arc<[Box<[u8]>]>> {
    let UpstreamTransport::Tls(context) = transport else {
        return None;
    };
    let own = &context.config().common.alpn;
    let in_mesh = own.iter().any(|name| name.starts_with(b"istio"));
    let names: &[&[u8]] = match (protocol, in_mesh, own.is_empty()) {
        (Protocol::Http1, true, _) => &[b"istio-http/1.1", b"istio", b"http/1.1"],
        (Protocol::Http2, true, _) => &[b"istio-h2", b"istio", b"h2"],
        (Protocol::ByAlpn, true, _) => {
            &[b"istio-h2", b"istio-http/1.1", b"istio", b"h2", b"http/1.1"]
        }
        (Protocol::Http1, false, true) => &[b"http/1.1"],
        (Protocol::Http2, false, true) => &[b"h2"],
        (Protocol::ByAlpn, false, true) => &[b"h2", b"http/1.1"],
        (Protocol::Http1 | Protocol::Http2 | Protocol::ByAlpn, false, false) => return None,
    };
    Some(names.iter().map(|name| Box::from(*name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tls::{ClientContext, ClientTls, TlsConfig, TlsParams};

    fn offered(own: &[&str], protocol: Protocol) -> Option<Vec<String>> {
        let common = TlsConfig {
            certificates: Vec::new(),
            validation: None,
            alpn: own.iter().map(|name| name.as_bytes().into()).collect(),
            params: TlsParams::default(),
        };
        let context = ClientContext::new(ClientTls {
            common,
            sni: None,
            verify_server_name: false,
        });
        let transport = UpstreamTransport::Tls(Arc::new(context.expect("a valid context")));
        let names = alpn_for(&transport, protocol)?;
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        Some(names.iter().map(|name| text(name)).collect())
    }

    #[test]
    fn inside_the_mesh_the_version_is_named_before_plain_istio() {
        let table = [
            ("istio", Protocol::Http1, "istio-http/1.1 istio http/1.1"),
            (
                "istio-peer-exchange istio",
                Protocol::Http2,
                "istio-h2 istio h2",
            ),
            (
                "istio h2",
                Protocol::ByAlpn,
                "istio-h2 istio-http/1.1 istio h2 http/1.1",
            ),
            ("", Protocol::Http1, "http/1.1"),
            ("", Protocol::Http2, "h2"),
            ("custom", Protocol::Http2, "as configured"),
        ];
        for (own, protocol, wanted) in table {
            let own: Vec<_> = own.split_whitespace().collect();
            let offered = offered(&own, protocol);
            let offered = offered.map_or("as configured".to_owned(), |names| names.join(" "));
            assert_eq!(offered, wanted, "{own:?} {protocol:?}");
        }
    }

    #[test]
    fn a_cluster_that_follows_the_client_speaks_the_clients_version() {
        let table = [
            (Version::Http10, Protocol::Http1),
            (Version::Http11, Protocol::Http1),
            (Version::Http2, Protocol::Http2),
        ];
        for (downstream, wanted) in table {
            let protocol = Protocol::choose(UpstreamProtocol::AsDownstream, downstream);
            assert_eq!(protocol, wanted);
        }
    }
}
