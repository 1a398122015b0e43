//! One TCP connection: pick a cluster and an endpoint, connect, copy.

use super::config::{TcpConfig, TcpHash};
use super::copy::{Ended, Limits, Moved, both_ways};
use super::counters::ClusterCounters;
use super::metrics::TcpSeries;
use super::record::Record;
use crate::cluster::circuit_breaker::{Overflow, Permit};
use crate::cluster::endpoint::ActiveGuard;
use crate::cluster::outlier::Outcome;
use crate::cluster::pool::UpstreamFacts;
use crate::cluster::{Cluster, Endpoint, PickError, PickFacts};
use crate::http::route::action::Priority;
use crate::listener::ConnectionFacts;
use crate::transport::{
    self, Address, ConnectError, ConnectFailure, ConnectOptions, Downstream, Stream, Upstream,
};
use crate::worker::Thread;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

/// Why a connection got no upstream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoUpstream {
    /// The configuration names a cluster that is not there.
    #[error("cluster {0} is not known; it was removed or has not arrived yet")]
    NoCluster(Arc<str>),
    /// The cluster has no endpoint to offer.
    #[error("cluster {cluster}: {source}")]
    NoEndpoint {
        /// The cluster.
        cluster: Arc<str>,
        /// Why not.
        source: PickError,
    },
    /// Too many connections.
    #[error("cluster {cluster}: {source}")]
    Overflow {
        /// The cluster.
        cluster: Arc<str>,
        /// Which limit.
        source: Overflow,
    },
    /// No endpoint took the connection.
    #[error("cluster {cluster}: {source}")]
    NotConnected {
        /// The cluster.
        cluster: Arc<str>,
        /// The last attempt.
        source: ConnectError,
    },
    /// The only way on leads back to this proxy.
    #[error("{0} is this proxy itself; a connection to it would never end")]
    Loop(Address),
}

/// A connection with its upstream, counted as long as it lives.
#[derive(Debug)]
pub(crate) struct Session {
    config: Arc<TcpConfig>,
    worker: Rc<Thread>,
    upstream: Upstream,
    counters: ClusterCounters,
    _endpoint: ActiveGuard,
    _permit: Permit,
}

/// Who spoke first on a fresh pair of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The client, or it closed.
    Downstream,
    /// The server, or it closed.
    Upstream,
    /// Neither, for as long as the connection may last so.
    Nobody,
}

impl Session {
    /// Connects to an endpoint of the cluster that the configuration picks; another one if that fails, as often as
    /// configured. Nothing of the client was sent anywhere if it does not succeed.
    pub(crate) async fn connect(
        config: &Arc<TcpConfig>,
        record: &mut Record,
        own_address: Option<std::net::SocketAddr>,
        worker: &Rc<Thread>,
    ) -> Result<Self, NoUpstream> {
        record.forget_way();
        let result = Self::open(config, record, own_address, worker).await;
        result.inspect_err(|why| record.refused(why))
    }

    async fn open(
        config: &Arc<TcpConfig>,
        record: &mut Record,
        own_address: Option<std::net::SocketAddr>,
        worker: &Rc<Thread>,
    ) -> Result<Self, NoUpstream> {
        let chosen = worker.with_rng(|rng| config.pick_cluster(rng.u64(..)).clone());
        let cluster = worker
            .clusters()
            .get(&chosen.name)
            .ok_or_else(|| NoUpstream::NoCluster(Arc::clone(&chosen.name)))?;
        record.way.cluster = Some(Arc::clone(&cluster));
        let counters = worker.tcp_counters(&cluster);
        let permit = acquire(&cluster, counters, worker)?;
        let mut tried: Vec<u64> = Vec::new();
        loop {
            let endpoint = worker.with_rng(|rng| {
                cluster.pick(&mut PickFacts {
                    hash: hash(config, &record.facts),
                    subset: &chosen.subset,
                    original_dst: Some(record.facts.destination),
                    excluded: &tried,
                    attempts: u32::try_from(tried.len()).unwrap_or(u32::MAX).min(5),
                    rng,
                })
            });
            let endpoint = match endpoint {
                Ok(picked) => picked.endpoint,
                Err(source) => {
                    counters.cx_none_healthy.increment(worker.shard());
                    let cluster = Arc::clone(&cluster.config.name);
                    return Err(NoUpstream::NoEndpoint { cluster, source });
                }
            };
            refuse_loop(&endpoint, own_address)?;
            record.way.endpoint = Some(Arc::clone(&endpoint));
            record.way.attempts += 1;
            match Box::pin(attempt(&cluster, &endpoint, &record.facts)).await {
                Ok(upstream) => {
                    cluster.report(&endpoint, Outcome::Connected);
                    counters.cx_total.increment(worker.shard());
                    counters.cx_active.add(worker.shard(), 1);
                    record.way.upstream = Some(UpstreamFacts::of(&upstream));
                    return Ok(Self {
                        config: Arc::clone(config),
                        worker: Rc::clone(worker),
                        upstream,
                        counters,
                        _endpoint: endpoint.begin(),
                        _permit: permit,
                    });
                }
                Err(source) => {
                    cluster.report(&endpoint, Outcome::LocalFailure);
                    count_failure(&source, counters, worker);
                    tried.push(endpoint.id);
                    if tried.len() >= config.max_connect_attempts as usize {
                        counters
                            .cx_connect_attempts_exceeded
                            .increment(worker.shard());
                        let cluster = Arc::clone(&cluster.config.name);
                        return Err(NoUpstream::NotConnected { cluster, source });
                    }
                }
            }
        }
    }

