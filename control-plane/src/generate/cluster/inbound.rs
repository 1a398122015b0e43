//! Clusters that deliver to the workload itself.

use super::{policy, protocol};
use crate::generate::{endpoint, wire};
use crate::model::sidecar::DefaultEndpoint;
use crate::model::traffic_policy::PortPolicy;
use crate::scope::{Families, Inbound, Interception, Scope};
use std::net::IpAddr;
use xds_proto::name::{ClusterName, INBOUND_PASSTHROUGH_CLUSTER};
use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, LbConfig, LbPolicy, OriginalDstLbConfig,
};
use xds_proto::pb::envoy::config::core::v3::{BindConfig, ExtraSourceAddress};
use xds_proto::well_known::{INBOUND_BIND_V4, INBOUND_BIND_V6};

/// One cluster for each inbound port and one for all undeclared ports.
pub(super) fn clusters(scope: &Scope) -> Vec<Cluster> {
    let ports = scope.inbound.iter().map(|inbound| of_port(scope, inbound));
    let captured = scope.class.interception != Interception::None;
    let undeclared = captured.then(|| Cluster {
        name: INBOUND_PASSTHROUGH_CLUSTER.to_owned(),
        typed_extension_protocol_options: protocol::as_the_client(scope),
        ..original_destination(scope)
    });
    undeclared.into_iter().chain(ports).collect()
}

fn of_port(scope: &Scope, inbound: &Inbound) -> Cluster {
    let port = &inbound.port;
    let mut cluster = Cluster {
        name: ClusterName::inbound(port.number).to_string(),
        metadata: Some(wire::because(&port.origin, None)),
        typed_extension_protocol_options: protocol::options(
            scope,
            port.protocol,
            &PortPolicy::default(),
        ),
        ..original_destination(scope)
    };
    let loopback = loopback(scope.class.families);
    match (inbound.endpoint, inbound.socket) {
        (DefaultEndpoint::Loopback(ip, number), _) => deliver_to(&mut cluster, ip, number),
        (DefaultEndpoint::Workload(number), _) => match scope.class.instance {
            Some(ip) => deliver_to(&mut cluster, ip, number),
            None => deliver_to_port(&mut cluster, number),
        },
        (DefaultEndpoint::Dialled, Some(_)) => deliver_to(&mut cluster, loopback, port.number),
        (DefaultEndpoint::Dialled, None) if scope.mesh.inbound_localhost => {
            deliver_to(&mut cluster, loopback, port.number);
        }
        (DefaultEndpoint::Dialled, None) => {}
    }
    cluster
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

fn loopback(families: Families) -> IpAddr {
    match families {
        Families::V4 | Families::Dual => std::net::Ipv4Addr::LOCALHOST.into(),
        Families::V6 => std::net::Ipv6Addr::LOCALHOST.into(),
    }
}

/// Keeps the address that was dialled, but not its port.
fn deliver_to_port(cluster: &mut Cluster, port: u16) {
    cluster.lb_config = Some(LbConfig::OriginalDstLbConfig(OriginalDstLbConfig {
        upstream_port_override: Some(wire::number(port.into())),
        ..OriginalDstLbConfig::default()
    }));
}

fn deliver_to(cluster: &mut Cluster, ip: IpAddr, port: u16) {
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into()));
    cluster.lb_policy = LbPolicy::RoundRobin.into();
    cluster.upstream_bind_config = None;
    cluster.load_assignment = Some(endpoint::single(&cluster.name, ip, port));
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
