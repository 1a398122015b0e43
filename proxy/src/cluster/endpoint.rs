//! One endpoint and what all workers know of it together.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::outlier::OutlierState;
use super::subset::LabelSet;
use crate::transport::Address;

/// An endpoint of a cluster. It lives as long as its address and description stay the same.
#[derive(Debug)]
pub struct Endpoint {
    /// Unique in this process; pools key on it.
    pub id: u64,
    /// What it is.
    pub facts: EndpointFacts,
    /// Requests or connections under way, of all workers.
    active: AtomicU32,
    /// Passive health.
    pub outlier: OutlierState,
}

/// What is known of an endpoint; equal facts are the same endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Where it is.
    pub address: Address,
    /// The rest, held once for all endpoints of which the same is known: those of a service differ in little but their
    /// address.
    pub about: Arc<About>,
}

/// What is known of an endpoint beside its address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its name, for host rewrites and verification.
    pub hostname: Option<Arc<str>>,
    /// Where it stands.
    pub locality: Arc<Locality>,
    /// Labels for subsets (`envoy.lb`).
    pub labels: LabelSet,
    /// Labels for the choice of transport (`envoy.transport_socket_match`).
    pub transport_labels: LabelSet,
    /// Istio's `workload` field: `name;namespace;canonical name;revision;cluster`.
    pub workload: Option<Arc<str>>,
    /// The object behind it.
    pub origin: crate::config::origin::Origin,
}

impl EndpointFacts {
    /// An endpoint of which only the address is known.
    pub fn at(address: Address) -> Self {
        Self {
            address,
            about: Arc::default(),
        }
    }
}

impl Deref for EndpointFacts {
    type Target = About;

    fn deref(&self) -> &About {
        &self.about
    }
}

/// By the address, which tells nearly all endpoints apart.
impl Hash for EndpointFacts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

/// Where endpoints stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locality {
    /// Region.
    pub region: Box<str>,
    /// Zone.
    pub zone: Box<str>,
    /// Sub-zone.
    pub sub_zone: Box<str>,
}

impl Endpoint {
    /// An endpoint that nothing is known of yet but what it is.
    pub fn new(facts: EndpointFacts) -> Self {
        Self {
            id: super::next_id(),
            facts,
            active: AtomicU32::new(0),
            outlier: OutlierState::default(),
        }
    }

    /// Requests or connections under way.
    pub fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// Counts a request or connection until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> ActiveGuard {
        self.enter();
        ActiveGuard(Arc::clone(self))
    }

    /// Counts one more; whoever does says also [`Endpoint::leave`].
    pub(crate) fn enter(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one less.
    pub(crate) fn leave(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One request or connection under way.
#[derive(Debug)]
pub struct ActiveGuard(Arc<Endpoint>);

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.leave();
    }
}
