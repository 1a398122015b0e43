//! Counters of a connection manager under Envoy's names.

use crate::telemetry::metrics::{Counter, Gauge, Registry, Series, Shard};

/// Handles of a connection manager's counters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpStats {
    pub(crate) downstream_cx_total: Counter,
    pub(crate) downstream_cx_active: Gauge,
    pub(crate) downstream_cx_protocol_error: Counter,
    pub(crate) downstream_rq_total: Counter,
    pub(crate) downstream_rq_active: Gauge,
    pub(crate) downstream_rq_http1_total: Counter,
    pub(crate) downstream_rq_http2_total: Counter,
    pub(crate) no_route: Counter,
    pub(crate) no_cluster: Counter,
    classes: [Counter; 5],
}

impl HttpStats {
    pub(crate) fn new(registry: &Registry, prefix: &str) -> Self {
        let counter = |stat: &str| registry.counter(Series::http(prefix, stat));
        let gauge = |stat: &str| registry.gauge(Series::http(prefix, stat));
        Self {
            downstream_cx_total: counter("downstream_cx_total"),
            downstream_cx_active: gauge("downstream_cx_active"),
            downstream_cx_protocol_error: counter("downstream_cx_protocol_error"),
            downstream_rq_total: counter("downstream_rq_total"),
            downstream_rq_active: gauge("downstream_rq_active"),
            downstream_rq_http1_total: counter("downstream_rq_http1_total"),
            downstream_rq_http2_total: counter("downstream_rq_http2_total"),
            no_route: counter("no_route"),
            no_cluster: counter("no_cluster"),
            classes: ["1xx", "2xx", "3xx", "4xx", "5xx"]
                .map(|class| counter(&format!("downstream_rq_{class}"))),
        }
    }

    /// Counts a response.
    pub(crate) fn completed(&self, shard: &Shard, status: u16) {
        if let Some(class) = self.classes.get(usize::from(status / 100).wrapping_sub(1)) {
            class.increment(shard);
        }
    }
}
