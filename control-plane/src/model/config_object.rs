//! What registries deliver: one object, typed.

use super::authn::PeerAuthentication;
use super::authz::Closed;
use super::namespace::{Namespace, ServiceAccount};
use super::route::VirtualService;
use super::service::Service;
use super::service_entry::{EndpointSlice, ServiceEntry};
use super::traffic_policy::DestinationRule;
use super::workload::Workload;
use super::{Kind, Object};

/// One object as a registry delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigObject {
    /// A Kubernetes service.
    Service(Service),
    /// An endpoint slice.
    EndpointSlice(EndpointSlice),
    /// A pod or a workload entry.
    Workload(Workload),
    /// A service account.
    ServiceAccount(ServiceAccount),
    /// A namespace.
    Namespace(Namespace),
    /// A service entry.
    ServiceEntry(ServiceEntry),
    /// A virtual service.
    VirtualService(VirtualService),
    /// A destination rule.
    DestinationRule(DestinationRule),
    /// A peer authentication policy.
    PeerAuthentication(PeerAuthentication),
    /// A security object that is not honoured yet.
    Closed(Closed),
}

impl ConfigObject {
    /// The object's name.
    #[must_use]
    pub fn origin(&self) -> Object {
        match self {
            Self::Service(service) => service.origin.clone(),
            Self::EndpointSlice(slice) => slice.origin.clone(),
            Self::Workload(workload) => workload.origin.clone(),
            Self::ServiceAccount(account) => Object {
                kind: Kind::ServiceAccount,
                namespace: account.namespace.clone(),
                name: account.name.clone(),
            },
            Self::Namespace(namespace) => Object {
                kind: Kind::Namespace,
                namespace: namespace.name.clone(),
                name: namespace.name.clone(),
            },
            Self::ServiceEntry(entry) => entry.origin.clone(),
            Self::VirtualService(rules) => rules.origin.clone(),
            Self::DestinationRule(rule) => rule.origin.clone(),
            Self::PeerAuthentication(policy) => policy.origin.clone(),
            Self::Closed(closed) => closed.origin.clone(),
        }
    }
}
