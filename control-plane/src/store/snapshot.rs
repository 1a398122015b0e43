//! The world at one moment: what generators may look up.

use super::destination_rules::{self, Call, Conventions, DestinationRules};
use super::join::workload_ports;
use super::policies::{Policies, Target};
use super::services::Services;
use super::shards::Shards;
use super::virtual_services::VirtualServices;
use super::workloads::Workloads;
use crate::model::authn::{EffectiveMtls, Identity};
use crate::model::authz::Closed;
use crate::model::endpoint::{EndpointAddress, EndpointPort, EndpointSet};
use crate::model::namespace::{Namespace, ServiceAccount};
use crate::model::route::VirtualService;
use crate::model::service::Service;
use crate::model::sidecar::Sidecar;
use crate::model::traffic_policy::DestinationRule;
use crate::model::workload::Workload;
use crate::model::{Kind, Labels, Name, Object};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use xds_proto::mesh::MeshConfig;

/// What the mesh's settings say about looking things up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// The namespace whose objects hold for all (`rootNamespace`).
    pub root_namespace: Name,
    /// `defaultServiceExportTo`; empty = everyone.
    pub service_export_to: Vec<String>,
    /// `defaultVirtualServiceExportTo`; empty = everyone.
    pub virtual_service_export_to: Vec<String>,
    /// `defaultDestinationRuleExportTo`; empty = everyone.
    pub destination_rule_export_to: Vec<String>,
}

impl Default for Mesh {
    fn default() -> Self {
        Self {
            root_namespace: "istio-system".into(),
            service_export_to: Vec::new(),
            virtual_service_export_to: Vec::new(),
            destination_rule_export_to: Vec::new(),
        }
    }
}

impl From<&MeshConfig> for Mesh {
    fn from(mesh: &MeshConfig) -> Self {
        let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        Self {
            root_namespace: mesh.root_namespace().into(),
            service_export_to: list(&mesh.default_service_export_to),
            virtual_service_export_to: list(&mesh.default_virtual_service_export_to),
            destination_rule_export_to: list(&mesh.default_destination_rule_export_to),
        }
    }
}

/// How often each part of the world has changed: equal numbers, equal contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generations {
    /// Services.
    pub services: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Virtual services.
    pub routes: u64,
    /// Destination rules.
    pub destination_rules: u64,
    /// Policies of workloads.
    pub policies: u64,
    /// Workloads.
    pub workloads: u64,
    /// Namespaces and service accounts.
    pub namespaces: u64,
    /// The mesh's settings.
    pub mesh: u64,
}

/// The world at one moment: immutable, cheap to clone, shares what did not change with its neighbours.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(super) mesh: Arc<Mesh>,
    pub(super) generations: Generations,
    pub(super) services: Services,
    pub(super) endpoints: Shards<Arc<BTreeMap<Name, Arc<EndpointSet>>>>,
    pub(super) virtual_services: VirtualServices,
    pub(super) destination_rules: DestinationRules,
    pub(super) policies: Arc<Policies>,
    pub(super) workloads: Workloads,
    pub(super) namespaces: Arc<BTreeMap<Name, Arc<Namespace>>>,
    pub(super) service_accounts: Arc<BTreeSet<(Name, Name)>>,
}

impl Snapshot {
    /// The mesh's settings.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// How often each part has changed.
    #[must_use]
    pub fn generations(&self) -> Generations {
        self.generations
    }

