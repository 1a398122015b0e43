//! The order in which resources take effect. A cluster that waits for its endpoints and a listener that waits for its
//! routes or secrets are warm before they replace what serves; a resource that is refused leaves the good one in place.
//!
//! What a resource refers to is indexed, so that applying one costs what it touches, however many others there are.
//!
//! Source: Envoy, *xDS REST and gRPC protocol* (resource warming, eventual consistency) and *Cluster manager*.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashSet;
use xds_proto::resource::ResourceKind;

use super::response::{Incoming, Response};
use super::state::XdsState;
use super::subscription::{Interest, NameChanges};
use crate::cluster::{Cluster, Clusters};
use crate::config::not_honoured::NamedFields;
use crate::config::source::Source;
use crate::http::route::Routes;
use crate::lifecycle::Lifecycle;
use crate::listener::{Listener, Listeners, Sockets};
use crate::secret::Secrets;

mod clusters;
pub(crate) mod convert;
mod feeds;
mod fixed;
mod listeners;
mod outcome;
mod references;
mod settle;
mod warming;

use clusters::Assignments;
use convert::Refusal;
pub(crate) use feeds::Feed;
use feeds::Feeds;
pub(crate) use outcome::{Outcome, Rejected};
pub(crate) use settle::Wait;
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
    feeds: Feeds,
    named: NamedFields,
}

/// Where the types come from that the bootstrap asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) listeners: Option<Source>,
    pub(crate) clusters: Option<Source>,
}

