//! The order in which resources take effect. A cluster that waits for its endpoints and a listener that waits for its
//! routes or secrets are warm before they replace what serves; a resource that is refused leaves the good one in place.
//!
//! What a resource refers to is indexed, so that applying one costs what it touches, however many others there are.
//!
//! Source: Envoy, *xDS REST and gRPC protocol* (resource warming, eventual consistency) and *Cluster manager*.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use xds_proto::resource::ResourceKind;

use super::response::{Incoming, Response};
use super::state::XdsState;
use super::subscription::{Interest, NameChanges};
use crate::cluster::{Cluster, Clusters};
use crate::config::not_honoured::NamedFields;
use crate::http::route::Routes;
use crate::lifecycle::Lifecycle;
use crate::listener::{Listener, Listeners, Sockets};
use crate::secret::{Secret, Secrets};

mod clusters;
pub(crate) mod convert;
mod fixed;
mod listeners;
mod outcome;
mod references;
mod settle;
mod warming;

use clusters::Assignments;
use convert::Refusal;
pub(crate) use outcome::{Outcome, Rejected};
use references::References;
use warming::{Need, Warming};

/// The stores that resources go to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stores {
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) clusters: Arc<Clusters>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) sockets: Arc<Sockets>,
    /// Mark of every upstream socket, where the redirect rules tell the proxy's traffic by it.
    pub(crate) mark: Option<u32>,
}

/// The one writer of the stores.
pub(crate) struct Applier {
    stores: Stores,
    state: XdsState,
    wanted: Wanted,
    lifecycle: Lifecycle,
    /// Names that came over the stream, applied or warming; static ones are not among them.
    clusters: BTreeSet<Arc<str>>,
    listeners: BTreeSet<Arc<str>>,
    cold_clusters: Warming<Cluster>,
    cold_listeners: Warming<Listener>,
    /// Clusters, serving and cold, by the name that their endpoints come under.
    assignments: Assignments,
    routes: References,
    secrets: References,
    named: NamedFields,
}

/// Which types the bootstrap asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) listeners: bool,
    pub(crate) clusters: bool,
}

impl Applier {
    /// An applier over stores that hold what came with the bootstrap.
    pub(crate) fn new(
        stores: Stores,
        state: XdsState,
        wanted: Wanted,
        lifecycle: Lifecycle,
    ) -> Self {
        let mut applier = Self {
            stores,
            state,
            wanted,
            lifecycle,
            clusters: BTreeSet::new(),
            listeners: BTreeSet::new(),
            cold_clusters: Warming::default(),
            cold_listeners: Warming::default(),
            assignments: Assignments::default(),
            routes: References::default(),
            secrets: References::default(),
            named: NamedFields::default(),
        };
        applier.refer_to_what_static_resources_name();
        applier
    }

    pub(crate) fn state(&self) -> &XdsState {
        &self.state
    }

    /// How this type is asked for to begin with; names follow by [`Self::take_changes`].
    pub(crate) fn interest(&self, kind: ResourceKind) -> Interest {
        match kind {
            ResourceKind::Cluster if self.wanted.clusters => Interest::Wildcard,
            ResourceKind::Listener if self.wanted.listeners => Interest::Wildcard,
            ResourceKind::Cluster
            | ResourceKind::Listener
            | ResourceKind::Endpoint
            | ResourceKind::Route
            | ResourceKind::Secret
            | ResourceKind::VirtualHost
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => Interest::Names(BTreeSet::new()),
        }
    }

    /// Names that came to be wanted or are not wanted any more since this was last asked. What nobody names is let go.
    pub(crate) fn take_changes(&mut self, kind: ResourceKind) -> NameChanges {
        let changes = match kind {
            ResourceKind::Endpoint => self.assignments.take_changes(),
            ResourceKind::Route => self.routes.take_changes(),
            ResourceKind::Secret => self.secrets.take_changes(),
            ResourceKind::Cluster
            | ResourceKind::Listener
            | ResourceKind::VirtualHost
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => NameChanges::default(),
        };
        for name in &changes.removed {
            self.state.record_removed(kind, name);
            if kind == ResourceKind::Route {
                self.stores.routes.forget(name);
            }
        }
        changes
    }

