//! What one class of proxies may see: the only input of the generators, and so the key under which their output is kept.
//!
//! Owns the question "who may see what, and by which rules". Knows nothing of Envoy's messages, of streams or of time.

mod class;
mod delegate;
mod imports;
mod inbound;
mod mesh;
mod service;

pub use class::{Families, InboundPort, Interception, ProxyClass};
pub(crate) use inbound::Inbound;
pub use mesh::{AccessLog, AccessLogFormat, MeshSettings, OutboundPolicy, PathNormalization};
pub use service::ScopedService;

use crate::model::Name;
use crate::model::authn::{EffectiveMtls, MtlsMode};
use crate::model::endpoint::Endpoint;
use crate::model::route::VirtualService;
use crate::model::service::Service;
use crate::model::sidecar::{Egress, Sidecar};
use crate::store::{Call, Snapshot, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// What the generators read beside services, of one class of proxies: equal conditions and equal services give equal
/// resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conditions {
    mesh: Arc<MeshSettings>,
    /// Generations of policies, namespaces and the mesh's own settings.
    world: [u64; 3],
}

/// Everything that one class of proxies may see: a view of the world, worked out when it is asked for.
#[derive(Debug)]
pub struct Scope {
    /// Who looks.
    pub(crate) class: ProxyClass,
    /// Settings of the whole mesh.
    pub(crate) mesh: Arc<MeshSettings>,
    /// What the class accepts from its callers.
    pub(crate) mtls: EffectiveMtls,
    /// The class is guarded by objects that are not honoured yet: it refuses everything.
    pub(crate) closed: bool,
    /// What limits the class.
    pub(crate) sidecar: Option<Arc<Sidecar>>,
    /// The ports that the class accepts connections on, sorted by number.
    pub(crate) inbound: Vec<Inbound>,
    world: Snapshot,
    services: OnceLock<BTreeMap<Name, ScopedService>>,
    /// Hosts that rules send to, where a `Sidecar` limits the class.
    destinations: OnceLock<BTreeSet<Name>>,
}

impl Scope {
    /// The view that proxies of `class` have of the world. Cheap: services are looked up when they are asked for.
    #[must_use]
    pub fn of(world: &Snapshot, mesh: &Arc<MeshSettings>, class: &ProxyClass) -> Arc<Self> {
        let own = Target {
            namespace: &class.namespace,
            labels: &class.labels,
        };
        let sidecar = world.sidecar(own);
        Arc::new(Self {
            mtls: world.mtls(own),
            closed: !world.closed(own).is_empty(),
            inbound: inbound::of(class, sidecar.map(|sidecar| &**sidecar)),
            sidecar: sidecar.cloned(),
            class: class.clone(),
            mesh: mesh.clone(),
            world: world.clone(),
            services: OnceLock::new(),
            destinations: OnceLock::new(),
        })
    }

    /// The services that the class may call, sorted by host.
    pub(crate) fn services(&self) -> impl Iterator<Item = &ScopedService> {
        self.reachable().filter(|service| service.listed)
    }