    /// Waits for the first byte, or the end, from either side, as long as nothing may move.
    pub(crate) async fn first_to_speak(&self, downstream: &Stream) -> Speaker {
        let speaking = poll_fn(|cx| {
            if self.upstream.poll_read_ready(cx).is_ready() {
                Poll::Ready(Speaker::Upstream)
            } else if downstream.poll_read_ready(cx).is_ready() {
                Poll::Ready(Speaker::Downstream)
            } else {
                Poll::Pending
            }
        });
        let limits = [
            self.config.idle_timeout,
            self.config.max_connection_duration,
        ];
        match limits.into_iter().flatten().min() {
            Some(limit) => tokio::time::timeout(limit, speaking)
                .await
                .unwrap_or(Speaker::Nobody),
            None => speaking.await,
        }
    }

    /// Ends a connection on which nobody spoke, and tells of it.
    pub(crate) fn expire(self, record: &Record) {
        self.counters.cx_idle_timeout.increment(self.worker.shard());
        close_unconnected(&self.config, record, &self.worker);
    }

    /// Copies both ways until both sides are done, tells of it, and gives the record back.
    pub(crate) fn serve(
        mut self,
        downstream: Downstream,
        mut record: Box<Record>,
    ) -> impl Future<Output = (Ended, Box<Record>)> {
        let mut downstream = downstream.into_stream();
        // Not an async fn, which would keep its arguments beside what becomes of them: idle connections hold this.
        async move {
            let series = self.worker.tcp_series(&record);
            series.opened(self.worker.shard());
            let ended = self.copy(&mut downstream, &mut record, series).await;
            record.ended(&ended);
            let series = self.worker.tcp_series(&record);
            series.closed(self.worker.shard());
            record.write(&self.config.access_logs, &self.worker);
            (ended, record)
        }
    }

    async fn copy(
        &mut self,
        downstream: &mut Stream,
        record: &mut Record,
        series: TcpSeries,
    ) -> Ended {
        let limits = Limits {
            idle: self.config.idle_timeout,
            age: self.config.max_connection_duration,
        };
        let (counters, shard) = (&self.counters, self.worker.shard());
        let reported = &mut record.moved;
        let report = |moved: Moved| {
            let more = moved.since(*reported);
            counters.cx_tx_bytes_total.add(shard, more.to_upstream);
            counters.cx_rx_bytes_total.add(shard, more.to_downstream);
            series.moved(shard, more);
            *reported = moved;
        };
        let upstream = self.upstream.stream_mut();
        let ended = both_ways(downstream, upstream, limits, report).await;
        if matches!(ended, Ended::Idle) {
            counters.cx_idle_timeout.increment(shard);
        }
        ended
    }
}

/// Tells of a connection that is closed before any byte moved.
pub(crate) fn close_unconnected(config: &TcpConfig, record: &Record, worker: &Thread) {
    let series = worker.tcp_series(record);
    series.opened(worker.shard());
    series.closed(worker.shard());
    record.write(&config.access_logs, worker);
}

impl Drop for Session {
    fn drop(&mut self) {
        let shard = self.worker.shard();
        self.counters.cx_active.add(shard, -1);
        self.counters.cx_destroy.increment(shard);
    }
}

fn acquire(
    cluster: &Cluster,
    counters: ClusterCounters,
    worker: &Thread,
) -> Result<Permit, NoUpstream> {
    cluster
        .breakers
        .acquire_connection(Priority::Default)
        .map_err(|source| {
            counters.cx_overflow.increment(worker.shard());
            NoUpstream::Overflow {
                cluster: Arc::clone(&cluster.config.name),
                source,
            }
        })
}

async fn attempt(
    cluster: &Cluster,
    endpoint: &Endpoint,
    facts: &ConnectionFacts,
) -> Result<Upstream, ConnectError> {
    let config = &cluster.config;
    let address = &endpoint.facts.address;
    let options = ConnectOptions {
        timeout: config.connect_timeout,
        source: match address {
            Address::Ip(to) => config.socket.source_for(to.ip()),
            Address::Unix(_) => None,
        },
        freebind: config.socket.freebind,
        mark: config.socket.mark,
        keepalive: config.socket.keepalive,
        alpn: None,
        sni: None,
    };
    tracing::debug!(destination = %facts.destination, endpoint = %address, cluster = %config.name, "connecting");
    transport::connect(address, config.transport_for(endpoint), &options).await
}

/// A connection that was not redirected and goes to an original-destination cluster would come straight back.
fn refuse_loop(
    endpoint: &Endpoint,
    own_address: Option<std::net::SocketAddr>,
) -> Result<(), NoUpstream> {
    match (&endpoint.facts.address, own_address) {
        (Address::Ip(to), Some(own)) if *to == own => {
            Err(NoUpstream::Loop(endpoint.facts.address.clone()))
        }
        (Address::Ip(_) | Address::Unix(_), _) => Ok(()),
    }
}

fn count_failure(error: &ConnectError, counters: ClusterCounters, worker: &Thread) {
    counters.cx_connect_fail.increment(worker.shard());
    match &error.failure {
        ConnectFailure::TimedOut(_) => counters.cx_connect_timeout.increment(worker.shard()),
        ConnectFailure::Socket { .. } | ConnectFailure::Tls(_) => {}
    }
}

fn hash(config: &TcpConfig, facts: &ConnectionFacts) -> Option<u64> {
    match config.hash? {
        TcpHash::SourceIp => {
            let mut hasher = DefaultHasher::new();
            facts.source.ip().hash(&mut hasher);
            Some(hasher.finish())
        }
    }
}
