//! What is told of one connection: lines of access logs, and Istio's TCP metrics.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::copy::{Ended, Moved};
use super::serve::NoUpstream;
use crate::cluster::pool::UpstreamFacts;
use crate::cluster::{Cluster, Endpoint};
use crate::config::access_log::AccessLogConfig;
use crate::listener::{ConnectionFacts, Direction};
use crate::telemetry::access_log::connection::{self, View};
use crate::telemetry::access_log::{ResponseFlags, Summary};
use crate::transport::TlsFacts;
use crate::worker::Thread;

/// One connection.
#[derive(Debug)]
pub(crate) struct Record {
    start: Instant,
    wall: SystemTime,
    /// The side of the workload that it came to.
    pub(crate) direction: Direction,
    /// What inspection found.
    pub(crate) facts: ConnectionFacts,
    /// What TLS with the client found out.
    pub(crate) tls: Option<Rc<TlsFacts>>,
    pub(crate) flags: ResponseFlags,
    /// Why the proxy ended it.
    pub(crate) termination: String,
    /// Where it went.
    pub(crate) way: Way,
    pub(crate) moved: Moved,
}

/// Where a connection went, as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) cluster: Option<Arc<Cluster>>,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) upstream: Option<Rc<UpstreamFacts>>,
    /// Why there is no upstream.
    pub(crate) failure: String,
    pub(crate) attempts: u32,
}

impl Record {
    /// A connection that begins now.
    pub(crate) fn new(facts: ConnectionFacts, direction: Direction) -> Self {
        Self {
            start: Instant::now(),
            wall: SystemTime::now(),
            direction,
            facts,
            tls: None,
            flags: ResponseFlags::default(),
            termination: String::new(),
            way: Way::default(),
            moved: Moved::default(),
        }
    }

    /// The connection takes another way than it began.
    pub(crate) fn forget_way(&mut self) {
        self.way = Way::default();
        self.flags = ResponseFlags::default();
    }

    /// The connection got no upstream.
    pub(crate) fn refused(&mut self, why: &NoUpstream) {
        self.way.failure = match why {
            NoUpstream::NotConnected { source, .. } => source.failure.to_string(),
            NoUpstream::NoCluster(_)
            | NoUpstream::NoEndpoint { .. }
            | NoUpstream::Overflow { .. }
            | NoUpstream::Loop(_) => String::new(),
        };
        self.flags.insert(flags_of(why));
    }

    /// The copy is over.
    pub(crate) fn ended(&mut self, how: &Ended) {
        match how {
            Ended::TooOld => self.flags.insert(ResponseFlags::DURATION_TIMEOUT),
            Ended::Finished
            | Ended::Idle
            | Ended::DownstreamFailed(_)
            | Ended::UpstreamFailed(_) => {}
        }
    }

    /// Writes the lines that `logs` want of the connection, which is over.
    pub(crate) fn write(&self, logs: &[Arc<AccessLogConfig>], worker: &Thread) {
        let summary = Summary {
            flags: self.flags,
            status: 0,
            // the clock is read once for all lines
            lasted: self.start.elapsed(),
        };
        let outbox = worker.outbox();
        let view = self.view(worker, summary.lasted);
        for log in logs.iter().filter_map(|config| worker.access_log(config)) {
            if log.wants(summary) {
                log.append(outbox, |operator, out| {
                    connection::value(operator, &view, out);
                });
            }
        }
    }

    fn view<'a>(&'a self, worker: &'a Thread, lasted: Duration) -> View<'a> {
        View {
            facts: &self.facts,
            tls: self.tls.as_deref(),
            hostname: worker.hostname(),
            lasted,
            wall: self.wall,
            bytes_received: self.moved.to_upstream,
            bytes_sent: self.moved.to_downstream,
            flags: self.flags,
            termination: &self.termination,
            cluster: self.way.cluster.as_ref().map(|cluster| &*cluster.config),
            endpoint: self.way.endpoint.as_deref(),
            upstream: self.way.upstream.as_deref(),
            failure: &self.way.failure,
            attempts: self.way.attempts,
        }
    }
}

/// Envoy's flags for a connection without an upstream.
fn flags_of(why: &NoUpstream) -> ResponseFlags {
    match why {
        NoUpstream::NoCluster(_) => ResponseFlags::NO_CLUSTER,
        NoUpstream::NoEndpoint { .. } => ResponseFlags::NO_HEALTHY_UPSTREAM,
        NoUpstream::Overflow { .. } => ResponseFlags::UPSTREAM_OVERFLOW,
        NoUpstream::Loop(_) => ResponseFlags::UPSTREAM_CONNECTION_FAILURE,
        NoUpstream::NotConnected { .. } => {
            let mut flags = ResponseFlags::UPSTREAM_CONNECTION_FAILURE;
            flags.insert(ResponseFlags::UPSTREAM_RETRY_LIMIT_EXCEEDED);
            flags
        }
    }
}
