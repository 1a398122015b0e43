//! What HTTP on one worker shares: buffers, pools, counters, and what was resolved once per configuration.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::codec::buffers::Buffers;
use super::config::HttpConfig;
use super::connection::Spares;
use super::serve::Slots;
use super::stats::HttpStats;
use crate::cluster::Clusters;
use crate::cluster::pool::ClusterPool;
use crate::telemetry::access_log::{Log, Outbox, Writer};
use crate::telemetry::istio::{RequestMetrics, Workload};
use crate::telemetry::metrics::{Registry, Shard};
use crate::worker::Worker;

/// Time between looks at idle connections.
const SWEEP: Duration = Duration::from_secs(5);

/// What workers need to serve HTTP; made once per process.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The clusters in force.
    pub clusters: Arc<Clusters>,
    /// All metrics.
    pub metrics: Registry,
    /// The name of this machine.
    pub hostname: Arc<str>,
    /// Where access logs go.
    pub access_logs: Writer,
    /// The workload that this proxy stands beside, for Istio's metrics.
    pub workload: Arc<Workload>,
}

/// HTTP on one worker.
#[derive(Debug)]
pub struct Local {
    pub(crate) worker: Rc<Worker>,
    pub(crate) buffers: Buffers,
    pub(crate) spares: Spares,
    pub(crate) slots: Slots,
    pub(crate) shard: Arc<Shard>,
    /// The name of this machine, for access logs.
    pub(crate) hostname: Arc<str>,
    pub(crate) outbox: Rc<Outbox>,
    pub(crate) faults: Faults,
    /// Istio's metrics of requests.
    pub(crate) requests: RequestMetrics,
    shared: Shared,
    clusters: RefCell<Known>,
    sites: RefCell<HashMap<usize, Rc<Site>>>,
    sweeping: Cell<bool>,
}

/// Faults that are being injected on this worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Rc<Cell<u32>>);

/// One fault.
#[derive(Debug)]
pub(crate) struct Fault(Rc<Cell<u32>>);

impl Faults {
    /// Begins one, unless as many as `most` are under way.
    pub(crate) fn begin(&self, most: Option<u32>) -> Option<Fault> {
        if most.is_some_and(|most| self.0.get() >= most) {
            return None;
        }
        self.0.set(self.0.get() + 1);
        Some(Fault(Rc::clone(&self.0)))
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Clusters that this worker has used, as of one version of the store.
#[derive(Debug, Default)]
struct Known {
    version: u64,
    pools: HashMap<Arc<str>, Rc<ClusterPool>>,
}

impl Known {
    /// Lets go of clusters that are gone or were replaced.
    fn follow(&mut self, clusters: &Clusters) {
        let version = clusters.version();
        if self.version == version {
            return;
        }
        let now = clusters.snapshot();
        self.pools.retain(|name, pool| {
            now.get(name)
                .is_some_and(|cluster| cluster.id == pool.cluster.id)
        });
        self.version = version;
    }
}

/// One connection manager's configuration with everything that is resolved once.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: Arc<HttpConfig>,
    pub(crate) stats: HttpStats,
    pub(crate) logs: Vec<Log>,
}

impl Local {
    /// HTTP on `worker`.
    pub fn new(worker: Rc<Worker>, shared: Shared) -> Rc<Self> {
        let shard = shared.metrics.shard();
        Rc::new(Self {
            worker,
            buffers: Buffers::new(),
            spares: Spares::default(),
            slots: Slots::default(),
            outbox: Outbox::new(shared.access_logs.clone(), Arc::clone(&shard)),
            faults: Faults::default(),
            requests: RequestMetrics::new(shared.metrics.clone(), Arc::clone(&shared.workload)),
            shard,
            hostname: Arc::clone(&shared.hostname),
            shared,
            clusters: RefCell::default(),
            sites: RefCell::default(),
            sweeping: Cell::new(false),
        })
    }

    /// The shard that this worker counts in.
    pub fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// The cluster `name` with this worker's connections.
    pub(crate) fn cluster(&self, name: &str) -> Option<Rc<ClusterPool>> {
        let mut known = self.clusters.borrow_mut();
        known.follow(&self.shared.clusters);
        if let Some(pool) = known.pools.get(name) {
            return Some(Rc::clone(pool));
        }
        let cluster = self.shared.clusters.get(name)?;
        let name = Arc::clone(&cluster.config.name);
        let pool = ClusterPool::new(
            cluster,
            &self.shared.metrics,
            Arc::clone(&self.shard),
            self.buffers.clone(),
        );
        known.pools.insert(name, Rc::clone(&pool));
        Some(pool)
    }

    /// What was resolved for `config`.
    pub(crate) fn site(&self, config: &Arc<HttpConfig>) -> Rc<Site> {
        // The site holds the configuration, so that its address stays taken.
        let key = Arc::as_ptr(config) as usize;
        let mut sites = self.sites.borrow_mut();
        let new = || {
            let stats = HttpStats::new(&self.shared.metrics, &config.stat_prefix);
            let compiled = |config| Log::compile(config, &self.outbox);
            let logs = config.access_logs.iter().filter_map(compiled).collect();
            Rc::new(Site {
                config: Arc::clone(config),
                stats,
                logs,
            })
        };
        Rc::clone(sites.entry(key).or_insert_with(new))
    }

    /// Starts the task that closes idle connections, once; it ends with the worker's HTTP.
    pub(crate) fn keep_swept(self: &Rc<Self>) {
        if self.sweeping.replace(true) {
            return;
        }
        let local = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(local) = local.upgrade() else { return };
                local.sweep();
            }
        });
    }

    fn sweep(&self) {
        let now = self.worker.now();
        self.slots.sweep();
        self.buffers.sweep();
        // A worker without traffic must not keep connections of clusters that are gone.
        self.clusters.borrow_mut().follow(&self.shared.clusters);
        for pool in self.clusters.borrow().pools.values() {
            pool.sweep(now);
        }
        self.sites
            .borrow_mut()
            .retain(|_, site| Rc::strong_count(site) > 1 || Arc::strong_count(&site.config) > 1);
    }
}
