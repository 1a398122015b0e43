//! Names of resources, as tools and dashboards read them.
//!
//! Each name type parses from and prints to exactly one text form: `parse(print(x)) == x`, and every text that parses prints
//! back unchanged.

mod cluster;
mod listener;
mod route;

pub use cluster::{ClusterName, Direction};
pub use listener::ListenerName;
pub use route::RouteName;

/// Cluster that refuses everything sent to it.
pub const BLACK_HOLE_CLUSTER: &str = "BlackHoleCluster";
/// Cluster that connects to the original destination of outbound traffic.
pub const PASSTHROUGH_CLUSTER: &str = "PassthroughCluster";
/// Cluster that delivers inbound traffic of undeclared ports to the application.
pub const INBOUND_PASSTHROUGH_CLUSTER: &str = "InboundPassthroughCluster";
/// Inbound passthrough for IPv4, as older control planes name it.
pub const INBOUND_PASSTHROUGH_CLUSTER_IPV4: &str = "InboundPassthroughClusterIpv4";
/// Inbound passthrough for IPv6, as older control planes name it.
pub const INBOUND_PASSTHROUGH_CLUSTER_IPV6: &str = "InboundPassthroughClusterIpv6";
/// Static cluster of the bootstrap that reaches the control plane.
pub const XDS_GRPC_CLUSTER: &str = "xds-grpc";
/// Static cluster of the bootstrap that reaches the secret source on the node.
pub const SDS_GRPC_CLUSTER: &str = "sds-grpc";
/// Static cluster of the bootstrap behind the metrics listener.
pub const PROMETHEUS_STATS_CLUSTER: &str = "prometheus_stats";
/// Static cluster of the bootstrap that reaches the sidecar's own status port.
pub const AGENT_CLUSTER: &str = "agent";

/// Virtual host that lets unknown authorities pass.
pub const ALLOW_ANY_VIRTUAL_HOST: &str = "allow_any";
/// Virtual host that refuses unknown authorities.
pub const BLOCK_ALL_VIRTUAL_HOST: &str = "block_all";

/// Secret that holds the workload's own certificate and key.
pub const WORKLOAD_SECRET: &str = "default";
/// Secret that holds the roots against which peers are verified.
pub const ROOT_SECRET: &str = "ROOTCA";

/// A text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what} name: {why}; expected {form}")]
pub struct InvalidName {
    what: &'static str,
    form: &'static str,
    text: String,
    why: &'static str,
}

impl InvalidName {
    /// The refused text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Parses a decimal port in canonical form: no sign, no leading zero.
fn parse_port(text: &str) -> Option<u16> {
    let canonical =
        text == "0" || (text.starts_with(|c: char| c.is_ascii_digit()) && !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}
