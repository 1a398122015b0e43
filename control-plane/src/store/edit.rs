//! One step from a snapshot to the next: only what an event touches is worked out again.

use super::join::Sources;
use super::snapshot::identities;
use super::sources::Replaced;
use super::{Changes, Store, destination_rules};
use crate::model::endpoint::EndpointSet;
use crate::model::service::Service;
use crate::model::service_entry::EndpointSlice;
use crate::model::workload::Workload;
use crate::model::{ConfigObject, Created, Kind, Labels, Name, Object};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) struct Edit<'a> {
    store: &'a mut Store,
    changes: Changes,
    /// Declarations of services whose services or endpoints must be worked out again.
    dirty: BTreeSet<Object>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(store: &'a mut Store) -> Self {
        Self {
            store,
            changes: Changes::default(),
            dirty: BTreeSet::new(),
        }
    }

    /// Takes what is different in the objects; returns what is different in the world.
    pub(super) fn run(mut self, replaced: Vec<Replaced>) -> Changes {
        for one in &replaced {
            self.replace(one);
        }
        self.services();
        self.changes
    }

    fn replace(&mut self, replaced: &Replaced) {
        let Replaced { object, old, new } = replaced;
        let (before, after) = (old.as_ref(), new.as_ref());
        match object.kind {
            Kind::Service | Kind::ServiceEntry => drop(self.dirty.insert(object.clone())),
            Kind::EndpointSlice => [before, after]
                .into_iter()
                .flatten()
                .for_each(|slice| self.touch_slice(slice)),
            Kind::Pod | Kind::WorkloadEntry => self.workload(object, before, after),
            Kind::ServiceAccount => self.service_account(object, new.is_some()),
            Kind::Namespace => self.namespace(object, after),
            Kind::VirtualService => self.virtual_service(object, after),
            Kind::DestinationRule => self.destination_rule(object, before, after),
            Kind::PeerAuthentication => self.peer_authentication(object, after),
            Kind::Sidecar => self.sidecar(object, after),
            Kind::AuthorizationPolicy | Kind::RequestAuthentication => self.closed(object, after),
        }
    }

    fn touch_slice(&mut self, slice: &ConfigObject) {
        let slice = slice.as_endpoint_slice();
        self.dirty.extend(slice.map(|slice| service_of(slice)));
    }

    fn workload(
        &mut self,
        object: &Object,
        old: Option<&ConfigObject>,
        new: Option<&ConfigObject>,
    ) {
        for workload in [old, new]
            .into_iter()
            .flatten()
            .filter_map(ConfigObject::as_workload)
        {
            self.touch_selecting(workload);
        }
        let new = new.and_then(ConfigObject::as_workload).cloned();
        self.store.snapshot.workloads.replace(object, new);
        self.changes.workloads.insert(object.clone());
    }

    /// Marks what selects or names a workload.
    fn touch_selecting(&mut self, workload: &Workload) {
        let picks = |selector: &Labels| !selector.is_empty() && selector.selects(&workload.labels);
        let names = |slice: &EndpointSlice| {
            slice
                .endpoints
                .iter()
                .any(|endpoint| endpoint.pod == *workload.name() || endpoint.pod.is_empty())
        };
        let all = |kind| self.store.objects.in_namespace(kind, workload.namespace());
        let services = all(Kind::Service).filter_map(ConfigObject::as_service);
        let entries = all(Kind::ServiceEntry).filter_map(ConfigObject::as_service_entry);
        let slices = all(Kind::EndpointSlice).filter_map(ConfigObject::as_endpoint_slice);
        let dirty: Vec<Object> = services
            .filter(|service| picks(&service.selector))
            .map(|service| service.origin.clone())
            .chain(
                entries
                    .filter(|entry| entry.workload_selector.as_ref().is_some_and(picks))
                    .map(|entry| entry.origin.clone()),
            )
            .chain(
                slices
                    .filter(|slice| names(slice))
                    .map(|slice| service_of(slice)),
            )
            .collect();
        self.dirty.extend(dirty);
    }

    fn service_account(&mut self, object: &Object, present: bool) {
        let accounts = Arc::make_mut(&mut self.store.snapshot.service_accounts);
        let key = (object.namespace.clone(), object.name.clone());
        match present {
            true => accounts.insert(key),
            false => accounts.remove(&key),
        };
        self.changes.namespaces.insert(object.namespace.clone());
    }

    fn namespace(&mut self, object: &Object, new: Option<&ConfigObject>) {
        let namespaces = Arc::make_mut(&mut self.store.snapshot.namespaces);
        match new.and_then(ConfigObject::as_namespace) {
            Some(new) => drop(namespaces.insert(object.name.clone(), new.clone())),
            None => drop(namespaces.remove(&object.name)),
        }
        self.changes.namespaces.insert(object.name.clone());
    }

    fn virtual_service(&mut self, object: &Object, new: Option<&ConfigObject>) {
        let new = new.and_then(ConfigObject::as_virtual_service).cloned();
        let index = &mut self.store.snapshot.virtual_services;
        let routes = &mut self.changes.routes;
        let mut touched: Vec<_> = [index.get(object).cloned(), new.clone()]
            .into_iter()
            .flatten()
            .collect();
        touched.extend(index.delegating_to(object).cloned());
        index.replace(object, new);
        routes.extend(touched.iter().flat_map(|rules| rules.hosts.iter().cloned()));
        // A delegate that nobody refers to changes no route.
    }

    fn destination_rule(
        &mut self,
        object: &Object,
        old: Option<&ConfigObject>,
        new: Option<&ConfigObject>,
    ) {
        let index = &mut self.store.snapshot.destination_rules;
        if let Some(old) = old.and_then(ConfigObject::as_destination_rule) {
            destination_rules::replace(index, &old.host, object, None);
            self.changes.destination_rules.insert(old.host.clone());
        }
        if let Some(new) = new.and_then(ConfigObject::as_destination_rule) {
            destination_rules::replace(index, &new.host, object, Some(new.clone()));
            self.changes.destination_rules.insert(new.host.clone());
        }
    }

    fn peer_authentication(&mut self, object: &Object, new: Option<&ConfigObject>) {
        let policies = Arc::make_mut(&mut self.store.snapshot.policies);
        policies.authentication.remove(object);
        policies.closed.remove(object);
        if let Some(new) = new.and_then(ConfigObject::as_peer_authentication) {
            policies.authentication.insert(object.clone(), new.clone());
        } else if let Some(broken) = new.and_then(ConfigObject::as_closed) {
            policies.closed.insert(object.clone(), broken.clone());
        }
        self.changes.policies.insert(object.clone());
    }

    fn sidecar(&mut self, object: &Object, new: Option<&ConfigObject>) {
        let policies = Arc::make_mut(&mut self.store.snapshot.policies);
        match new.and_then(ConfigObject::as_sidecar) {
            Some(new) => drop(policies.sidecars.insert(object.clone(), new.clone())),
            None => drop(policies.sidecars.remove(object)),
        }
        self.changes.policies.insert(object.clone());
    }

    fn closed(&mut self, object: &Object, new: Option<&ConfigObject>) {
        let policies = Arc::make_mut(&mut self.store.snapshot.policies);
        policies.closed.remove(object);
        if let Some(new) = new.and_then(ConfigObject::as_closed) {
            policies.closed.insert(object.clone(), new.clone());
        }
        self.changes.policies.insert(object.clone());
    }

    /// Works out the services and endpoints of everything that is dirty.
    fn services(&mut self) {
        while !self.dirty.is_empty() {
            let mut dirty: Vec<(Created, Object)> = std::mem::take(&mut self.dirty)
                .into_iter()
                .map(|object| (self.created(&object), object))
                .collect();
            // The oldest choose their addresses first, so that a restart gives the same ones.
            dirty.sort();
            for (_, object) in dirty {
                self.declaration(&object);
            }
            self.dirty = self.store.addresses.take_displaced();
        }
    }

    fn declared(&self, object: &Object) -> Vec<Arc<Service>> {
        let Some(object) = self.store.objects.get(object) else {
            return Vec::new();
        };
        match (object.as_service(), object.as_service_entry()) {
            (Some(service), _) => vec![service.clone()],
            (None, Some(entry)) => entry.services.iter().cloned().map(Arc::new).collect(),
            (None, None) => Vec::new(),
        }
    }

    fn created(&self, object: &Object) -> Created {
        self.declared(object)
            .first()
            .map(|service| service.created)
            .unwrap_or_default()
    }

    fn declaration(&mut self, object: &Object) {
        let old = self.store.snapshot.services.of(object);
        let declared = self.declared(object);
        let addressed = |service: Arc<Service>| {
            let addresses = self.store.addresses.claim(&service);
            match addresses == service.addresses {
                true => service,
                false => Arc::new(Service {
                    addresses,
                    ..Service::clone(&service)
                }),
            }
        };
        let new: Vec<Arc<Service>> = declared.into_iter().map(addressed).collect();
        if old != new {
            self.store.addresses.release(&old, &new);
            let differing = old
                .iter()
                .filter(|one| !new.contains(one))
                .chain(new.iter().filter(|one| !old.contains(one)));
            self.changes
                .services
                .extend(differing.map(|service| service.host.clone()));
            self.store.snapshot.services.replace(object, &new);
        }
        for service in old
            .iter()
            .filter(|old| new.iter().all(|new| new.host != old.host))
        {
            self.endpoints(service, None);
        }
        for service in &new {
            let set = self.join(object, service);
            self.endpoints(service, Some(set));
        }
    }

    fn join(&self, object: &Object, service: &Service) -> EndpointSet {
        let slices = match object.kind == Kind::Service {
            true => self.slices(object),
            false => Vec::new(),
        };
        let sources = Sources {
            workloads: &self.store.snapshot.workloads,
            slices,
        };
        match self
            .store
            .objects
            .get(object)
            .and_then(ConfigObject::as_service_entry)
        {
            Some(entry) => sources.of_entry(service, entry),
            None => sources.of_service(service),
        }
    }

    fn slices(&self, service: &Object) -> Vec<Arc<EndpointSlice>> {
        let all = self
            .store
            .objects
            .in_namespace(Kind::EndpointSlice, &service.namespace);
        all.filter_map(ConfigObject::as_endpoint_slice)
            .filter(|slice| slice.service == service.name)
            .cloned()
            .collect()
    }

    fn endpoints(&mut self, service: &Service, new: Option<EndpointSet>) {
        let Service {
            host, namespace, ..
        } = service;
        let index = &mut self.store.snapshot.endpoints;
        let mut sets = index.get(host).cloned().unwrap_or_default();
        let old: Option<Arc<EndpointSet>> = sets.get(namespace).cloned();
        if old.as_deref() == new.as_ref() {
            return;
        }
        if old.as_deref().map(identities).unwrap_or_default()
            != new.as_ref().map(identities).unwrap_or_default()
        {
            self.changes.services.insert(host.clone());
        }
        self.changes.endpoints.insert(host.clone());
        let by_namespace = Arc::make_mut(&mut sets);
        match new {
            Some(new) => drop(by_namespace.insert(namespace.clone(), Arc::new(new))),
            None => drop(by_namespace.remove(namespace)),
        }
        match sets.is_empty() {
            true => index.remove(host),
            false => index.insert(Name::clone(host), sets),
        }
    }
}

fn service_of(slice: &EndpointSlice) -> Object {
    Object {
        kind: Kind::Service,
        namespace: slice.origin.namespace.clone(),
        name: slice.service.clone(),
    }
}
