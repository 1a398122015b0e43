//! References to configuration objects: who said so.

use super::Name;
use std::fmt;

/// The kinds of object that the control plane reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Kubernetes `Service`, v1.
    Service,
    /// Kubernetes `EndpointSlice`, discovery.k8s.io/v1.
    EndpointSlice,
    /// Kubernetes `Pod`, v1.
    Pod,
    /// Kubernetes `ServiceAccount`, v1.
    ServiceAccount,
    /// Kubernetes `Namespace`, v1.
    Namespace,
    /// Istio `ServiceEntry`.
    ServiceEntry,
    /// Istio `WorkloadEntry`.
    WorkloadEntry,
    /// Istio `VirtualService`.
    VirtualService,
    /// Istio `DestinationRule`.
    DestinationRule,
    /// Istio `PeerAuthentication`.
    PeerAuthentication,
    /// Istio `Sidecar`.
    Sidecar,
    /// Istio `AuthorizationPolicy`.
    AuthorizationPolicy,
    /// Istio `RequestAuthentication`.
    RequestAuthentication,
}

impl Kind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 13] = [
        Self::Service,
        Self::EndpointSlice,
        Self::Pod,
        Self::ServiceAccount,
        Self::Namespace,
        Self::ServiceEntry,
        Self::WorkloadEntry,
        Self::VirtualService,
        Self::DestinationRule,
        Self::PeerAuthentication,
        Self::Sidecar,
        Self::AuthorizationPolicy,
        Self::RequestAuthentication,
    ];

    /// The kind as written in YAML (`kind: VirtualService`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Pod => "Pod",
            Self::ServiceAccount => "ServiceAccount",
            Self::Namespace => "Namespace",
            Self::ServiceEntry => "ServiceEntry",
            Self::WorkloadEntry => "WorkloadEntry",
            Self::VirtualService => "VirtualService",
            Self::DestinationRule => "DestinationRule",
            Self::PeerAuthentication => "PeerAuthentication",
            Self::Sidecar => "Sidecar",
            Self::AuthorizationPolicy => "AuthorizationPolicy",
            Self::RequestAuthentication => "RequestAuthentication",
        }
    }

    /// The API group, empty for the Kubernetes core group.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::Service | Self::Pod | Self::ServiceAccount | Self::Namespace => "",
            Self::EndpointSlice => "discovery.k8s.io",
            Self::ServiceEntry
            | Self::WorkloadEntry
            | Self::VirtualService
            | Self::DestinationRule
            | Self::Sidecar => "networking.istio.io",
            Self::PeerAuthentication | Self::AuthorizationPolicy | Self::RequestAuthentication => {
                "security.istio.io"
            }
        }
    }

    /// The versions of the API group that are read.
    #[must_use]
    pub fn versions(self) -> &'static [&'static str] {
        match self.group() {
            "networking.istio.io" => &["v1", "v1beta1", "v1alpha3"],
            "security.istio.io" => &["v1", "v1beta1"],
            _ => &["v1"],
        }
    }

    /// The kind in lower case with dashes, as Istio writes it in configuration paths.
    fn dashed(self) -> String {
        let mut text = String::new();
        for letter in self.as_str().chars() {
            if letter.is_ascii_uppercase() && !text.is_empty() {
                text.push('-');
            }
            text.push(letter.to_ascii_lowercase());
        }
        text
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reference to one configuration object; prints as `VirtualService default/reviews`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its namespace; for a `Namespace` its own name.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl Object {
    /// The path that Istio stamps into `filter_metadata.istio.config`:
    /// `/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews`.
    #[must_use]
    pub fn config_path(&self) -> String {
        let Self {
            kind,
            namespace,
            name,
        } = self;
        format!(
            "/apis/{}/v1/namespaces/{namespace}/{}/{name}",
            kind.group(),
            kind.dashed()
        )
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// When an object was created, in seconds since the Unix epoch; 0 when its source does not say. Older objects win
/// where two contradict each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Created(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_users_and_as_istio_write_it() {
        let object = Object {
            kind: Kind::VirtualService,
            namespace: "default".into(),
            name: "reviews".into(),
        };
        assert_eq!(object.to_string(), "VirtualService default/reviews");
        assert_eq!(
            object.config_path(),
            "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
        );
    }
}
