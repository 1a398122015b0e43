//! What registries deliver: one object, typed.

use super::authn::PeerAuthentication;
use super::authz::Closed;
use super::namespace::{Namespace, ServiceAccount};
use super::route::VirtualService;
use super::service::Service;
use super::service_entry::{EndpointSlice, ServiceEntry};
use super::sidecar::Sidecar;
use super::traffic_policy::DestinationRule;
use super::workload::Workload;
use super::{Kind, Object};
use std::sync::Arc;

/// One object as a registry delivers it; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigObject {
    /// A Kubernetes service.
    Service(Arc<Service>),
    /// An endpoint slice.
    EndpointSlice(Arc<EndpointSlice>),
    /// A pod or a workload entry.
    Workload(Arc<Workload>),
    /// A service account.
    ServiceAccount(Arc<ServiceAccount>),
    /// A namespace.
    Namespace(Arc<Namespace>),
    /// A service entry.
    ServiceEntry(Arc<ServiceEntry>),
    /// A virtual service.
    VirtualService(Arc<VirtualService>),
    /// A destination rule.
    DestinationRule(Arc<DestinationRule>),
    /// A peer authentication policy.
    PeerAuthentication(Arc<PeerAuthentication>),
    /// What a sidecar listens on and may call.
    Sidecar(Arc<Sidecar>),
    /// A security object that is not honoured yet.
    Closed(Arc<Closed>),
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
            Self::Sidecar(sidecar) => sidecar.origin.clone(),
            Self::Closed(closed) => closed.origin.clone(),
        }
    }

    /// The content, if it is a service.
    #[must_use]
    pub fn as_service(&self) -> Option<&Arc<Service>> {
        if let Self::Service(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is an endpoint slice.
    #[must_use]
    pub fn as_endpoint_slice(&self) -> Option<&Arc<EndpointSlice>> {
        if let Self::EndpointSlice(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is a workload.
    #[must_use]
    pub fn as_workload(&self) -> Option<&Arc<Workload>> {
        if let Self::Workload(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is a namespace.
    #[must_use]
    pub fn as_namespace(&self) -> Option<&Arc<Namespace>> {
        if let Self::Namespace(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is a service entry.
    #[must_use]
    pub fn as_service_entry(&self) -> Option<&Arc<ServiceEntry>> {
        if let Self::ServiceEntry(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is a virtual service.
    #[must_use]
    pub fn as_virtual_service(&self) -> Option<&Arc<VirtualService>> {
        if let Self::VirtualService(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is a destination rule.
    #[must_use]
    pub fn as_destination_rule(&self) -> Option<&Arc<DestinationRule>> {
        if let Self::DestinationRule(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is a peer authentication.
    #[must_use]
    pub fn as_peer_authentication(&self) -> Option<&Arc<PeerAuthentication>> {
        if let Self::PeerAuthentication(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is a sidecar.
    #[must_use]
    pub fn as_sidecar(&self) -> Option<&Arc<Sidecar>> {
        if let Self::Sidecar(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// The content, if it is an object that closes workloads.
    #[must_use]
    pub fn as_closed(&self) -> Option<&Arc<Closed>> {
        if let Self::Closed(content) = self {
            Some(content)
        } else {
            None
        }
    }
}