impl Wanted {
    /// The source of a type that is wanted whole.
    fn source(&self, kind: ResourceKind) -> Option<&Source> {
        match kind {
            ResourceKind::Cluster => self.clusters.as_ref(),
            ResourceKind::Listener => self.listeners.as_ref(),
            ResourceKind::Endpoint
            | ResourceKind::Route
            | ResourceKind::Secret
            | ResourceKind::VirtualHost
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => None,
        }
    }
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
            feeds: Feeds::default(),
            named: NamedFields::default(),
        };
        applier.refer_to_what_static_resources_name();
        for kind in [ResourceKind::Cluster, ResourceKind::Listener] {
            if let Some(source) = applier.wanted.source(kind) {
                applier.feeds.begin(kind, source);
            }
        }
        applier
    }

    pub(crate) fn state(&self) -> &XdsState {
        &self.state
    }

    /// How this type is asked for to begin with; names follow by [`Self::take_changes`].
    pub(crate) fn interest(&self, kind: ResourceKind, source: &Source) -> Interest {
        match self.wanted.source(kind) {
            Some(wanted) if wanted == source => Interest::Wildcard,
            Some(_) | None => Interest::Names(BTreeSet::new()),
        }
    }

    /// Feeds, other than those of the aggregated stream, that came to be wanted since this was last asked.
    pub(crate) fn take_new_feeds(&mut self) -> Vec<Feed> {
        self.feeds.take_new()
    }

    /// Names that came to be wanted or are not wanted any more since this was last asked. What nobody names is let go.
    pub(crate) fn take_changes(&mut self, kind: ResourceKind, source: &Source) -> NameChanges {
        let changes = self.feeds.take_changes(kind, source);
        for name in &changes.removed {
            self.state.record_removed(kind, name);
            match kind {
                ResourceKind::Route => self.stores.routes.forget(source, name),
                ResourceKind::Secret => self.stores.secrets.forget(source, name),
                ResourceKind::Endpoint => self.assignments.forget(source, name),
                ResourceKind::Cluster
                | ResourceKind::Listener
                | ResourceKind::VirtualHost
                | ResourceKind::ExtensionConfig
                | ResourceKind::NameTable => {}
            }
        }
        changes
    }

    /// Applies one response; what is refused is left out, the rest takes effect.
    pub(crate) fn apply(&mut self, source: &Source, mut response: Response) -> Outcome {
        let mut outcome = Outcome::default();
        let kind = response.kind;
        if matches!(kind, ResourceKind::Cluster | ResourceKind::Listener)
            && !self.asks_for(kind, source)
        {
            response.complete = false; // nothing that is there came from here
            response.removed.clear();
        }
        let mut missing = match response.complete {
            true => self.known(kind).clone(),
            false => BTreeSet::new(),
        };
        let mut seen = HashSet::with_capacity(response.resources.len());
        let alone = response.resources.len() == 1;
        for incoming in response.resources {
            let version = Arc::clone(&incoming.version);
            match self.apply_one((kind, alone), source, incoming, &mut seen) {
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
        if outcome
            .rejected
            .iter()
            .any(|refused| refused.name.is_empty())
        {
            missing.clear(); // any of them may be the one that cannot be read
        }
        for name in &response.removed {
            self.remove(kind, name);
        }
        for name in &missing {
            self.remove(kind, name);
        }
        if !outcome.rejected.is_empty() {
            self.stores.routes.sweep();
            self.stores.secrets.sweep();
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
        (kind, alone): (ResourceKind, bool),
        source: &Source,
        incoming: Incoming,
        seen: &mut HashSet<Arc<str>>,
    ) -> Result<Arc<str>, Rejected> {
        let Incoming {
            name: envelope,
            version: _, // recorded by the caller
            body,
        } = incoming;
        let stores = &self.stores;
        let mut named = |name: &Arc<str>| check_name(name, &envelope, seen);
        let applied = match kind {
            ResourceKind::Cluster if self.asks_for(kind, source) => convert::cluster(&body, stores)
                .and_then(|cluster| named(&cluster.config.name).map(|()| cluster))
                .and_then(|cluster| self.take_cluster(Arc::new(cluster))),
            ResourceKind::Listener if self.asks_for(kind, source) => {
                convert::listener(&body, stores)
                    .and_then(|listener| named(&listener.name).map(|()| listener))
                    .and_then(|listener| self.take_listener(Arc::new(listener)))
            }
            ResourceKind::Endpoint => convert::endpoints(&body, stores)
                .and_then(|(service, set)| named(&service).map(|()| (service, set)))
                .map(|(service, set)| self.take_endpoints(source, service, set)),
            ResourceKind::Route => convert::routes(source, &body, alone, stores)
                .and_then(|table| named(&table.name).map(|()| table))
                .map(|table| self.take_routes(source, table)),
            ResourceKind::Secret => convert::secret(&body, stores)
                .and_then(|secret| named(&secret.name).map(|()| secret))
                .map(|secret| self.take_secret(source, secret)),
            ResourceKind::Cluster
            | ResourceKind::Listener
            | ResourceKind::VirtualHost
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => {
                Err((String::new(), "this type was not asked for".to_owned()))
            }
        };
        applied.map_err(|(name, reason): Refusal| Rejected {
            kind,
            name: if name.is_empty() { envelope } else { name },
            reason,
        })
    }

    fn asks_for(&self, kind: ResourceKind, source: &Source) -> bool {
        self.wanted.source(kind) == Some(source)
    }

    /// Nothing but what was asked for there: no stream replaces the workload's own identity or another stream's secret.
    fn take_secret(&mut self, source: &Source, secret: convert::NamedSecret) -> Arc<str> {
        let convert::NamedSecret {
            name,
            secret,
            files,
        } = secret;
        self.named.log(&self.stores.secrets.not_honoured());
        if self.feeds.has(ResourceKind::Secret, source, &name) {
            let cell = self.stores.secrets.cell_from(source, &name);
            cell.set(secret);
            self.stores.secrets.follow_files(&cell, files);
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

/// A resource is called what its envelope says, and is the first of that name in its response.
fn check_name(
    name: &Arc<str>,
    envelope: &str,
    seen: &mut HashSet<Arc<str>>,
) -> Result<(), Refusal> {
    let refused = |reason: String| Err((name.to_string(), reason));
    if !envelope.is_empty() && *envelope != **name {
        return refused(format!(
            "the server sent it under the name {envelope:?}; both must be the same"
        ));
    }
    if !seen.insert(Arc::clone(name)) {
        return refused("it stands twice in one response; the first was taken".to_owned());
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
