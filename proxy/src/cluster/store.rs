//! The clusters in force. One writer (the control runtime); workers read snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::Cluster;

/// All clusters by name at one moment.
pub type ClusterSnapshot = HashMap<Arc<str>, Arc<Cluster>>;

/// The store of clusters.
#[derive(Debug, Default)]
pub struct Clusters {
    current: ArcSwap<ClusterSnapshot>,
    version: AtomicU64,
}

impl Clusters {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cluster with this name.
    pub fn get(&self, name: &str) -> Option<Arc<Cluster>> {
        self.current.load().get(name).cloned()
    }

    /// All clusters.
    pub fn snapshot(&self) -> Arc<ClusterSnapshot> {
        self.current.load_full()
    }

    /// The snapshot's cell, for a per-worker cache.
    pub fn cell(&self) -> &ArcSwap<ClusterSnapshot> {
        &self.current
    }

    /// Grows with each change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Puts clusters in force and takes away those that come as `None`, all at once. A cluster whose encoded
    /// configuration is the one in force is left as it is, so that its pools, counters and ejections survive.
    pub fn apply(&self, changes: impl IntoIterator<Item = (Arc<str>, Option<Arc<Cluster>>)>) {
        let mut next = ClusterSnapshot::clone(&self.current.load());
        for (name, cluster) in changes {
            match cluster {
                Some(cluster)
                    if next
                        .get(&name)
                        .is_some_and(|now| now.config.raw == cluster.config.raw) => {}
                Some(cluster) => {
                    next.insert(name, cluster);
                }
                None => {
                    next.remove(&name);
                }
            }
        }
        self.current.store(Arc::new(next));
        self.version.fetch_add(1, Ordering::Release);
    }
}
