//! All types of one stream: which goes first, and what waits for what.
//!
//! Order within a push: clusters, endpoints, listeners, routes, the rest. A later type waits while an earlier one that
//! it refers to is held back by an unacknowledged response. Clusters disappear last, after the listeners and routes
//! that may have referred to them were accepted (Envoy's "make before break").

use std::collections::BTreeMap;

use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use xds_proto::resource::ResourceKind;

use crate::model::Name;
use crate::push::{Pending, View};

use super::status::TypeStatus;
use super::watch::{Change, MAX_NAMES, Update, Watch};
use super::{delta, sotw};

/// The two ways to speak xDS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Incremental.
    Delta,
    /// State of the world.
    StateOfTheWorld,
}

/// The protocol state of one stream; knows nothing of sockets.
pub(super) struct Session {
    dialect: Dialect,
    watches: BTreeMap<ResourceKind, Watch>,
}

/// A response to send.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) kind: ResourceKind,
    pub(super) nonce: u64,
    pub(super) update: Update,
}

/// The request breaks a limit; the stream ends.
#[derive(Debug, thiserror::Error)]
#[error("{kind:?}: more than {MAX_NAMES} resource names on one stream")]
pub(super) struct TooManyNames {
    kind: ResourceKind,
}

impl Session {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            watches: BTreeMap::new(),
        }
    }

    /// Takes in a delta request for `kind`.
    pub(super) fn on_delta(
        &mut self,
        kind: ResourceKind,
        request: DeltaDiscoveryRequest,
    ) -> Result<(), TooManyNames> {
        let watch = self.watches.entry(kind).or_insert_with(|| Watch::new(kind));
        let asked = request
            .resource_names_subscribe
            .len()
            .max(request.initial_resource_versions.len());
        if watch.names.len() + asked > MAX_NAMES {
            return Err(TooManyNames { kind });
        }
        delta::request(watch, request);
        Ok(())
    }

    /// Takes in a state-of-the-world request for `kind`.
    pub(super) fn on_sotw(
        &mut self,
        kind: ResourceKind,
        request: &DiscoveryRequest,
        view: &View,
    ) -> Result<(), TooManyNames> {
        if request.resource_names.len() > MAX_NAMES {
            return Err(TooManyNames { kind });
        }
        let watch = self.watches.entry(kind).or_insert_with(|| Watch::new(kind));
        sotw::request(watch, request, view);
        Ok(())
    }

    /// Notes what a publication may have changed.
    pub(super) fn on_push(&mut self, pending: &Pending) {
        for (kind, watch) in &mut self.watches {
            if pending.kinds.contains(kind) {
                watch.check(&Change::Everything);
            } else if *kind == ResourceKind::Endpoint
                && (!pending.endpoints.is_empty() || !pending.hosts.is_empty())
            {
                let (names, hosts) = (pending.endpoints.clone(), pending.hosts.clone());
                watch.check(&Change::Endpoints { names, hosts });
            }
        }
    }

    /// Notes that the proxy sees another view from now on.
    pub(super) fn on_new_view(&mut self) {
        self.watches
            .values_mut()
            .for_each(|watch| watch.check(&Change::Everything));
    }

    /// Everything that can be said now, in the order in which it must be said.
    pub(super) fn flush(&mut self, view: &View) -> Vec<Response> {
        let mut out = Vec::new();
        for kind in ResourceKind::ALL {
            if !self.must_wait(kind) {
                self.send(kind, view, &mut out);
            }
        }
        self.let_go(view, &mut out);
        out
    }

    /// Status of every type that the client uses.
    pub(super) fn status(&self) -> BTreeMap<ResourceKind, TypeStatus> {
        self.watches
            .iter()
            .map(|(kind, watch)| (*kind, watch.status.clone()))
            .collect()
    }

    /// A push of `kind` waits for a type that it refers to. Answers never wait.
    fn must_wait(&self, kind: ResourceKind) -> bool {
        let needs: &[ResourceKind] = match kind {
            ResourceKind::Listener => &[ResourceKind::Cluster],
            ResourceKind::Route | ResourceKind::VirtualHost => {
                &[ResourceKind::Cluster, ResourceKind::Listener]
            }
            ResourceKind::Cluster
            | ResourceKind::Endpoint
            | ResourceKind::Secret
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => &[],
        };
        let asked = self
            .watches
            .get(&kind)
            .is_some_and(|watch| watch.owed.is_answer());
        !asked
            && needs
                .iter()
                .any(|need| self.watches.get(need).is_some_and(Watch::is_blocked))
    }

    fn send(&mut self, kind: ResourceKind, view: &View, out: &mut Vec<Response>) {
        let hold = kind == ResourceKind::Cluster && !self.referrers_settled();
        let Some(watch) = self.watches.get_mut(&kind) else {
            return;
        };
        if watch.owed.is_empty() || !watch.may_send() {
            return;
        }
        let update = match self.dialect {
            Dialect::Delta => delta::update(watch, view, hold),
            Dialect::StateOfTheWorld => sotw::update(watch, view, hold),
        };
        let Some(mut update) = update else { return };
        let changed = std::mem::take(&mut update.changed);
        let parts = match self.dialect {
            Dialect::Delta => update.parts(),
            Dialect::StateOfTheWorld => vec![update],
        };
        let response = |(nonce, update)| Response {
            kind,
            nonce,
            update,
        };
        out.extend(watch.sent(parts).into_iter().map(response));
        if kind == ResourceKind::Cluster {
            self.refresh_endpoints(&changed);
        }
    }

    /// A replaced cluster warms up and wants its endpoints anew; Envoy's delta client does not ask for them again.
    fn refresh_endpoints(&mut self, changed: &[Name]) {
        let Some(endpoints) = self.watches.get_mut(&ResourceKind::Endpoint) else {
            return;
        };
        changed.iter().for_each(|name| endpoints.refresh(name));
    }

    fn referrers_settled(&self) -> bool {
        let referrers = [
            ResourceKind::Listener,
            ResourceKind::Route,
            ResourceKind::VirtualHost,
        ];
        referrers
            .iter()
            .filter_map(|kind| self.watches.get(kind))
            .all(Watch::is_settled)
    }

    /// Sends the removals of clusters that were held back.
    fn let_go(&mut self, view: &View, out: &mut Vec<Response>) {
        if !self.referrers_settled() {
            return;
        }
        if let Some(clusters) = self.watches.get_mut(&ResourceKind::Cluster)
            && !clusters.retained.is_empty()
        {
            clusters.owed.check_all = true;
            self.send(ResourceKind::Cluster, view, out);
        }
    }
}

#[cfg(test)]
mod tests;
