//! All types of one stream: which goes first, and what waits for what.
//!
//! Order within a push: clusters, endpoints, listeners, routes, the rest. A later type waits while an earlier one that
//! it refers to is held back by an unacknowledged response. Clusters disappear last, after the listeners and routes
//! that may have referred to them were accepted (Envoy's "make before break"); their endpoints stay as long. Listeners
//! and routes wait until the client has taken in the endpoints of new clusters, which it asks for once it knows these.

use std::collections::BTreeMap;

use tokio::time::{Duration, Instant};
use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use xds_proto::resource::ResourceKind;

use crate::model::Name;
use crate::push::{Pending, View};

use super::status::TypeStatus;
use super::watch::{Change, MAX_NAMES, Update, Watch};
use super::{delta, sotw};

mod warming;

use warming::Warming;

/// How long what the client has not asked for holds up what it has: endpoints of new clusters hold up routes, and the
/// listeners and routes of a client that reconnects hold up removals.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// New clusters whose endpoints the client does not have yet.
    warming: Warming,
    /// The client came with clusters from an earlier stream, and with listeners and routes that it asks for until then.
    resuming: Option<Instant>,
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
            warming: Warming::default(),
            resuming: None,
        }
    }

    /// Takes in a delta request for `kind`.
    pub(super) fn on_delta(
        &mut self,
        kind: ResourceKind,
        request: DeltaDiscoveryRequest,
    ) -> Result<(), TooManyNames> {
        let watch = self.watches.entry(kind).or_insert_with(|| Watch::new(kind));
        if kind == ResourceKind::Cluster && !request.initial_resource_versions.is_empty() {
            self.resuming = Some(Instant::now() + PATIENCE);
        }
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
    pub(super) fn flush(&mut self, view: &View, now: Instant) -> Vec<Response> {
        let mut out = Vec::new();
        self.resuming = self.resuming.filter(|until| now < *until);
        self.warming.look(&self.watches, now);
        for kind in ResourceKind::ALL {
            match self.must_wait(kind) {
                true => self.answer(kind, view, &mut out),
                false => self.send(kind, view, &mut out),
            }
        }
        self.let_go(view, &mut out);
        out
    }

    /// When there may be something to send although nothing happens.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.resuming.into_iter().chain(self.warming.until()).min()
    }

    /// Status of every type that the client uses.
    pub(super) fn status(&self) -> BTreeMap<ResourceKind, TypeStatus> {
        self.watches
            .iter()
            .map(|(kind, watch)| (*kind, watch.status.clone()))
            .collect()
    }

    /// A push of `kind` waits for a type that it refers to.
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
        let blocked = |need| self.watches.get(need).is_some_and(Watch::is_blocked);
        !needs.is_empty() && !self.warming.is_empty() || needs.iter().any(blocked)
    }

    /// Sends what the client itself waits for: answers never wait.
    fn answer(&mut self, kind: ResourceKind, view: &View, out: &mut Vec<Response>) {
        let Some(watch) = self.watches.get_mut(&kind) else {
            return;
        };
        if !watch.owed.is_answer() {
            return;
        }
        let rest = watch.owed.put_off();
        self.send(kind, view, out);
        if let Some(watch) = self.watches.get_mut(&kind) {
            watch.owed.add(rest);
        }
    }

    fn send(&mut self, kind: ResourceKind, view: &View, out: &mut Vec<Response>) {
        let referred = matches!(kind, ResourceKind::Cluster | ResourceKind::Endpoint);
        let hold = referred && !self.referrers_settled();
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
        let added = std::mem::take(&mut update.added);
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
            self.warming.begin(added, view, Instant::now() + PATIENCE);
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
        let asked = |kind| self.watches.contains_key(&kind);
        let all_asked = asked(ResourceKind::Listener) && asked(ResourceKind::Route);
        let resumed = all_asked || self.resuming.is_none();
        resumed
            && referrers
                .iter()
                .filter_map(|kind| self.watches.get(kind))
                .all(Watch::is_settled)
    }

    /// Sends the removals that were held back.
    fn let_go(&mut self, view: &View, out: &mut Vec<Response>) {
        if !self.referrers_settled() {
            return;
        }
        for kind in [ResourceKind::Cluster, ResourceKind::Endpoint] {
            if self.watches.get_mut(&kind).is_some_and(Watch::recall) {
                self.send(kind, view, out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
