//! Listeners of inbound traffic: the one of what is captured, with one chain for each port and kind of client, and one
//! for each port that has a socket of its own.

use super::chain::{Chain, MESH_HTTP, MESH_TCP, Matching};
use super::{everywhere, http, inspect, on, tcp};
use crate::generate::{authz, route, tls, wire};
use crate::model::authn::MtlsMode;
use crate::model::service::Protocol;
use crate::scope::{Inbound, InboundPort, Interception, Scope};
use xds_proto::name::{BLACK_HOLE_CLUSTER, ClusterName, INBOUND_PASSTHROUGH_CLUSTER, ListenerName};
use xds_proto::pb::envoy::config::core::v3::TrafficDirection;
use xds_proto::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener};
use xds_proto::well_known::alpn;

/// What a server of HTTP accepts inside mesh TLS.
const HTTP_ALPN: [&str; 3] = [alpn::H2, alpn::HTTP_11, alpn::ISTIO];
/// What a server of bytes accepts inside mesh TLS.
const TCP_ALPN: [&str; 3] = [alpn::ISTIO, alpn::H2, alpn::HTTP_11];

/// All listeners of inbound traffic.
pub(super) fn listeners(scope: &Scope) -> Vec<Listener> {
    let captured = (scope.class.interception != Interception::None).then(|| captured(scope));
    let bound = scope
        .inbound
        .iter()
        .filter_map(|inbound| bound(scope, inbound));
    captured.into_iter().chain(bound).collect()
}

/// The listener of a port that has a socket of its own.
fn bound(scope: &Scope, inbound: &Inbound) -> Option<Listener> {
    let (ip, number) = (inbound.socket?, inbound.port.number);
    let mut listener = on(ListenerName::address(ip, number).to_string(), ip, number);
    listener.bind_to_port = None;
    listener.traffic_direction = TrafficDirection::Inbound.into();
    inspect::first_bytes(&mut listener, scope);
    listener.filter_chains = of_port(scope, &inbound.port, None);
    Some(listener)
}

/// `virtualInbound`.
fn captured(scope: &Scope) -> Listener {
    let port = scope.mesh.inbound_port;
    let mut listener = everywhere(
        scope,
        ListenerName::VIRTUAL_INBOUND.to_owned(),
        port,
        TrafficDirection::Inbound,
    );
    if scope.class.interception == Interception::Tproxy {
        listener.transparent = Some(wire::truth(true));
    }
    listener.listener_filters.push(inspect::original_dst());
    inspect::first_bytes(&mut listener, scope);
    let declared = scope
        .inbound
        .iter()
        .filter(|inbound| inbound.socket.is_none() && inbound.port.number != port);
    listener.filter_chains = std::iter::once(loop_guard(scope))
        .chain(undeclared(scope))
        .chain(secured(scope))
        .chain(
            declared.flat_map(|inbound| of_port(scope, &inbound.port, Some(inbound.port.number))),
        )
        .collect();
    listener
}

/// A client that dials the listener itself has no destination beyond it.
fn loop_guard(scope: &Scope) -> FilterChain {
    Chain {
        name: "virtualInbound-blackhole".to_owned(),
        matching: Some(Matching::default().on_port(scope.mesh.inbound_port)),
        filters: vec![tcp::to_cluster(scope, BLACK_HOLE_CLUSTER, None)],
        transport: None,
        metadata: None,
    }
    .into()
}

/// Who a chain is for.
#[derive(Clone, Copy)]
enum Client {
    /// A sidecar that carries HTTP.
    MeshHttp,
    /// A sidecar that carries bytes.
    MeshTcp,
    /// Whoever speaks HTTP in plain text.
    PlainHttp,
    /// Whoever speaks plain text.
    PlainTcp,
    /// Whoever speaks TLS to the application itself.
    ForeignTls,
}

/// What a port serves and how its clients are told apart.
struct Served<'a> {
    /// `None` = no service declared it.
    port: Option<&'a InboundPort>,
    /// The port that clients dial; `None` = any.
    number: Option<u16>,
    kind: Kind,
    mode: MtlsMode,
}

/// What is spoken on a port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Tcp,
    /// To be found out.
    Auto,
}

impl Kind {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Auto => Self::Auto,
            Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb => Self::Http,
            Protocol::Https
            | Protocol::Tls
            | Protocol::Tcp
            | Protocol::Mongo
            | Protocol::Redis
            | Protocol::MySql
            | Protocol::Udp
            | Protocol::Unsupported => Self::Tcp,
        }
    }
}

fn undeclared(scope: &Scope) -> Vec<FilterChain> {
    chains(
        scope,
        &Served {
            port: None,
            number: None,
            kind: Kind::Auto,
            mode: scope.mtls.mode,
        },
    )
}

/// Ports that no service declares, but whose mode a policy sets.
fn secured(scope: &Scope) -> impl Iterator<Item = FilterChain> {
    let is_declared = |number: u16| {
        let mut declared = scope.inbound.iter();
        declared.any(|inbound| inbound.port.number == number)
    };
    let ports = scope
        .mtls
        .ports
        .iter()
        .filter(move |(number, _)| *number != scope.mesh.inbound_port && !is_declared(*number));
    ports.flat_map(|(number, mode)| {
        chains(
            scope,
            &Served {
                port: None,
                number: Some(*number),
                kind: Kind::Auto,
                mode: *mode,
            },
        )
    })
}

