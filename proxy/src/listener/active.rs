//! Listeners in force as the accept side sees them: found by name, by the socket a connection came through, and by the
//! destination it was meant for.

use super::Listener;
use crate::drain;
use crate::telemetry::metrics::{Counter, Gauge, Registry, Series};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
    by_address: HashMap<SocketAddr, Arc<Active>>,
}

impl ActiveSet {
    pub(crate) fn new(by_name: BTreeMap<Arc<str>, Arc<Active>>) -> Self {
        let by_address = by_name
            .values()
            .flat_map(|active| {
                let addresses = active.listener.addresses.iter();
                addresses.map(move |address| (address.addr, Arc::clone(active)))
            })
            .collect();
        Self {
            by_name,
            by_address,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Active>> {
        self.by_name.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Active>> {
        self.by_name.values()
    }

    /// The listener for connections to this destination: the one of exactly this address, else the one of the port on
    /// any address.
    pub(crate) fn for_destination(&self, destination: SocketAddr) -> Option<&Arc<Active>> {
        let any = |ip: IpAddr| {
            self.by_address
                .get(&SocketAddr::new(ip, destination.port()))
        };
        let wildcard = match destination.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        self.by_address
            .get(&destination)
            .or_else(|| any(wildcard))
            .or_else(|| any(IpAddr::V6(Ipv6Addr::UNSPECIFIED)).filter(|active| takes_v4(active)))
    }
}

/// Whether an IPv6 wildcard listener also takes IPv4.
fn takes_v4(active: &Active) -> bool {
    let addresses = &active.listener.addresses;
    addresses.iter().any(|address| address.ipv4_compat)
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