    /// All services, in no particular order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.iter()
    }

    /// All services with this host, those of Kubernetes first, then the oldest.
    #[must_use]
    pub fn services_with_host(&self, host: &str) -> &[Arc<Service>] {
        self.services.with_host(host)
    }

    /// The services that objects of `namespace` declare, sorted by host.
    #[must_use]
    pub fn services_in(&self, namespace: &str) -> &[Arc<Service>] {
        self.services.in_namespace(namespace)
    }

    /// Whether clients in `client` see the service.
    #[must_use]
    pub fn sees(&self, client: &str, service: &Service) -> bool {
        service
            .export_to
            .shows(client, &service.namespace, &self.mesh.service_export_to)
    }

    /// The service that clients in `client` mean by `host`: of those they see, Kubernetes' own, else the one of
    /// their own namespace, else the oldest.
    #[must_use]
    pub fn service(&self, host: &str, client: &str) -> Option<&Arc<Service>> {
        let seen = || {
            self.services
                .with_host(host)
                .iter()
                .filter(|service| self.sees(client, service))
        };
        let kubernetes = seen().find(|service| service.origin.kind == Kind::Service);
        kubernetes
            .or_else(|| seen().find(|service| *service.namespace == *client))
            .or_else(|| seen().next())
    }

    /// The endpoints of a service.
    #[must_use]
    pub fn endpoints(&self, host: &str, namespace: &str) -> Option<&Arc<EndpointSet>> {
        self.endpoints.get(host)?.get(namespace)
    }

    /// The identities behind a service: what a client may accept from its endpoints. Sorted.
    #[must_use]
    pub fn identities(&self, host: &str, namespace: &str) -> BTreeSet<Identity> {
        self.endpoints(host, namespace)
            .map(|set| identities(set))
            .unwrap_or_default()
    }

    /// The rules that a sidecar in `client` uses for `host`, of those that `imported` admits; a delegate's rules are still to
    /// be put in.
    #[must_use]
    pub fn virtual_service(
        &self,
        host: &str,
        client: &str,
        imported: impl Fn(&VirtualService) -> bool,
    ) -> Option<&Arc<VirtualService>> {
        let visible = |rules: &VirtualService| self.sees_rules(client, rules) && imported(rules);
        self.virtual_services.find(host, visible)
    }

    /// Whether sidecars in `client` may use the rules.
    #[must_use]
    pub fn sees_rules(&self, client: &str, rules: &VirtualService) -> bool {
        rules.applies_to_mesh()
            && rules.export_to.shows(
                client,
                &rules.origin.namespace,
                &self.mesh.virtual_service_export_to,
            )
    }

    /// All virtual services, sorted by namespace and name.
    pub fn virtual_services(&self) -> impl Iterator<Item = &Arc<VirtualService>> {
        self.virtual_services.iter()
    }

    /// The virtual service with this name, for delegation.
    #[must_use]
    pub fn virtual_service_named(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<&Arc<VirtualService>> {
        let object = Object {
            kind: Kind::VirtualService,
            namespace: namespace.into(),
            name: name.into(),
        };
        self.virtual_services.get(&object)
    }

    /// The destination rule that holds for a call.
    #[must_use]
    pub fn destination_rule(&self, call: Call<'_>) -> Option<Arc<DestinationRule>> {
        let conventions = Conventions {
            root: &self.mesh.root_namespace,
            default_export_to: &self.mesh.destination_rule_export_to,
        };
        destination_rules::find(&self.destination_rules, call, conventions)
    }

    /// Whether some client may be told to keep the address that it dialled when it calls this host.
    pub(crate) fn may_pass_through(&self, host: &str) -> bool {
        let candidates = self.destination_rules.candidates(host);
        let mut rules = candidates.iter().flat_map(|rules| rules.iter());
        rules.any(|rule| rule.may_pass_through())
    }

    /// What a workload accepts from its callers.
    #[must_use]
    pub fn mtls(&self, target: Target<'_>) -> EffectiveMtls {
        self.policies.mtls(target, &self.mesh.root_namespace)
    }

    /// The `Sidecar` that holds for a workload.
    #[must_use]
    pub fn sidecar(&self, target: Target<'_>) -> Option<&Arc<Sidecar>> {
        self.policies.sidecar(target, &self.mesh.root_namespace)
    }

    /// What closes a workload; empty = it is open.
    #[must_use]
    pub fn closed(&self, target: Target<'_>) -> Vec<Arc<Closed>> {
        self.policies.closed(target, &self.mesh.root_namespace)
    }

    /// The workload with this name: the pod, else the workload entry.
    #[must_use]
    pub fn workload(&self, namespace: &str, name: &str) -> Option<&Arc<Workload>> {
        [Kind::Pod, Kind::WorkloadEntry]
            .into_iter()
            .find_map(|kind| {
                self.workloads.get(&Object {
                    kind,
                    namespace: namespace.into(),
                    name: name.into(),
                })
            })
    }

    /// The workloads with this address; several pods share that of their host.
    #[must_use]
    pub fn workloads_with_ip(&self, ip: IpAddr) -> &[Arc<Workload>] {
        self.workloads.with_ip(ip)
    }

    /// The workloads of `namespace`, pods first, sorted by name.
    pub fn workloads_in(&self, namespace: &str) -> impl Iterator<Item = &Arc<Workload>> {
        self.workloads.in_namespace(namespace)
    }

    /// The services that lead to a workload, with its ports behind theirs; sorted by host.
    ///
    /// `labels` and `ips` are what the workload says of itself, so that a proxy is served before its pod is known.
    #[must_use]
    pub fn services_of(
        &self,
        target: Target<'_>,
        ips: &[IpAddr],
    ) -> Vec<(Arc<Service>, Vec<EndpointPort>)> {
        let here = |address: &EndpointAddress| matches!(address, EndpointAddress::Ip(ip) if ips.contains(ip));
        let workload = ips
            .iter()
            .flat_map(|ip| self.workloads.with_ip(*ip))
            .find(|w| **w.namespace() == *target.namespace);
        let ports = |service: &Service| -> Option<Vec<EndpointPort>> {
            let endpoints = self.endpoints(&service.host, &service.namespace)?;
            if let Some(endpoint) = endpoints
                .endpoints
                .iter()
                .find(|endpoint| here(&endpoint.address))
            {
                return Some(endpoint.ports.clone());
            }
            let selected = !service.selector.is_empty() && service.selector.selects(target.labels);
            selected.then(|| {
                workload
                    .map(|workload| workload_ports(service, workload))
                    .unwrap_or_default()
            })
        };
        let all = self.services.in_namespace(target.namespace).iter();
        all.filter_map(|service| Some((service.clone(), ports(service)?)))
            .collect()
    }

    /// A namespace, if it was declared.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Arc<Namespace>> {
        self.namespaces.get(name)
    }

    /// All service accounts that were declared.
    pub fn service_accounts(&self) -> impl Iterator<Item = ServiceAccount> {
        let all = self.service_accounts.iter().cloned();
        all.map(|(namespace, name)| ServiceAccount { namespace, name })
    }

    /// Labels for a [`Target`] of a proxy whose workload is not known.
    #[must_use]
    pub fn labels_of(&self, namespace: &str, name: &str) -> Labels {
        self.workload(namespace, name)
            .map(|workload| workload.labels.clone())
            .unwrap_or_default()
    }
}

/// The identities of a set of endpoints.
pub(super) fn identities(set: &EndpointSet) -> BTreeSet<Identity> {
    let known = set
        .endpoints
        .iter()
        .filter(|endpoint| !endpoint.service_account.is_empty());
    known
        .map(|endpoint| Identity {
            namespace: endpoint.namespace.clone(),
            service_account: endpoint.service_account.clone(),
        })
        .collect()
}
