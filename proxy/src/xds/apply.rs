//! The order in which resources take effect. A cluster that waits for its endpoints and a listener that waits for its
//! routes or secrets are warm before they replace what serves; a resource that is refused leaves the good one in place.
//!
//! Source: Envoy, *xDS REST and gRPC protocol* (resource warming, eventual consistency) and *Cluster manager*.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use futures_util::future::select_all;
use tokio::time::{Duration, Instant};
use tracing::info;
use xds_proto::resource::ResourceKind;

use super::response::{Incoming, Response};
use super::state::XdsState;
use super::subscription::Interest;
use crate::cluster::{Cluster, Clusters, Discovery, EndpointSet, dns};
use crate::config::not_honoured::NamedFields;
use crate::http::route::Routes;
use crate::lifecycle::{Lifecycle, Phase};
use crate::listener::{Listener, Listeners, Sockets};
use crate::secret::{SecretCell, Secrets};

pub(crate) mod convert;
mod fixed;
mod warming;

use warming::Warming;

/// How long something may stay cold before it takes effect as it is (Envoy's default `initial_fetch_timeout`).
const WARMING_LIMIT: Duration = Duration::from_secs(15);

/// How often clusters that wait for addresses are looked at.
const LOOK: Duration = Duration::from_millis(50);

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
    cold_clusters: BTreeMap<Arc<str>, Warming<Arc<Cluster>>>,
    /// The last endpoints of each name that clusters ask for; a new cluster of that name starts with them.
    endpoints: BTreeMap<Arc<str>, EndpointSet>,
    cold_listeners: BTreeMap<Arc<str>, Warming<Arc<Listener>>>,
    named: NamedFields,
}

/// Which types the bootstrap asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) listeners: bool,
    pub(crate) clusters: bool,
}

/// What became of a response.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) accepted: Vec<(Arc<str>, String)>,
    pub(crate) rejected: Vec<Rejected>,
}

/// A resource that was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) kind: ResourceKind,
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.kind.short_name(),
            self.name,
            self.reason
        )
    }
}

impl Applier {
    pub(crate) fn new(
        stores: Stores,
        state: XdsState,
        wanted: Wanted,
        lifecycle: Lifecycle,
    ) -> Self {
        Self {
            stores,
            state,
            wanted,
            lifecycle,
            clusters: BTreeSet::new(),
            listeners: BTreeSet::new(),
            cold_clusters: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            cold_listeners: BTreeMap::new(),
            named: NamedFields::default(),
        }
    }

    pub(crate) fn state(&self) -> &XdsState {
        &self.state
    }

    /// What should be subscribed to now.
    pub(crate) fn interest(&self, kind: ResourceKind) -> Interest {
        let nothing = Interest::Names(BTreeSet::new());
        match kind {
            ResourceKind::Cluster if self.wanted.clusters => Interest::Wildcard,
            ResourceKind::Listener if self.wanted.listeners => Interest::Wildcard,
            ResourceKind::Cluster | ResourceKind::Listener => nothing,
            ResourceKind::Endpoint => Interest::Names(self.endpoint_names()),
            ResourceKind::Route => Interest::Names(self.route_names()),
            ResourceKind::Secret => Interest::Names(self.secret_names()),
            ResourceKind::VirtualHost | ResourceKind::ExtensionConfig | ResourceKind::NameTable => {
                nothing
            }
        }
    }

