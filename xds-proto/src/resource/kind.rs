//! The kinds of resource.

use std::fmt;

/// A kind of resource that proxies subscribe to. Kinds compare in the order in which they are pushed and applied: what a
/// resource refers to comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// CDS.
    Cluster,
    /// EDS.
    Endpoint,
    /// LDS.
    Listener,
    /// RDS.
    Route,
    /// VHDS: single virtual hosts, on demand.
    VirtualHost,
    /// SDS.
    Secret,
    /// ECDS.
    ExtensionConfig,
    /// NDS: Istio's names for the DNS proxy.
    NameTable,
}

impl ResourceKind {
    /// Every kind, in push order.
    pub const ALL: [Self; 8] = [
        Self::Cluster,
        Self::Endpoint,
        Self::Listener,
        Self::Route,
        Self::VirtualHost,
        Self::Secret,
        Self::ExtensionConfig,
        Self::NameTable,
    ];

    /// The type URL in requests and responses.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::VirtualHost => "type.googleapis.com/envoy.config.route.v3.VirtualHost",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::ExtensionConfig => {
                "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
            }
            Self::NameTable => "type.googleapis.com/istio.networking.nds.v1.NameTable",
        }
    }

    /// The kind with this type URL; `None` for a type that is not a resource here.
    pub fn from_type_url(type_url: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.type_url() == type_url)
    }

    /// The short name in logs, metrics and status: `CDS`, `EDS`, …
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::Cluster => "CDS",
            Self::Endpoint => "EDS",
            Self::Listener => "LDS",
            Self::Route => "RDS",
            Self::VirtualHost => "VHDS",
            Self::Secret => "SDS",
            Self::ExtensionConfig => "ECDS",
            Self::NameTable => "NDS",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_urls_lead_back_to_their_kind() {
        for kind in ResourceKind::ALL {
            assert_eq!(ResourceKind::from_type_url(kind.type_url()), Some(kind));
        }
        assert_eq!(
            ResourceKind::from_type_url("envoy.config.cluster.v3.Cluster"),
            None
        );
    }

    #[test]
    fn clusters_come_before_listeners_and_routes() {
        assert!(ResourceKind::ALL.is_sorted());
        assert!(ResourceKind::Cluster < ResourceKind::Endpoint);
        assert!(ResourceKind::Endpoint < ResourceKind::Listener);
        assert!(ResourceKind::Listener < ResourceKind::Route);
    }
}
