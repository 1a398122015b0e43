//! What TCP connections count, under Envoy's names.

use crate::cluster::config::ClusterConfig;
use crate::telemetry::metrics::{Counter, Gauge, Registry, Series};

/// Counters of one cluster as TCP connections use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterCounters {
    pub(crate) cx_total: Counter,
    pub(crate) cx_active: Gauge,
    pub(crate) cx_destroy: Counter,
    pub(crate) cx_connect_fail: Counter,
    pub(crate) cx_connect_timeout: Counter,
    pub(crate) cx_connect_attempts_exceeded: Counter,
    pub(crate) cx_none_healthy: Counter,
    pub(crate) cx_overflow: Counter,
    pub(crate) cx_rx_bytes_total: Counter,
    pub(crate) cx_tx_bytes_total: Counter,
    pub(crate) cx_idle_timeout: Counter,
}

impl ClusterCounters {
    pub(crate) fn new(registry: &Registry, cluster: &ClusterConfig) -> Self {
        let name = &cluster.stat_name;
        let counter = |stat| registry.counter(Series::cluster(name, stat));
        Self {
            cx_total: counter("upstream_cx_total"),
            cx_active: registry.gauge(Series::cluster(name, "upstream_cx_active")),
            cx_destroy: counter("upstream_cx_destroy"),
            cx_connect_fail: counter("upstream_cx_connect_fail"),
            cx_connect_timeout: counter("upstream_cx_connect_timeout"),
            cx_connect_attempts_exceeded: counter("upstream_cx_connect_attempts_exceeded"),
            cx_none_healthy: counter("upstream_cx_none_healthy"),
            cx_overflow: counter("upstream_cx_overflow"),
            cx_rx_bytes_total: counter("upstream_cx_rx_bytes_total"),
            cx_tx_bytes_total: counter("upstream_cx_tx_bytes_total"),
            cx_idle_timeout: counter("upstream_cx_idle_timeout"),
        }
    }
}
