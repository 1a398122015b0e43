//! Workloads by namespace and by address.

use super::shards::Shards;
use crate::model::workload::Workload;
use crate::model::{Name, Object};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// All workloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workloads {
    by_namespace: Shards<Arc<BTreeMap<Object, Arc<Workload>>>>,
    by_ip: Shards<Arc<[Arc<Workload>]>>,
}

impl Workloads {
    /// The workloads of `namespace`, pods first, sorted by name.
    pub(crate) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Workload>> {
        self.by_namespace
            .get(namespace)
            .into_iter()
            .flat_map(|workloads| workloads.values())
    }

    /// The workload that this object declares.
    pub(crate) fn get(&self, object: &Object) -> Option<&Arc<Workload>> {
        self.by_namespace.get(&object.namespace)?.get(object)
    }

    /// The workloads with this address; several pods share that of their host.
    pub(crate) fn with_ip(&self, ip: IpAddr) -> &[Arc<Workload>] {
        self.by_ip
            .get(&key(ip))
            .map(|workloads| &**workloads)
            .unwrap_or_default()
    }

    /// Sets or removes the workload that `object` declares.
    pub(crate) fn replace(&mut self, object: &Object, new: Option<Arc<Workload>>) {
        if let Some(old) = self.get(object).cloned() {
            for ip in old.ips() {
                self.edit_ip(ip, |all| all.retain(|workload| workload.origin != *object));
            }
        }
        let mut namespace = self
            .by_namespace
            .get(&object.namespace)
            .cloned()
            .unwrap_or_default();
        let workloads = Arc::make_mut(&mut namespace);
        match new {
            Some(new) => {
                for ip in new.ips() {
                    self.edit_ip(ip, |all| {
                        all.push(new.clone());
                        all.sort_by(|a, b| a.origin.cmp(&b.origin));
                    });
                }
                workloads.insert(object.clone(), new);
            }
            None => drop(workloads.remove(object)),
        }
        match namespace.is_empty() {
            true => self.by_namespace.remove(&object.namespace),
            false => self
                .by_namespace
                .insert(object.namespace.clone(), namespace),
        }
    }

    fn edit_ip(&mut self, ip: IpAddr, edit: impl FnOnce(&mut Vec<Arc<Workload>>)) {
        let key = key(ip);
        let mut all = self
            .by_ip
            .get(&key)
            .map(|all| all.to_vec())
            .unwrap_or_default();
        edit(&mut all);
        match all.is_empty() {
            true => self.by_ip.remove(&key),
            false => self.by_ip.insert(key, all.into()),
        }
    }
}

fn key(ip: IpAddr) -> Name {
    ip.to_canonical().to_string().into()
}