/// The chains of a port; `number` tells it apart from the others of its listener.
fn of_port(scope: &Scope, port: &InboundPort, number: Option<u16>) -> Vec<FilterChain> {
    let mode = scope.mtls.on_port(port.number);
    chains(
        scope,
        &Served {
            port: Some(port),
            number,
            kind: Kind::of(port.protocol),
            mode,
        },
    )
}

/// One chain for each client that the mode admits; a client without chain is closed at once.
fn chains(scope: &Scope, served: &Served<'_>) -> Vec<FilterChain> {
    use Client::{ForeignTls, MeshHttp, MeshTcp, PlainHttp, PlainTcp};
    let clients: &[(Client, Matching)] = &match (served.mode, served.kind) {
        (MtlsMode::Permissive, Kind::Auto) => vec![
            (MeshHttp, Matching::tls().speaking(&MESH_HTTP)),
            (MeshTcp, Matching::tls().speaking(&MESH_TCP)),
            (PlainHttp, Matching::plain_http()),
            (PlainTcp, Matching::plain()),
            (ForeignTls, Matching::tls()),
        ],
        (MtlsMode::Permissive, Kind::Http) => vec![
            (MeshHttp, Matching::tls().speaking(&mesh_any())),
            (PlainHttp, Matching::plain()),
        ],
        (MtlsMode::Permissive, Kind::Tcp) => vec![
            (MeshTcp, Matching::tls().speaking(&mesh_any())),
            (PlainTcp, Matching::plain()),
            (ForeignTls, Matching::tls()),
        ],
        (MtlsMode::Strict, Kind::Auto) => {
            vec![
                (MeshHttp, Matching::tls().speaking(&MESH_HTTP)),
                (MeshTcp, Matching::tls()),
            ]
        }
        (MtlsMode::Strict, Kind::Http) => vec![(MeshHttp, Matching::tls())],
        (MtlsMode::Strict, Kind::Tcp) => vec![(MeshTcp, Matching::tls())],
        (MtlsMode::Disable, Kind::Auto) => vec![
            (PlainHttp, Matching::plain_http()),
            (PlainTcp, Matching::plain()),
            (ForeignTls, Matching::tls()),
        ],
        (MtlsMode::Disable, Kind::Http) => vec![(PlainHttp, Matching::default())],
        (MtlsMode::Disable, Kind::Tcp) => vec![(PlainTcp, Matching::default())],
    };
    clients
        .iter()
        .map(|(client, matching)| chain(scope, served, *client, matching.clone()))
        .collect()
}

fn mesh_any() -> Vec<&'static str> {
    MESH_TCP.iter().chain(&MESH_HTTP).copied().collect()
}

fn chain(scope: &Scope, served: &Served<'_>, client: Client, matching: Matching) -> FilterChain {
    let (filters, transport) = match client {
        Client::MeshHttp => (
            http_filters(scope, served),
            Some(tls::mesh_server(&scope.mesh, &HTTP_ALPN)),
        ),
        Client::MeshTcp => (
            tcp_filters(scope, served),
            Some(tls::mesh_server(&scope.mesh, &TCP_ALPN)),
        ),
        Client::PlainHttp => (http_filters(scope, served), None),
        Client::PlainTcp | Client::ForeignTls => (tcp_filters(scope, served), None),
    };
    let matching = match served.number {
        Some(number) => matching.on_port(number),
        None => matching,
    };
    Chain {
        name: chain_name(served, client),
        matching: Some(matching),
        filters,
        transport,
        metadata: served.port.map(|port| wire::because(&port.origin, None)),
    }
    .into()
}

fn chain_name(served: &Served<'_>, client: Client) -> String {
    match (served.port, client) {
        (Some(port), _) => format!("0.0.0.0_{}", port.number),
        (None, Client::MeshHttp | Client::PlainHttp) => "virtualInbound-catchall-http".to_owned(),
        (None, Client::MeshTcp | Client::PlainTcp | Client::ForeignTls) => {
            "virtualInbound".to_owned()
        }
    }
}

fn http_filters(scope: &Scope, served: &Served<'_>) -> Vec<Filter> {
    let (cluster, stat_prefix, protocol) = match served.port {
        Some(port) => (
            ClusterName::inbound(port.number).to_string(),
            format!("inbound_0.0.0.0_{};", port.number),
            port.protocol,
        ),
        None => (
            INBOUND_PASSTHROUGH_CLUSTER.to_owned(),
            "InboundPassthroughCluster".to_owned(),
            Protocol::Auto,
        ),
    };
    let table = route::inbound_table(cluster.clone(), cluster, served.port);
    vec![http::inbound(scope, stat_prefix, table, protocol)]
}

fn tcp_filters(scope: &Scope, served: &Served<'_>) -> Vec<Filter> {
    let cluster = match served.port {
        Some(port) => ClusterName::inbound(port.number).to_string(),
        None => INBOUND_PASSTHROUGH_CLUSTER.to_owned(),
    };
    authz::network_filter(scope)
        .into_iter()
        .chain([tcp::to_cluster(scope, &cluster, None)])
        .collect()
}
