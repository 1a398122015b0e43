//! Istio's TCP metrics. Source: Istio "Standard metrics".

use super::copy::Moved;
use super::record::Record;
use crate::telemetry::istio::{Called, End, Parties, Reporter, Workload};
use crate::telemetry::metrics::{Counter, Registry, Shard};
use crate::transport::TlsFacts;

/// The series of connections that have everything in common which is a label.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TcpSeries {
    opened: Counter,
    closed: Counter,
    sent: Counter,
    received: Counter,
}

/// What decides about the labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SeriesKey {
    reporter: Reporter,
    cluster: Option<u64>,
    endpoint: Option<u64>,
    peer: Option<Box<str>>,
    mutual_tls: bool,
    flags: u32,
}

impl SeriesKey {
    pub(crate) fn of(record: &Record) -> Self {
        let reporter = Reporter::of(record.direction);
        Self {
            reporter,
            cluster: record.way.cluster.as_ref().map(|cluster| cluster.id),
            endpoint: record.way.endpoint.as_ref().map(|endpoint| endpoint.id),
            peer: principal(peer_side(record, reporter)).map(Box::from),
            mutual_tls: is_mutual(reporter, peer_side(record, reporter)),
            flags: record.flags.bits(),
        }
    }
}

impl TcpSeries {
    /// Resolves the series of a connection of `own`'s proxy.
    pub(crate) fn new(registry: &Registry, own: &Workload, record: &Record) -> Self {
        let reporter = Reporter::of(record.direction);
        let tls = peer_side(record, reporter);
        let mutual_tls = is_mutual(reporter, tls);
        let peer = match (reporter, &record.way.endpoint) {
            (Reporter::Source, Some(endpoint)) => endpoint
                .facts
                .workload
                .as_deref()
                .map_or_else(Workload::default, Workload::of_endpoint),
            (Reporter::Source | Reporter::Destination, _) => Workload::default(),
        };
        let ours = End {
            workload: own,
            principal: own.principal.as_deref().filter(|_| mutual_tls),
        };
        let theirs = End {
            workload: &peer,
            principal: principal(tls),
        };
        let (source, destination) = match reporter {
            Reporter::Source => (ours, theirs),
            Reporter::Destination => (theirs, ours),
        };
        let called = record
            .way
            .cluster
            .as_ref()
            .map_or_else(Called::default, |cluster| Called::of(&cluster.config));
        let parties = Parties {
            reporter,
            source,
            destination,
            called,
            protocol: "tcp",
            mutual_tls,
        };
        let counter = |family| registry.counter(parties.end(parties.begin(family), record.flags));
        Self {
            opened: counter("istio_tcp_connections_opened_total"),
            closed: counter("istio_tcp_connections_closed_total"),
            sent: counter("istio_tcp_sent_bytes_total"),
            received: counter("istio_tcp_received_bytes_total"),
        }
    }

    pub(crate) fn opened(self, shard: &Shard) {
        self.opened.increment(shard);
    }

    pub(crate) fn closed(self, shard: &Shard) {
        self.closed.increment(shard);
    }

    /// Counts bytes; as in Istio, the client receives what is sent.
    pub(crate) fn moved(self, shard: &Shard, more: Moved) {
        self.sent.add(shard, more.to_downstream);
        self.received.add(shard, more.to_upstream);
    }
}

/// TLS with the side that is not this proxy's own workload.
fn peer_side(record: &Record, reporter: Reporter) -> Option<&TlsFacts> {
    match reporter {
        Reporter::Source => record.way.upstream.as_ref()?.tls.as_deref(),
        Reporter::Destination => record.tls.as_deref(),
    }
}

/// The identity that the other side proved.
fn principal(tls: Option<&TlsFacts>) -> Option<&str> {
    tls.filter(|tls| tls.verified)?.peer.as_ref()?.spiffe_id()
}

/// Whether both sides showed a certificate. A server with an identity of the mesh asks for one; other servers need not.
fn is_mutual(reporter: Reporter, tls: Option<&TlsFacts>) -> bool {
    match reporter {
        Reporter::Source => principal(tls).is_some(),
        Reporter::Destination => tls.is_some_and(|tls| tls.peer.is_some()),
    }
}
