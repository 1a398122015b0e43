//! One service as a class of proxies sees it.

use crate::model::authn::Identity;
use crate::model::endpoint::{Endpoint, EndpointSet};
use crate::model::route::VirtualService;
use crate::model::service::{Location, Resolution, Service, ServicePort};
use crate::model::traffic_policy::{DestinationRule, PortPolicy, Subset};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One visible service with everything that decides how it is called.
#[derive(Clone, Debug)]
pub struct ScopedService {
    /// The service.
    pub service: Arc<Service>,
    /// Its endpoints; `None` where none are known.
    pub endpoints: Option<Arc<EndpointSet>>,
    /// The rules that replace its default routes.
    pub rules: Option<Arc<VirtualService>>,
    /// How it is to be treated.
    pub policy: Option<Arc<DestinationRule>>,
    /// The workload may call it by its own name; else only rules lead there.
    pub listed: bool,
}

impl ScopedService {
    /// Whether nothing that decides how it is called is different.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(one: &Option<Arc<T>>, other: &Option<Arc<T>>) -> bool {
            match (one, other) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
                (None, Some(_)) | (Some(_), None) => false,
            }
        }
        (Arc::ptr_eq(&self.service, &other.service) || self.service == other.service)
            && same(&self.endpoints, &other.endpoints)
            && same(&self.rules, &other.rules)
            && same(&self.policy, &other.policy)
            && self.listed == other.listed
    }

    /// The ports that the mesh carries.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &ServicePort> {
        self.service
            .ports
            .iter()
            .filter(|port| port.protocol.is_carried())
    }

    /// All its endpoints, ready or not.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        self.endpoints.as_deref().map_or(&[], |set| &set.endpoints)
    }

    /// Its endpoints in a subset.
    pub(crate) fn endpoints_of<'a>(
        &'a self,
        subset: Option<&'a Subset>,
    ) -> impl Iterator<Item = &'a Endpoint> {
        self.endpoints().iter().filter(move |endpoint| {
            subset.is_none_or(|subset| subset.labels.selects(&endpoint.labels))
        })
    }

    /// The subsets that rules may name.
    pub(crate) fn subsets(&self) -> &[Subset] {
        self.policy.as_deref().map_or(&[], |policy| &policy.subsets)
    }

    /// How a port of it, or of a subset of it, is to be treated.
    pub(crate) fn policy_of(&self, subset: Option<&Subset>, port: u16) -> PortPolicy {
        self.policy
            .as_deref()
            .map(|policy| policy.effective(subset, port))
            .unwrap_or_default()
    }

    /// The identities that its endpoints may prove, sorted.
    ///
    /// Endpoints without sidecar count too: they may get one without any other change to the service.
    pub(crate) fn identities(&self) -> Vec<Identity> {
        let known = self
            .endpoints()
            .iter()
            .filter(|endpoint| !endpoint.service_account.is_empty());
        let identities: BTreeSet<_> = known
            .map(|endpoint| Identity {
                namespace: endpoint.namespace.clone(),
                service_account: endpoint.service_account.clone(),
            })
            .collect();
        identities.into_iter().collect()
    }

    /// Clients pick the endpoint themselves, by its address: headless services, and `resolution: NONE`.
    pub(crate) fn client_picks(&self) -> bool {
        self.service.headless || self.service.resolution == Resolution::None
    }

    /// Whether mesh TLS may be spoken to it at all.
    pub(crate) fn in_mesh(&self) -> bool {
        self.service.location == Location::MeshInternal
    }
}
