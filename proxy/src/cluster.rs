//! Clusters: named sets of endpoints, how one is chosen, and the limits on their use.
//!
//! This module owns the validated cluster, its endpoints and its shared counters. It opens no connections.

pub mod circuit_breaker;
pub mod config;
pub mod dns;
pub mod endpoint;
pub mod endpoint_set;
pub mod lb;
pub mod outlier;
pub mod pick;
pub(crate) mod pool;
pub mod store;
pub mod subset;
pub mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

pub use circuit_breaker::Breakers;
pub use config::{ClusterConfig, Discovery, EdsRules};
pub use endpoint::{Endpoint, Locality};
pub use endpoint_set::{EndpointSet, Host, HostHealth};
pub use pick::{PickError, PickFacts, Picked};
pub use store::Clusters;

/// A cluster in force: its configuration, its endpoints now, and what all workers count together.
#[derive(Debug)]
pub struct Cluster {
    /// Unique in this process; pools key on it.
    pub id: u64,
    /// What was configured.
    pub config: Arc<ClusterConfig>,
    /// Limits and what is in use.
    pub breakers: Arc<Breakers>,
    view: ArcSwap<pick::View>,
    destinations: pick::Destinations,
    /// Serializes changes of the view, off the request path.
    changes: Mutex<()>,
    /// Raised with each change of the endpoints; a warming cluster has 0.
    version: AtomicU64,
}

impl Cluster {
    /// A cluster without endpoints yet.
    pub fn new(config: ClusterConfig) -> Self {
        let config = Arc::new(config);
        let set = Arc::new(EndpointSet::default());
        Self {
            id: next_id(),
            breakers: Arc::new(Breakers::new(&config.breakers)),
            view: ArcSwap::from_pointee(pick::View::new(set)),
            config,
            destinations: pick::Destinations::default(),
            changes: Mutex::new(()),
            version: AtomicU64::new(0),
        }
    }

    /// The endpoints now in force.
    pub fn endpoints(&self) -> Arc<EndpointSet> {
        Arc::clone(&self.view.load().set)
    }

    /// Puts endpoints in force. Those that were there and did not change keep their identity, and with it their
    /// pools, counters and ejections.
    pub fn apply_endpoints(&self, mut set: EndpointSet) {
        let _changing = self.changes.lock();
        let before = self.view.load();
        set.keep_identities(&before.set);
        let next = before.next(&self.config, Arc::new(set));
        self.view.store(Arc::new(next));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Looks at the health of all endpoints again, after an ejection or its end.
    pub fn refresh_health(&self) {
        let _changing = self.changes.lock();
        let before = self.view.load();
        let next = before.next(&self.config, Arc::clone(&before.set));
        self.view.store(Arc::new(next));
    }

    /// Forgets original destinations that were not used since the last call; off the request path.
    pub fn forget_idle_destinations(&self) {
        self.destinations.forget_idle();
    }

    /// All endpoints, those of original destinations included.
    pub fn all_endpoints(&self) -> Vec<Arc<Endpoint>> {
        let mut all = self.destinations.all();
        all.extend(
            self.endpoints()
                .hosts()
                .map(|host| Arc::clone(&host.endpoint)),
        );
        all
    }

    /// Whether endpoints have come at least once.
    pub fn is_warm(&self) -> bool {
        self.version.load(Ordering::Acquire) > 0
            || matches!(self.config.discovery, Discovery::OriginalDst(_))
    }
}

/// A number that no other cluster or endpoint of this process has.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
