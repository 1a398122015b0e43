//! Clusters that deliver to the workload itself.

use super::{policy, protocol};
use crate::generate::{endpoint, wire};
use crate::model::traffic_policy::PortPolicy;
use crate::scope::{Families, Scope};
use std::net::IpAddr;
use xds_proto::name::{ClusterName, INBOUND_PASSTHROUGH_CLUSTER};
use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, LbPolicy,
};
use xds_proto::pb::envoy::config::core::v3::{BindConfig, ExtraSourceAddress};
use xds_proto::well_known::{INBOUND_BIND_V4, INBOUND_BIND_V6};

/// One cluster for each inbound port and one for all undeclared ports.
pub(super) fn clusters(scope: &Scope) -> Vec<Cluster> {
    let ports = scope.class.inbound.iter().map(|port| {
        let name = ClusterName::inbound(port.number).to_string();
        let options = protocol::options(scope, port.protocol, &PortPolicy::default());
        let mut cluster = Cluster {
            name,
            metadata: Some(wire::because(&port.origin, None)),
            typed_extension_protocol_options: options,
            ..original_destination(scope)
        };
        if scope.mesh.inbound_localhost {
            deliver_to_loopback(&mut cluster, port.number, scope.class.families);
        }
        cluster
    });
    let undeclared = Cluster {
        name: INBOUND_PASSTHROUGH_CLUSTER.to_owned(),
        typed_extension_protocol_options: protocol::as_the_client(scope),
        ..original_destination(scope)
    };
    std::iter::once(undeclared).chain(ports).collect()
}

/// Delivers to the address that was dialled, from a source address that capture rules leave alone.
fn original_destination(scope: &Scope) -> Cluster {
    let mut cluster = Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(
            DiscoveryType::OriginalDst.into(),
        )),
        connect_timeout: Some(wire::duration(scope.mesh.connect_timeout)),
        upstream_bind_config: Some(bind(scope.class.families)),
        ..Cluster::default()
    };
    policy::apply(&mut cluster, scope, &PortPolicy::default());
    cluster.lb_policy = LbPolicy::ClusterProvided.into();
    cluster
}

fn deliver_to_loopback(cluster: &mut Cluster, port: u16, families: Families) {
    let loopback: IpAddr = match families {
        Families::V4 | Families::Dual => std::net::Ipv4Addr::LOCALHOST.into(),
        Families::V6 => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into()));
    cluster.lb_policy = LbPolicy::RoundRobin.into();
    cluster.upstream_bind_config = None;
    cluster.load_assignment = Some(endpoint::single(&cluster.name, loopback, port));
}

fn bind(families: Families) -> BindConfig {
    let source = |ip: IpAddr| wire::socket(&ip.to_string(), 0);
    let (first, extra) = match families {
        Families::V4 => (INBOUND_BIND_V4, None),
        Families::V6 => (INBOUND_BIND_V6, None),
        Families::Dual => (INBOUND_BIND_V4, Some(INBOUND_BIND_V6)),
    };
    BindConfig {
        source_address: Some(source(first)),
        extra_source_addresses: extra
            .map(|ip| ExtraSourceAddress {
                address: Some(source(ip)),
                ..ExtraSourceAddress::default()
            })
            .into_iter()
            .collect(),
        ..BindConfig::default()
    }
}
