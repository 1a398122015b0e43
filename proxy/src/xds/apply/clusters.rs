//! Clusters and their endpoints.

use std::sync::Arc;

use hashbrown::HashMap;
use tokio::time::Instant;

use super::feeds::{Reference, secrets};
use super::{Applier, Need, Refusal};
use crate::cluster::{Cluster, Discovery, EdsRules, EndpointSet, dns};
use crate::config::source::Source;
use xds_proto::resource::ResourceKind;

/// Clusters by the source and the name that their endpoints come under.
#[derive(Debug, Default)]
pub(super) struct Assignments {
    clusters: HashMap<Key, Vec<Arc<Cluster>>>,
    /// Endpoints that no cluster wants any more, until the server hears so: before that it does not send them again.
    left_over: HashMap<Key, Arc<EndpointSet>>,
}

type Key = (Source, Arc<str>);

fn key(eds: &EdsRules) -> Key {
    (eds.source.clone(), Arc::clone(&eds.service))
}

impl Assignments {
    /// A cluster wants its endpoints from now on; it begins with those that a cluster of the same name has or had.
    fn join(&mut self, eds: &EdsRules, cluster: &Arc<Cluster>) {
        let key = key(eds);
        let left_over = self.left_over.remove(&key);
        let group = self.clusters.entry(key).or_default();
        let warm = group.iter().find(|other| other.is_warm());
        if let Some(known) = warm.map(|warm| warm.endpoints()).or(left_over) {
            cluster.apply_endpoints(EndpointSet::clone(&known));
        }
        group.push(Arc::clone(cluster));
    }

    /// A cluster is gone or was replaced.
    fn leave(&mut self, eds: &EdsRules, cluster: &Arc<Cluster>) {
        let key = key(eds);
        let Some(group) = self.clusters.get_mut(&key) else {
            return;
        };
        group.retain(|other| !Arc::ptr_eq(other, cluster));
        if group.is_empty() {
            self.clusters.remove(&key);
            if cluster.is_warm() {
                self.left_over.insert(key, cluster.endpoints());
            }
        }
    }

    /// New endpoints for all clusters that want them, or for the next one that does.
    fn apply(&mut self, key: &Key, set: EndpointSet) {
        if let Some([others @ .., last]) = self.clusters.get(key).map(Vec::as_slice) {
            for cluster in others {
                cluster.apply_endpoints(set.clone());
            }
            last.apply_endpoints(set);
        } else {
            self.left_over.insert(key.clone(), Arc::new(set));
        }
    }

    /// The server hears now that these endpoints are not wanted any more.
    pub(super) fn forget(&mut self, source: &Source, service: &Arc<str>) {
        self.left_over
            .remove(&(source.clone(), Arc::clone(service)));
    }
}

impl Applier {
    pub(super) fn take_cluster(&mut self, cluster: Arc<Cluster>) -> Result<Arc<str>, Refusal> {
        let name = Arc::clone(&cluster.config.name);
        self.refuse_static(ResourceKind::Cluster, &name)?;
        self.named.log(&cluster.config.not_honoured);
        self.clusters.insert(Arc::clone(&name));
        let same = |other: &Arc<Cluster>| other.config.raw == cluster.config.raw;
        if self.stores.clusters.get(&name).as_ref().is_some_and(same) {
            self.stop_warming_cluster(&name); // back to what serves
            return Ok(name);
        }
        if self.cold_clusters.get(&name).is_some_and(same) {
            return Ok(name);
        }
        self.join(&cluster);
        let serves = self.stores.clusters.get(&name).is_some();
        let before = match &cluster.config.discovery {
            Discovery::StrictDns(_) | Discovery::LogicalDns(_) => {
                tokio::task::spawn_local(dns::run(Arc::downgrade(&cluster)));
                self.cold_clusters.insert(&name, cluster, Instant::now()) // names may never resolve
            }
            Discovery::Static | Discovery::Eds(_) | Discovery::OriginalDst(_) if serves => {
                self.cold_clusters.replace(&name, cluster)
            }
            Discovery::Static | Discovery::Eds(_) | Discovery::OriginalDst(_) => {
                self.cold_clusters.insert(&name, cluster, Instant::now())
            }
        };
        if let Some(before) = before {
            self.leave(&before);
        }
        Ok(name)
    }

    pub(super) fn take_endpoints(
        &mut self,
        source: &Source,
        service: Arc<str>,
        set: EndpointSet,
    ) -> Arc<str> {
        self.named.log(&set.not_honoured);
        let service = self.feeds.shared(ResourceKind::Endpoint, source, service);
        let key = (source.clone(), service);
        if self.feeds.has(ResourceKind::Endpoint, &key.0, &key.1) {
            self.assignments.apply(&key, set);
        }
        let (source, service) = key;
        self.cold_clusters
            .met(&Need::Endpoints(source, Arc::clone(&service)));
        service
    }

    pub(super) fn remove_cluster(&mut self, name: &str) {
        if !self.clusters.remove(name) {
            return;
        }
        self.stop_warming_cluster(name);
        if let Some(serving) = self.stores.clusters.get(name) {
            self.leave(&serving);
            self.stores.clusters.apply([(Arc::from(name), None)]);
        }
    }

    fn stop_warming_cluster(&mut self, name: &str) {
        if let Some(cold) = self.cold_clusters.remove(name) {
            self.leave(&cold);
        }
    }

    /// Puts clusters in force in place of those that serve.
    pub(super) fn serve_clusters(&mut self, ready: Vec<(Arc<str>, Arc<Cluster>)>) {
        if ready.is_empty() {
            return;
        }
        for (name, _) in &ready {
            if let Some(replaced) = self.stores.clusters.get(name) {
                self.leave(&replaced);
            }
        }
        let changes = ready.into_iter();
        self.stores
            .clusters
            .apply(changes.map(|(name, cluster)| (name, Some(cluster))));
    }

    /// Wants what a cluster names.
    pub(super) fn join(&mut self, cluster: &Arc<Cluster>) {
        if let Discovery::Eds(eds) = &cluster.config.discovery {
            self.assignments.join(eds, cluster);
        }
        self.feeds.add(references(cluster));
    }

    /// Wants it no more.
    fn leave(&mut self, cluster: &Arc<Cluster>) {
        if let Discovery::Eds(eds) = &cluster.config.discovery {
            self.assignments.leave(eds, cluster);
        }
        self.feeds.drop(references(cluster));
    }
}

/// What a cluster names: its endpoints and its secrets.
fn references(cluster: &Cluster) -> impl Iterator<Item = Reference<'_>> {
    let endpoints = match &cluster.config.discovery {
        Discovery::Eds(eds) => Some(Reference {
            kind: ResourceKind::Endpoint,
            source: &eds.source,
            name: &eds.service,
        }),
        Discovery::Static
        | Discovery::StrictDns(_)
        | Discovery::LogicalDns(_)
        | Discovery::OriginalDst(_) => None,
    };
    endpoints
        .into_iter()
        .chain(secrets(cluster.config.secrets()))
}
