//! A worker: one OS thread with a runtime of its own and everything that requests on it share. It owns what is local to
//! the thread and refuses to know what is done with connections.

mod clock;
mod pool;

pub use clock::now;
pub use pool::{Job, Workers};

pub(crate) use pool::Load;

use crate::cluster::{Cluster, Clusters};
use crate::http::config::HttpConfig;
use crate::listener::ConnectionFacts;
use crate::tcp::ClusterCounters;
use crate::telemetry::metrics::{Registry, Shard};
use crate::transport::Downstream;
use futures_util::future::LocalBoxFuture;
use hashbrown::HashMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

/// Serves one HTTP connection to its end.
pub type ServeHttp =
    fn(Downstream, Arc<HttpConfig>, ConnectionFacts, Rc<Worker>) -> LocalBoxFuture<'static, ()>;

/// What all workers share: stores that others write.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The HTTP connection manager.
    pub http: ServeHttp,
    /// The clusters in force.
    pub clusters: Arc<Clusters>,
    /// The registry of metrics.
    pub registry: Registry,
}

/// What connections of one thread share. Never leaves its thread.
#[derive(Debug)]
pub struct Worker {
    id: usize,
    parts: Parts,
    shard: Arc<Shard>,
    rng: RefCell<fastrand::Rng>,
    /// Counters of clusters that TCP connections go to, by the cluster's id.
    tcp_counters: RefCell<HashMap<u64, ClusterCounters>>,
}

impl Worker {
    /// The shared part of worker `id`, counted from 0; to be made on its own thread.
    pub fn new(id: usize, parts: Parts) -> Rc<Self> {
        Rc::new(Self {
            id,
            shard: parts.registry.shard(),
            parts,
            rng: RefCell::new(fastrand::Rng::new()),
            tcp_counters: RefCell::default(),
        })
    }

    /// The number of this worker, counted from 0.
    pub fn id(&self) -> usize {
        self.id
    }

    /// The clusters in force.
    pub fn clusters(&self) -> &Arc<Clusters> {
        &self.parts.clusters
    }

    /// The registry of metrics, to resolve series off the request path.
    pub fn registry(&self) -> &Registry {
        &self.parts.registry
    }

    /// Where this worker counts.
    pub fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// Serves an HTTP connection.
    pub(crate) fn http(&self) -> ServeHttp {
        self.parts.http
    }

    /// The counters of a cluster, resolved when this worker first uses it.
    pub(crate) fn tcp_counters(&self, cluster: &Cluster) -> ClusterCounters {
        let mut known = self.tcp_counters.borrow_mut();
        *known
            .entry(cluster.id)
            .or_insert_with(|| ClusterCounters::new(&self.parts.registry, &cluster.config))
    }

    /// Random numbers for choices, not for secrets.
    pub fn with_rng<R>(&self, use_it: impl FnOnce(&mut fastrand::Rng) -> R) -> R {
        use_it(&mut self.rng.borrow_mut())
    }

    /// The time, read about once per turn of the event loop: good to a few milliseconds.
    pub fn now(&self) -> Instant {
        now()
    }
}

/// The runtime of a worker thread: everything on it stays there, and each sleep of its event loop begins a new turn of
/// the clock.
///
/// # Errors
/// If the kernel gives no epoll instance.
pub fn runtime() -> std::io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(clock::begin_turn)
        .build_local(LocalOptions::default())
}
