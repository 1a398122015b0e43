//! What an event changed: what interested proxies must hear of.

use crate::model::{Name, Object};
use std::collections::BTreeSet;

/// What differs between two snapshots. Empty when nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Hosts of services that came, went or changed (ports, addresses, the identities behind them …).
    pub services: BTreeSet<Name>,
    /// Hosts whose endpoints changed.
    pub endpoints: BTreeSet<Name>,
    /// Hosts (or wildcards) whose virtual services changed.
    pub routes: BTreeSet<Name>,
    /// Hosts (or wildcards) whose destination rules changed.
    pub destination_rules: BTreeSet<Name>,
    /// Policies of workloads that changed: `PeerAuthentication`, `Sidecar` and objects that close workloads.
    pub policies: BTreeSet<Object>,
    /// Workloads that came, went or changed.
    pub workloads: BTreeSet<Object>,
    /// Namespaces and service accounts that came, went or changed.
    pub namespaces: BTreeSet<Name>,
    /// The mesh's settings changed.
    pub mesh: bool,
    /// Everything may have changed: the first snapshot of a source.
    pub full: bool,
}

impl Changes {
    /// Nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Only endpoints changed: the short lane.
    #[must_use]
    pub fn is_endpoints_only(&self) -> bool {
        let rest = Self {
            endpoints: BTreeSet::new(),
            workloads: BTreeSet::new(),
            ..self.clone()
        };
        rest.is_empty() && !self.endpoints.is_empty()
    }

    /// Adds what `later` changed.
    pub fn merge(&mut self, later: Self) {
        let Self {
            services,
            endpoints,
            routes,
            destination_rules,
            policies,
            workloads,
            namespaces,
            mesh,
            full,
        } = later;
        self.services.extend(services);
        self.endpoints.extend(endpoints);
        self.routes.extend(routes);
        self.destination_rules.extend(destination_rules);
        self.policies.extend(policies);
        self.workloads.extend(workloads);
        self.namespaces.extend(namespaces);
        self.mesh |= mesh;
        self.full |= full;
    }
}
