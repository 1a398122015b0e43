//! Listeners in force as the accept side sees them: found by name, by the socket a connection came through, and by the
//! destination it was meant for.

use super::Listener;
use super::placement::Placement;
use crate::drain;
use crate::telemetry::metrics::{Counter, Gauge, Registry, Series};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One listener in force.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) listener: Arc<Listener>,
    /// Thrown when the listener is replaced, removed or drained.
    pub(crate) drain: drain::Switch,
    pub(crate) stats: ListenerStats,
}

/// Envoy's counters of a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListenerStats {
    pub(crate) cx_total: Counter,
    pub(crate) cx_active: Gauge,
    pub(crate) cx_destroy: Counter,
    pub(crate) pre_cx_timeout: Counter,
    pub(crate) no_filter_chain_match: Counter,
    pub(crate) rbac_denied: Counter,
    pub(crate) ssl_handshake: Counter,
    pub(crate) ssl_connection_error: Counter,
}

/// All listeners in force at one moment.
#[derive(Debug, Default)]
pub(crate) struct ActiveSet {
    by_name: BTreeMap<Arc<str>, Arc<Active>>,
    placement: Placement<Arc<Active>>,
}

impl ActiveSet {
    pub(crate) fn new(by_name: BTreeMap<Arc<str>, Arc<Active>>) -> Self {
        let all = by_name
            .values()
            .map(|active| (&*active.listener, Arc::clone(active)));
        Self {
            placement: Placement::new(all),
            by_name,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Active>> {
        self.by_name.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Active>> {
        self.by_name.values()
    }

    /// The listeners by the destinations that they stand for.
    pub(crate) fn placement(&self) -> &Placement<Arc<Active>> {
        &self.placement
    }
}

impl Active {
    pub(crate) fn new(listener: Arc<Listener>, registry: &Registry) -> Self {
        Self {
            stats: ListenerStats::new(&listener, registry),
            drain: drain::Switch::new(),
            listener,
        }
    }
}

impl ListenerStats {
    fn new(listener: &Listener, registry: &Registry) -> Self {
        let address = listener
            .addresses
            .first()
            .map(|address| address.addr.to_string());
        let name = match (&listener.stat_prefix, address) {
            (Some(prefix), _) => prefix.to_string(),
            (None, Some(address)) => address,
            (None, None) => listener.name.to_string(),
        };
        let counter = |stat| registry.counter(Series::listener(&name, stat));
        Self {
            cx_total: counter("downstream_cx_total"),
            cx_active: registry.gauge(Series::listener(&name, "downstream_cx_active")),
            cx_destroy: counter("downstream_cx_destroy"),
            pre_cx_timeout: counter("downstream_pre_cx_timeout"),
            no_filter_chain_match: counter("no_filter_chain_match"),
            rbac_denied: counter("rbac.denied"),
            ssl_handshake: counter("ssl.handshake"),
            ssl_connection_error: counter("ssl.connection_error"),
        }
    }
}
