//! Counters of a cluster under Envoy's names.

use crate::telemetry::metrics::{Counter, Gauge, Registry, Series, Shard};

macro_rules! cluster_stats {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Handles of a cluster's counters.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct ClusterStats {
            $($(#[$doc])* pub(crate) $name: Counter,)+
            pub(crate) upstream_cx_active: Gauge,
            pub(crate) upstream_rq_active: Gauge,
            pub(crate) upstream_rq_pending_active: Gauge,
            classes: [Counter; 5],
        }

        impl ClusterStats {
            pub(crate) fn new(registry: &Registry, cluster: &str) -> Self {
                let counter = |stat: &str| registry.counter(Series::cluster(cluster, stat));
                let gauge = |stat: &str| registry.gauge(Series::cluster(cluster, stat));
                Self {
                    $($name: counter(stringify!($name)),)+
                    upstream_cx_active: gauge("upstream_cx_active"),
                    upstream_rq_active: gauge("upstream_rq_active"),
                    upstream_rq_pending_active: gauge("upstream_rq_pending_active"),
                    classes: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| counter(&format!("upstream_rq_{class}"))),
                }
            }
        }
    };
}

cluster_stats! {
    upstream_cx_total,
    upstream_cx_http1_total,
    upstream_cx_http2_total,
    upstream_cx_connect_fail,
    upstream_cx_connect_timeout,
    upstream_cx_overflow,
    upstream_cx_none_healthy,
    upstream_rq_total,
    upstream_rq_completed,
    upstream_rq_pending_total,
    upstream_rq_pending_overflow,
    upstream_rq_timeout,
    upstream_rq_per_try_timeout,
    upstream_rq_per_try_idle_timeout,
    upstream_rq_max_duration_reached,
    upstream_rq_rx_reset,
    upstream_rq_tx_reset,
    upstream_rq_retry,
    upstream_rq_retry_success,
    upstream_rq_retry_overflow,
    upstream_rq_retry_limit_exceeded,
}

impl ClusterStats {
    /// Counts a response.
    pub(crate) fn completed(&self, shard: &Shard, status: u16) {
        self.upstream_rq_completed.increment(shard);
        if let Some(class) = self.classes.get(usize::from(status / 100).wrapping_sub(1)) {
            class.increment(shard);
        }
    }
}
