//! Istio's standard metrics of HTTP traffic: `istio_requests_total`, `istio_request_duration_milliseconds`,
//! `istio_request_bytes`, `istio_response_bytes`. Source: Istio, "Istio Standard Metrics".
//!
//! A request is described by [`Traffic`], which borrows all it says. Each worker remembers the series of the descriptions
//! it has met, so that counting is one look-up in a table and additions to plain numbers. A description that the worker
//! has not met is resolved in the registry, which bounds the number of series: what exceeds it is counted as `overflow`.

mod labels;

use std::cell::RefCell;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Introduction, Reporter, Workload};
use crate::telemetry::access_log::ResponseFlags;
use crate::telemetry::metrics::{Counter, Histogram, Registry, Shard};

/// Descriptions that a worker remembers; when there are more it forgets all and resolves again, at the registry's cost.
const MOST_KNOWN: usize = 4_096;

/// The application protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Http,
    /// With the status from the response, where it had one.
    Grpc(Option<u32>),
}

/// The workload on the other side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer<T> {
    Unknown,
    /// As it introduced itself.
    Heard(Rc<Workload>),
    /// As the endpoint's metadata names it.
    Endpoint(T),
}

/// The service that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Service<T> {
    pub(crate) host: Option<T>,
    pub(crate) name: Option<T>,
    pub(crate) namespace: Option<T>,
}

/// All that the labels of one request say, but for our own workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Traffic<T> {
    pub(crate) reporter: Reporter,
    pub(crate) protocol: Protocol,
    pub(crate) status: u16,
    pub(crate) flags: ResponseFlags,
    pub(crate) service: Service<T>,
    pub(crate) peer: Peer<T>,
    /// The SPIFFE identity that the other side proved.
    pub(crate) peer_principal: Option<T>,
    /// The SPIFFE identity that we showed.
    pub(crate) own_principal: Option<T>,
}

/// The numbers of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) milliseconds: f64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

/// The standard metrics of requests on one worker.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    registry: Registry,
    off: bool,
    own: Arc<Workload>,
    introduction: Option<Introduction>,
    hasher: DefaultHashBuilder,
    known: RefCell<Descriptions>,
}

/// Descriptions that this worker has met.
#[derive(Debug, Default)]
struct Descriptions {
    all: Vec<Known>,
    by_hash: HashTable<usize>,
    /// The one met last on each side: mostly the next one, too.
    last: [usize; 2],
}

#[derive(Debug)]
struct Known {
    hash: u64,
    traffic: Traffic<Box<str>>,
    series: Handles,
}

#[derive(Clone, Copy, Debug)]
struct Handles {
    requests: Counter,
    duration: Histogram,
    request_bytes: Histogram,
    response_bytes: Histogram,
}

impl RequestMetrics {
    pub(crate) fn new(registry: Registry, own: Arc<Workload>) -> Self {
        Self {
            off: registry.is_off(),
            registry,
            introduction: Introduction::of(&own),
            own,
            hasher: DefaultHashBuilder::default(),
            known: RefCell::default(),
        }
    }

    /// What peers are told of our own workload.
    pub(crate) fn introduction(&self) -> Option<&Introduction> {
        self.introduction.as_ref()
    }

    /// Whether nothing is counted, so that nothing need be found out.
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// Counts a request that is over.
    pub(crate) fn count(&self, shard: &Shard, traffic: &Traffic<&str>, measured: Measured) {
        let series = self.series(traffic);
        series.requests.increment(shard);
        series.duration.record(shard, measured.milliseconds);
        series
            .request_bytes
            .record(shard, measured.request_bytes as f64);
        series
            .response_bytes
            .record(shard, measured.response_bytes as f64);
    }

    fn series(&self, traffic: &Traffic<&str>) -> Handles {
        let known = &mut *self.known.borrow_mut();
        let side = traffic.reporter as usize;
        if let Some(last) = known.all.get(known.last[side])
            && last.traffic.is(traffic)
        {
            return last.series;
        }
        let hash = self.hasher.hash_one(traffic);
        let Descriptions { all, by_hash, last } = known;
        let last = &mut last[side];
        if let Some(at) = by_hash.find(hash, |at| all[*at].traffic.is(traffic)) {
            *last = *at;
            return all[*at].series;
        }
        if all.len() >= MOST_KNOWN {
            all.clear();
            by_hash.clear();
        }
        let series = labels::resolve(&self.registry, traffic, &self.own);
        *last = all.len();
        all.push(Known {
            hash,
            traffic: traffic.to_owned(),
            series,
        });
        by_hash.insert_unique(hash, *last, |at| all[*at].hash);
        series
    }
}

impl Traffic<&str> {
    fn to_owned(&self) -> Traffic<Box<str>> {
        let owned = |text: Option<&str>| text.map(Box::from);
        Traffic {
            reporter: self.reporter,
            protocol: self.protocol,
            status: self.status,
            flags: self.flags,
            service: Service {
                host: owned(self.service.host),
                name: owned(self.service.name),
                namespace: owned(self.service.namespace),
            },
            peer: match &self.peer {
                Peer::Unknown => Peer::Unknown,
                Peer::Heard(workload) => Peer::Heard(Rc::clone(workload)),
                Peer::Endpoint(text) => Peer::Endpoint(Box::from(*text)),
            },
            peer_principal: owned(self.peer_principal),
            own_principal: owned(self.own_principal),
        }
    }
}

impl Traffic<Box<str>> {
    fn is(&self, other: &Traffic<&str>) -> bool {
        let peers = match (&self.peer, &other.peer) {
            (Peer::Unknown, Peer::Unknown) => true,
            (Peer::Heard(one), Peer::Heard(two)) => one == two,
            (Peer::Endpoint(one), Peer::Endpoint(two)) => **one == **two,
            (Peer::Unknown | Peer::Heard(_) | Peer::Endpoint(_), _) => false,
        };
        peers
            && self.reporter == other.reporter
            && self.protocol == other.protocol
            && self.status == other.status
            && self.flags == other.flags
            && self.service.host.as_deref() == other.service.host
            && self.service.name.as_deref() == other.service.name
            && self.service.namespace.as_deref() == other.service.namespace
            && self.peer_principal.as_deref() == other.peer_principal
            && self.own_principal.as_deref() == other.own_principal
    }
}

#[cfg(test)]
mod tests;
