//! Names and numbers that the mesh shares with its users, their tools and other meshes.
//!
//! Everything here follows Istio's and Envoy's documentation, so that existing pods, dashboards and scripts keep working.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub mod alpn;
pub mod annotation;
pub mod filter;
pub mod header;
pub mod label;
pub mod path;
pub mod port;

/// User id that the sidecar runs as; capture rules leave its traffic alone.
pub const PROXY_UID: u32 = 1337;
/// Group id that the sidecar runs as.
pub const PROXY_GID: u32 = 1337;
/// Source address of the sidecar's connections to its own application over IPv4; capture rules leave it alone.
pub const INBOUND_BIND_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
/// Source address of the sidecar's connections to its own application over IPv6.
pub const INBOUND_BIND_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6));
/// Trust domain when nothing else is set.
pub const DEFAULT_TRUST_DOMAIN: &str = "cluster.local";
/// DNS domain of a cluster when nothing else is set.
pub const DEFAULT_CLUSTER_DOMAIN: &str = "cluster.local";
/// Namespace that the control plane runs in and whose objects apply to the whole mesh.
pub const ROOT_NAMESPACE: &str = "istio-system";
/// Audience of the tokens with which workloads authenticate to the control plane.
pub const TOKEN_AUDIENCE: &str = "istio-ca";
/// Address of the control plane when nothing else is set.
pub const DISCOVERY_ADDRESS: &str = "istiod.istio-system.svc:15012";
/// Key of the metadata in which the control plane stamps the object behind a resource.
pub const METADATA_KEY: &str = "istio";
/// Key of the endpoint metadata on which a cluster chooses between its transport sockets.
pub const TRANSPORT_SOCKET_MATCH_KEY: &str = "envoy.transport_socket_match";
/// Metadata key and label value that say that an endpoint speaks mesh TLS.
pub const TLS_MODE_KEY: &str = "tlsMode";
/// Value of [`TLS_MODE_KEY`] and of the label `security.istio.io/tlsMode` for mesh TLS.
pub const TLS_MODE_ISTIO: &str = "istio";