    /// Applies one response; what is refused is left out, the rest takes effect.
    pub(crate) fn apply(&mut self, response: Response) -> Outcome {
        let mut outcome = Outcome::default();
        let kind = response.kind;
        let mut present = BTreeSet::new();
        for incoming in response.resources {
            let version = incoming.version.clone();
            match self.apply_one(kind, incoming) {
                Ok(name) => {
                    present.insert(name.clone());
                    self.state.record_applied(kind, name.clone(), &version);
                    outcome.accepted.push((name, version));
                }
                Err(rejected) => {
                    present.insert(Arc::from(rejected.name.as_str()));
                    self.state.record_refused(
                        kind,
                        rejected.name.as_str().into(),
                        &version,
                        &rejected.reason,
                    );
                    outcome.rejected.push(rejected);
                }
            }
        }
        for name in &response.removed {
            self.remove(kind, name);
        }
        if response.complete {
            for name in self
                .known(kind)
                .difference(&present)
                .cloned()
                .collect::<Vec<_>>()
            {
                self.remove(kind, &name);
            }
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

    fn apply_one(&mut self, kind: ResourceKind, incoming: Incoming) -> Result<Arc<str>, Rejected> {
        let refuse = |(name, reason): (String, String)| Rejected {
            kind,
            name: if name.is_empty() {
                incoming.name.clone()
            } else {
                name
            },
            reason,
        };
        match kind {
            ResourceKind::Cluster => {
                let cluster = convert::cluster(&incoming.body, &self.stores).map_err(refuse)?;
                self.refuse_static(kind, &cluster.config.name)
                    .map_err(refuse)?;
                Ok(self.take_cluster(Arc::new(cluster)))
            }
            ResourceKind::Listener => {
                let listener = convert::listener(&incoming.body, &self.stores).map_err(refuse)?;
                self.refuse_static(kind, &listener.name).map_err(refuse)?;
                let name = listener.name.to_string();
                self.stores
                    .sockets
                    .bind(&listener)
                    .map_err(|error| refuse((name, error.to_string())))?;
                Ok(self.take_listener(Arc::new(listener)))
            }
            ResourceKind::Endpoint => self.take_endpoints(&incoming).map_err(refuse),
            ResourceKind::Route => {
                let table = convert::routes(&incoming.body, &self.stores).map_err(refuse)?;
                self.named.log(&table.not_honoured);
                let name = table.name.clone();
                self.stores.routes.apply(&name, Some(Arc::new(table)));
                Ok(name)
            }
            ResourceKind::Secret => {
                let (name, secret) =
                    convert::secret(&incoming.body, &self.stores).map_err(refuse)?;
                self.stores.secrets.apply(&name, secret);
                Ok(name)
            }
            ResourceKind::VirtualHost | ResourceKind::ExtensionConfig | ResourceKind::NameTable => {
                Err(refuse((
                    String::new(),
                    "this type was not asked for".to_owned(),
                )))
            }
        }
    }

    fn take_cluster(&mut self, cluster: Arc<Cluster>) -> Arc<str> {
        self.named.log(&cluster.config.not_honoured);
        let name = cluster.config.name.clone();
        self.clusters.insert(name.clone());
        let serving = self.stores.clusters.get(&name);
        if serving
            .as_ref()
            .is_some_and(|serving| serving.config.raw == cluster.config.raw)
        {
            self.cold_clusters.remove(&name); // back to what serves
            return name;
        }
        if let Some(known) = eds_name(&cluster).and_then(|service| self.endpoints.get(service)) {
            cluster.apply_endpoints(known.clone());
        }
        tokio::task::spawn_local(dns::run(Arc::downgrade(&cluster)));
        self.cold_clusters
            .insert(name.clone(), Warming::new(cluster));
        name
    }

    fn take_listener(&mut self, listener: Arc<Listener>) -> Arc<str> {
        self.named.log(&listener.not_honoured);
        let name = listener.name.clone();
        self.listeners.insert(name.clone());
        if self
            .stores
            .listeners
            .get(&name)
            .is_some_and(|serving| serving.raw == listener.raw)
        {
            self.cold_listeners.remove(&name);
        } else {
            self.cold_listeners
                .insert(name.clone(), Warming::new(listener));
        }
        name
    }

    fn take_endpoints(&mut self, incoming: &Incoming) -> Result<Arc<str>, (String, String)> {
        let (service, set) = convert::endpoints(&incoming.body, &self.stores)?;
        let serving = self
            .clusters
            .iter()
            .filter_map(|name| self.stores.clusters.get(name));
        let cold = self
            .cold_clusters
            .values()
            .map(|warming| warming.value.clone());
        for cluster in serving
            .chain(cold)
            .filter(|cluster| eds_name(cluster) == Some(&service))
        {
            cluster.apply_endpoints(set.clone());
        }
        self.endpoints.insert(service.clone(), set);
        Ok(service)
    }

    fn remove(&mut self, kind: ResourceKind, name: &str) {
        self.state.record_removed(kind, name);
        match kind {
            ResourceKind::Cluster if self.clusters.remove(name) => {
                self.cold_clusters.remove(name);
                self.stores.clusters.apply([(Arc::from(name), None)]);
                let wanted = self.endpoint_names();
                self.endpoints.retain(|service, _| wanted.contains(service));
            }
            ResourceKind::Listener if self.listeners.remove(name) => {
                self.cold_listeners.remove(name);
                self.stores.listeners.apply(&Arc::from(name), None);
            }
            // routes, endpoints and secrets end with the listener or cluster that names them, not before
            ResourceKind::Cluster
            | ResourceKind::Listener
            | ResourceKind::Endpoint
            | ResourceKind::Route
            | ResourceKind::VirtualHost
            | ResourceKind::Secret
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => {}
        }
    }

    /// Lets go of route tables and endpoints that no listener or cluster names any more.
    pub(crate) fn forget_unnamed(&self) {
        let routes = self.route_names();
        self.stores.routes.retain(&routes);
        self.state.retain(ResourceKind::Route, &routes);
        let endpoints = self.endpoint_names();
        self.state.retain(ResourceKind::Endpoint, &endpoints);
    }

    /// Puts in force what has become warm, clusters first.
    pub(crate) fn settle(&mut self) {
        let now = Instant::now();
        let secrets = |cluster: &Cluster| cluster.config.secrets().all(|cell| cell.is_ready());
        let warm = |name: &Arc<str>, warming: &mut Warming<Arc<Cluster>>| {
            warming.is_over(now, name) || (warming.value.is_warm() && secrets(&warming.value))
        };
        let ready: Vec<_> = self.cold_clusters.extract_if(.., warm).collect();
        if !ready.is_empty() {
            self.stores.clusters.apply(
                ready
                    .into_iter()
                    .map(|(name, warming)| (name, Some(warming.value))),
            );
        }
        let warm = |name: &Arc<str>, warming: &mut Warming<Arc<Listener>>| {
            warming.is_over(now, name) || is_complete(&warming.value)
        };
        let ready: Vec<_> = self.cold_listeners.extract_if(.., warm).collect();
        for (name, warming) in ready {
            info!("xds: listener {name} is in force");
            self.stores.listeners.apply(&name, Some(warming.value));
        }
        self.go_live();
    }

    /// The proxy is live once a first answer of each type that it asks for is in force.
    fn go_live(&self) {
        let answered = |wanted: bool, kind| !wanted || self.state.has_answer(kind);
        if answered(self.wanted.clusters, ResourceKind::Cluster)
            && answered(self.wanted.listeners, ResourceKind::Listener)
            && self.cold_clusters.is_empty()
            && self.cold_listeners.is_empty()
        {
            self.lifecycle.advance(Phase::Live);
        }
    }

    /// Waits until [`Self::settle`] may find something to do: a secret arrived, or a time limit passed.
    pub(crate) async fn wake(&self) {
        let cells = self.cold_secrets();
        let deadlines = self.cold_clusters.values().map(|warming| warming.until);
        let deadline = deadlines
            .chain(self.cold_listeners.values().map(|warming| warming.until))
            .min();
        let Some(deadline) = deadline else {
            return std::future::pending().await;
        };
        // names resolve without telling anybody
        let names = self
            .cold_clusters
            .values()
            .any(|warming| !warming.value.is_warm());
        let look = if names {
            deadline.min(Instant::now() + LOOK)
        } else {
            deadline
        };
        let arrivals: Vec<_> = cells.iter().map(|cell| Box::pin(cell.ready())).collect();
        tokio::select! {
            () = tokio::time::sleep_until(look) => {}
            () = async {
                match arrivals.is_empty() {
                    true => std::future::pending().await,
                    false => drop(select_all(arrivals).await),
                }
            } => {}
        }
    }

    fn cold_secrets(&self) -> Vec<Arc<SecretCell>> {
        let clusters = self
            .cold_clusters
            .values()
            .flat_map(|warming| warming.value.config.secrets());
        let listeners = self
            .cold_listeners
            .values()
            .flat_map(|warming| warming.value.secrets());
        clusters
            .chain(listeners)
            .filter(|cell| !cell.is_ready())
            .cloned()
            .collect()
    }

    fn endpoint_names(&self) -> BTreeSet<Arc<str>> {
        let serving = self
            .clusters
            .iter()
            .filter_map(|name| self.stores.clusters.get(name));
        let cold = self
            .cold_clusters
            .values()
            .map(|warming| warming.value.clone());
        serving
            .chain(cold)
            .filter_map(|cluster| eds_name(&cluster).cloned())
            .collect()
    }

    fn live_listeners(&self) -> Vec<Arc<Listener>> {
        let snapshot = self.stores.listeners.snapshot();
        let cold = self
            .cold_listeners
            .values()
            .map(|warming| warming.value.clone());
        snapshot.values().cloned().chain(cold).collect()
    }

    fn route_names(&self) -> BTreeSet<Arc<str>> {
        self.live_listeners()
            .iter()
            .flat_map(|listener| {
                listener
                    .route_handles()
                    .map(|handle| Arc::from(handle.name()))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Secrets that are to come over this stream.
    fn secret_names(&self) -> BTreeSet<Arc<str>> {
        self.stores.secrets.over_ads()
    }
}

/// Whether all that a listener names has come.
fn is_complete(listener: &Listener) -> bool {
    listener
        .route_handles()
        .all(|handle| handle.load().is_some())
        && listener.secrets().all(|cell| cell.is_ready())
}

fn eds_name(cluster: &Cluster) -> Option<&Arc<str>> {
    match &cluster.config.discovery {
        Discovery::Eds(service) => Some(service),
        Discovery::Static
        | Discovery::StrictDns(_)
        | Discovery::LogicalDns(_)
        | Discovery::OriginalDst(_) => None,
    }
}

#[cfg(test)]
mod tests;