    /// Applies one response; what is refused is left out, the rest takes effect.
    pub(crate) fn apply(&mut self, response: Response) -> Outcome {
        let mut outcome = Outcome::default();
        let kind = response.kind;
        let mut missing = match response.complete {
            true => self.known(kind).clone(),
            false => BTreeSet::new(),
        };
        let mut seen = HashSet::with_capacity(response.resources.len());
        for incoming in response.resources {
            let version = Arc::clone(&incoming.version);
            match self.apply_one(kind, incoming, &mut seen) {
                Ok(name) => {
                    missing.remove(&name);
                    self.state.record_applied(kind, Arc::clone(&name), &version);
                    outcome.accepted.push((name, version));
                }
                Err(rejected) => {
                    let name: Arc<str> = rejected.name.as_str().into();
                    missing.remove(&name);
                    self.state
                        .record_refused(kind, name, &version, &rejected.reason);
                    outcome.rejected.push(rejected);
                }
            }
        }
        for name in &response.removed {
            self.remove(kind, name);
        }
        for name in &missing {
            self.remove(kind, name);
        }
        if !outcome.rejected.is_empty() {
            self.stores.routes.sweep();
        }
        self.settle();
        outcome
    }

    fn known(&self, kind: ResourceKind) -> &BTreeSet<Arc<str>> {
        static NONE: BTreeSet<Arc<str>> = BTreeSet::new();
        match kind {
            ResourceKind::Cluster => &self.clusters,
            ResourceKind::Listener => &self.listeners,
            ResourceKind::Endpoint
            | ResourceKind::Route
            | ResourceKind::VirtualHost
            | ResourceKind::Secret
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => &NONE,
        }
    }

    fn apply_one(
        &mut self,
        kind: ResourceKind,
        incoming: Incoming,
        seen: &mut HashSet<Arc<str>>,
    ) -> Result<Arc<str>, Rejected> {
        let Incoming {
            name: envelope,
            version: _, // recorded by the caller
            body,
        } = incoming;
        let new = Checked {
            envelope: &envelope,
            seen,
        };
        let stores = &self.stores;
        let applied = match kind {
            ResourceKind::Cluster => convert::cluster(body, stores)
                .and_then(|cluster| new.named(&cluster.config.name.clone(), cluster))
                .and_then(|cluster| self.take_cluster(Arc::new(cluster))),
            ResourceKind::Listener => convert::listener(body, stores)
                .and_then(|listener| new.named(&listener.name.clone(), listener))
                .and_then(|listener| self.take_listener(Arc::new(listener))),
            ResourceKind::Endpoint => convert::endpoints(&body, stores)
                .and_then(|(service, set)| Ok((new.named(&service, service.clone())?, set)))
                .map(|(service, set)| self.take_endpoints(service, set)),
            ResourceKind::Route => convert::routes(body, stores)
                .and_then(|table| new.named(&table.name.clone(), table))
                .map(|table| self.take_routes(table)),
            ResourceKind::Secret => convert::secret(&body, stores)
                .and_then(|(name, secret)| Ok((new.named(&name, name.clone())?, secret)))
                .map(|(name, secret)| self.take_secret(name, secret)),
            ResourceKind::VirtualHost | ResourceKind::ExtensionConfig | ResourceKind::NameTable => {
                Err((String::new(), "this type was not asked for".to_owned()))
            }
        };
        applied.map_err(|(name, reason): Refusal| Rejected {
            kind,
            name: if name.is_empty() { envelope } else { name },
            reason,
        })
    }

    /// Nothing but what was asked for here: the workload's own identity is not the stream's to replace.
    fn take_secret(&mut self, name: Arc<str>, secret: Secret) -> Arc<str> {
        if self.secrets.has(&name) {
            self.stores.secrets.apply(&name, secret);
        }
        name
    }

    fn remove(&mut self, kind: ResourceKind, name: &str) {
        match kind {
            ResourceKind::Cluster => self.remove_cluster(name),
            ResourceKind::Listener => self.remove_listener(name),
            // routes, endpoints and secrets end with the listener or cluster that names them, not before
            ResourceKind::Endpoint
            | ResourceKind::Route
            | ResourceKind::VirtualHost
            | ResourceKind::Secret
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => {}
        }
        self.state.record_removed(kind, name);
    }
}

/// Whether a resource is called what its envelope says, and is the first of that name in its response.
struct Checked<'a> {
    /// Empty where there is none.
    envelope: &'a str,
    seen: &'a mut HashSet<Arc<str>>,
}

impl Checked<'_> {
    fn named<T>(self, name: &Arc<str>, resource: T) -> Result<T, Refusal> {
        let refused = |reason: String| Err((name.to_string(), reason));
        if !self.envelope.is_empty() && *self.envelope != **name {
            let envelope = self.envelope;
            return refused(format!(
                "the server sent it under the name {envelope:?}; both must be the same"
            ));
        }
        if !self.seen.insert(Arc::clone(name)) {
            return refused("it stands twice in one response; the first was taken".to_owned());
        }
        Ok(resource)
    }
}

#[cfg(test)]
mod tests;