    /// Those, and the ones that only rules lead to; sorted by host.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = &ScopedService> {
        self.services.get_or_init(|| self.all_services()).values()
    }

    /// What resources depend on beside services.
    pub(crate) fn conditions(&self) -> Conditions {
        let generations = self.world.generations();
        Conditions {
            mesh: Arc::clone(&self.mesh),
            world: [
                generations.policies,
                generations.namespaces,
                generations.mesh,
            ],
        }
    }

    /// The reachable service with this host; does not look at any other.
    pub(crate) fn service(&self, host: &str) -> Option<ScopedService> {
        match self.services.get() {
            Some(services) => services.get(host).cloned(),
            None => self.look_up(host),
        }
    }

    /// Rules with hosts that no service has which the class may call, by object, with those hosts.
    pub(crate) fn rules_without_service(&self) -> Vec<(Arc<VirtualService>, Vec<Name>)> {
        let client = &*self.class.namespace;
        let all = self
            .world
            .virtual_services()
            .filter(|rules| !rules.http.is_empty());
        all.filter_map(|rules| {
            // A host belongs to the rules that a client would find for it.
            let mine = |host: &&Name| {
                let service = self.world.service(host, client);
                !host.contains('*')
                    && !service.is_some_and(|service| self.imports(service))
                    && self
                        .rules_of(host)
                        .is_some_and(|found| found.origin == rules.origin)
            };
            let hosts: Vec<Name> = rules.hosts.iter().filter(mine).cloned().collect();
            (!hosts.is_empty()).then(|| (delegate::resolved(&self.world, rules), hosts))
        })
        .collect()
    }

    /// Where traffic to unknown destinations goes. Nothing tells where the workload dialled when nothing is redirected.
    pub(crate) fn outbound_policy(&self) -> OutboundPolicy {
        let allow_any = self.sidecar.as_ref().and_then(|sidecar| sidecar.allow_any);
        match (self.class.interception, allow_any) {
            (Interception::None, _) | (_, Some(false)) => OutboundPolicy::RegistryOnly,
            (_, Some(true)) => OutboundPolicy::AllowAny,
            (_, None) => self.mesh.outbound_policy,
        }
    }

    /// Whether the class may call the service by this listener of its `Sidecar`.
    pub(crate) fn lists(&self, egress: &Egress, service: &Service) -> bool {
        imports::lists(egress, service, &self.class.namespace)
    }

    /// Whether the rules hold for what the class calls by this listener of its `Sidecar`.
    pub(crate) fn lists_rules(&self, egress: &Egress, rules: &VirtualService) -> bool {
        imports::lists_rules(egress, rules, &self.class.namespace)
    }

    /// Whether the class's `Sidecar`, if it has one, lets it call the service.
    fn imports(&self, service: &Service) -> bool {
        self.egress()
            .is_none_or(|all| all.iter().any(|egress| self.lists(egress, service)))
    }

    /// Whether the class's `Sidecar`, if it has one, lets it use the rules.
    fn imports_rules(&self, rules: &VirtualService) -> bool {
        self.egress()
            .is_none_or(|all| all.iter().any(|egress| self.lists_rules(egress, rules)))
    }

    /// What the class is limited to; `None` = nothing limits it.
    fn egress(&self) -> Option<&[Egress]> {
        let egress = self.sidecar.as_deref().map(|sidecar| &*sidecar.egress);
        egress.filter(|egress| !egress.is_empty())
    }

    /// The rules that the class uses for a host, those of delegates still to be put in.
    fn rules_of(&self, host: &str) -> Option<&Arc<VirtualService>> {
        let client = &self.class.namespace;
        self.world
            .virtual_service(host, client, |rules| self.imports_rules(rules))
    }

    /// Whether rules lead to the host from what the class's `Sidecar` lets it use.
    fn is_destination(&self, host: &str) -> bool {
        let all = self.destinations.get_or_init(|| {
            let client = &*self.class.namespace;
            let rules = self
                .world
                .virtual_services()
                .filter(|rules| self.world.sees_rules(client, rules) && self.imports_rules(rules));
            rules
                .flat_map(|rules| imports::destinations(&delegate::resolved(&self.world, rules)))
                .collect()
        });
        all.contains(host)
    }

    /// Whether an endpoint's sidecar accepts mesh TLS on a port: it has one, and no policy switches it off.
    pub(crate) fn accepts_mesh_tls(&self, endpoint: &Endpoint, port: u16) -> bool {
        let server = Target {
            namespace: &endpoint.namespace,
            labels: &endpoint.labels,
        };
        endpoint.mtls && self.world.mtls(server).on_port(port) != MtlsMode::Disable
    }

    fn all_services(&self) -> BTreeMap<Name, ScopedService> {
        let client = &*self.class.namespace;
        let seen = self
            .world
            .services()
            .filter(|service| self.world.sees(client, service))
            .filter(|service| self.imports(service) || self.is_destination(&service.host));
        let mut services = BTreeMap::new();
        for service in seen {
            if !services.contains_key(&service.host)
                && let Some(scoped) = self.look_up(&service.host)
            {
                services.insert(service.host.clone(), scoped);
            }
        }
        services
    }

    fn look_up(&self, host: &str) -> Option<ScopedService> {
        let client = Target {
            namespace: &self.class.namespace,
            labels: &self.class.labels,
        };
        let service = self.world.service(host, client.namespace)?;
        let listed = self.imports(service);
        if !listed && !self.is_destination(host) {
            return None;
        }
        let call = Call {
            client,
            host,
            service_namespace: &service.namespace,
        };
        Some(ScopedService {
            service: service.clone(),
            endpoints: self.world.endpoints(host, &service.namespace).cloned(),
            rules: self
                .rules_of(host)
                .map(|rules| delegate::resolved(&self.world, rules)),
            policy: self.world.destination_rule(call),
            listed,
        })
    }
}
