//! Services by host and by namespace.

use super::shards::Shards;
use crate::model::service::Service;
use crate::model::{Kind, Name, Object};
use std::cmp::Reverse;
use std::sync::Arc;

/// All services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Services {
    by_host: Shards<Arc<[Arc<Service>]>>,
    by_namespace: Shards<Arc<[Arc<Service>]>>,
}

impl Services {
    /// The services with this host, those of Kubernetes first, then the oldest.
    pub(crate) fn with_host(&self, host: &str) -> &[Arc<Service>] {
        self.by_host
            .get(host)
            .map(|services| &**services)
            .unwrap_or_default()
    }

    /// The services that objects of `namespace` declare, sorted by host.
    pub(crate) fn in_namespace(&self, namespace: &str) -> &[Arc<Service>] {
        self.by_namespace
            .get(namespace)
            .map(|services| &**services)
            .unwrap_or_default()
    }

    /// All services, one host after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.by_host
            .iter()
            .flat_map(|(_, services)| services.iter())
    }

    /// What `origin` declares now.
    pub(crate) fn of(&self, origin: &Object) -> Vec<Arc<Service>> {
        let all = self.in_namespace(&origin.namespace).iter();
        all.filter(|service| service.origin == *origin)
            .cloned()
            .collect()
    }

    /// Replaces what `origin` declares.
    pub(crate) fn replace(&mut self, origin: &Object, services: &[Arc<Service>]) {
        for old in self.of(origin) {
            edit(&mut self.by_host, &old.host, |all| {
                all.retain(|service| service.origin != *origin)
            });
        }
        for new in services {
            edit(&mut self.by_host, &new.host, |all| {
                all.push(new.clone());
                all.sort_by_key(|service| precedence(service));
            });
        }
        edit(&mut self.by_namespace, &origin.namespace, |all| {
            all.retain(|service| service.origin != *origin);
            all.extend(services.iter().cloned());
            all.sort_by(|a, b| (&a.host, &a.origin).cmp(&(&b.host, &b.origin)));
        });
    }
}

fn precedence(service: &Service) -> (Reverse<bool>, crate::model::Created, Object) {
    (
        Reverse(service.origin.kind == Kind::Service),
        service.created,
        service.origin.clone(),
    )
}

fn edit(
    map: &mut Shards<Arc<[Arc<Service>]>>,
    key: &Name,
    edit: impl FnOnce(&mut Vec<Arc<Service>>),
) {
    let mut services = map
        .get(key)
        .map(|services| services.to_vec())
        .unwrap_or_default();
    edit(&mut services);
    match services.is_empty() {
        true => map.remove(key),
        false => map.insert(key.clone(), services.into()),
    }
}
