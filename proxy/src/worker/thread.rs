//! Everything that connections of one thread need.

use super::Worker;
use crate::cluster::{Cluster, Clusters};
use crate::http;
use crate::tcp::ClusterCounters;
use crate::telemetry::metrics::Shard;
use hashbrown::HashMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// One worker thread as its connections see it.
#[derive(Debug)]
pub struct Thread {
    worker: Rc<Worker>,
    http: Rc<http::Local>,
    shared: http::Shared,
    /// Counters of clusters that TCP connections go to, by the cluster's id.
    tcp_counters: RefCell<HashMap<u64, ClusterCounters>>,
}

impl Thread {
    /// Thread `id`, counted from 0; to be made on the thread itself.
    pub fn new(id: usize, shared: http::Shared) -> Rc<Self> {
        let worker = Worker::new(id);
        Rc::new(Self {
            http: http::Local::new(Rc::clone(&worker), shared.clone()),
            worker,
            shared,
            tcp_counters: RefCell::default(),
        })
    }

    /// The number of this thread, counted from 0.
    pub fn id(&self) -> usize {
        self.worker.id()
    }

    /// The clusters in force.
    pub fn clusters(&self) -> &Arc<Clusters> {
        &self.shared.clusters
    }

    /// Where this thread counts.
    pub fn shard(&self) -> &Arc<Shard> {
        self.http.shard()
    }

    /// HTTP on this thread.
    pub(crate) fn http(&self) -> Rc<http::Local> {
        Rc::clone(&self.http)
    }

    /// Random numbers for choices, not for secrets.
    pub(crate) fn with_rng<R>(&self, use_it: impl FnOnce(&mut fastrand::Rng) -> R) -> R {
        self.worker.with_rng(use_it)
    }

    /// The counters of a cluster, resolved when this thread first uses it.
    pub(crate) fn tcp_counters(&self, cluster: &Cluster) -> ClusterCounters {
        let mut known = self.tcp_counters.borrow_mut();
        *known
            .entry(cluster.id)
            .or_insert_with(|| ClusterCounters::new(&self.shared.metrics, &cluster.config))
    }
}
