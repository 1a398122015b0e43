//! Everything that connections of one thread need.

use super::Worker;
use crate::cluster::{Cluster, Clusters};
use crate::config::access_log::AccessLogConfig;
use crate::http;
use crate::tcp::{ClusterCounters, Record, SeriesKey, TcpSeries};
use crate::telemetry::access_log::{Log, Outbox};
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
    /// Istio's series by what their labels depend on.
    tcp_series: RefCell<HashMap<SeriesKey, TcpSeries>>,
    /// Access logs of connections by the address of their configuration.
    access_logs: RefCell<HashMap<usize, KnownLog>>,
}

/// An access log that this thread has written to.
#[derive(Debug)]
struct KnownLog {
    /// Held, so that its address stays taken.
    config: Arc<AccessLogConfig>,
    /// `None` where it cannot be written.
    log: Option<Rc<Log>>,
}

impl KnownLog {
    /// Whether some listener still has it.
    fn is_configured(&self) -> bool {
        Arc::strong_count(&self.config) > 1 + usize::from(self.log.is_some())
    }
}

/// Resolved series that are kept; beyond it all are resolved anew, since they belong to endpoints and clients that come
/// and go.
const KEPT_SERIES: usize = 4_096;
/// Compiled access logs beyond which those of configurations that are gone are looked for.
const KEPT_LOGS: usize = 32;

impl Thread {
    /// Thread `id`, counted from 0; to be made on the thread itself.
    pub fn new(id: usize, shared: http::Shared) -> Rc<Self> {
        let worker = Worker::new(id);
        Rc::new(Self {
            http: http::Local::new(Rc::clone(&worker), shared.clone()),
            worker,
            shared,
            tcp_counters: RefCell::default(),
            tcp_series: RefCell::default(),
            access_logs: RefCell::default(),
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

    /// The name of this machine, for access logs.
    pub(crate) fn hostname(&self) -> &str {
        &self.shared.hostname
    }

    /// Where access logs of this thread go.
    pub(crate) fn outbox(&self) -> &Rc<Outbox> {
        &self.http.outbox
    }

    /// The counters of a cluster, resolved when this thread first uses it.
    pub(crate) fn tcp_counters(&self, cluster: &Cluster) -> ClusterCounters {
        let mut known = self.tcp_counters.borrow_mut();
        if known.len() >= KEPT_SERIES {
            known.clear();
        }
        *known
            .entry(cluster.id)
            .or_insert_with(|| ClusterCounters::new(&self.shared.metrics, &cluster.config))
    }

    /// Istio's series for a connection.
    pub(crate) fn tcp_series(&self, record: &Record) -> TcpSeries {
        let mut known = self.tcp_series.borrow_mut();
        if known.len() >= KEPT_SERIES {
            known.clear();
        }
        let new = || TcpSeries::new(&self.shared.metrics, &self.shared.workload, record);
        *known.entry(SeriesKey::of(record)).or_insert_with(new)
    }

    /// An access log, compiled when this thread first writes it; `None` where it cannot be written.
    pub(crate) fn access_log(&self, config: &Arc<AccessLogConfig>) -> Option<Rc<Log>> {
        let mut known = self.access_logs.borrow_mut();
        let key = Arc::as_ptr(config) as usize;
        if known.len() >= KEPT_LOGS && !known.contains_key(&key) {
            known.retain(|_, one| one.is_configured());
        }
        let new = || KnownLog {
            config: Arc::clone(config),
            log: Log::compile(config, self.outbox()).map(Rc::new),
        };
        known.entry(key).or_insert_with(new).log.clone()
    }
}
