//! Clusters: where connections may go, and how.
//!
//! One cluster for each port of each visible service and for each of its subsets, the three fixed ones, and one for
//! each inbound port.

mod inbound;
mod policy;
mod protocol;

use super::{Resource, endpoint, tls, wire};
use crate::model::load_balancing::Algorithm;
use crate::model::service::{Resolution, ServicePort};
use crate::model::traffic_policy::{ClientTlsMode, PortPolicy, Subset};
use crate::scope::{Scope, ScopedService};
use xds_proto::name::{BLACK_HOLE_CLUSTER, ClusterName, Direction, PASSTHROUGH_CLUSTER};
use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, LbPolicy, TransportSocketMatch,
};
use xds_proto::pb::envoy::config::core::v3::TransportSocket;
use xds_proto::well_known::{TLS_MODE_ISTIO, TLS_MODE_KEY};

/// Name of the transport that endpoints with a sidecar get.
const MESH_TLS: &str = "tlsMode-istio";
/// Name of the transport that all other endpoints get.
const PLAINTEXT: &str = "tlsMode-disabled";

/// The clusters that do not belong to a service that is called.
pub(crate) fn fixed(scope: &Scope) -> Vec<Resource> {
    [black_hole(scope), passthrough(scope)]
        .into_iter()
        .chain(inbound::clusters(scope))
        .map(|cluster| Resource::of(&cluster))
        .collect()
}

/// All clusters of a service: each port whole, and each of its subsets.
pub(crate) fn of_service(scope: &Scope, service: &ScopedService) -> Vec<Resource> {
    targets(service)
        .map(|target| Resource::of(&outbound(scope, &target)))
        .collect()
}

/// The cluster with this name.
pub(crate) fn one(scope: &Scope, name: &str) -> Option<Resource> {
    let cluster = match name {
        BLACK_HOLE_CLUSTER => black_hole(scope),
        PASSTHROUGH_CLUSTER => passthrough(scope),
        _ => match with_target(scope, name, |target| outbound(scope, target)) {
            Some(cluster) => cluster,
            None => inbound::clusters(scope)
                .into_iter()
                .find(|cluster| cluster.name == name)?,
        },
    };
    Some(Resource::of(&cluster))
}

/// What an outbound cluster stands for.
pub(crate) struct Target<'a> {
    pub(crate) service: &'a ScopedService,
    pub(crate) port: &'a ServicePort,
    pub(crate) subset: Option<&'a Subset>,
}

impl Target<'_> {
    pub(crate) fn name(&self) -> ClusterName {
        let subset = self.subset.map(|subset| &*subset.name);
        ClusterName::outbound(self.port.number, subset, &self.service.service.host)
    }

    pub(crate) fn policy(&self) -> PortPolicy {
        self.service.policy_of(self.subset, self.port.number)
    }
}

/// What `read` makes of the outbound cluster with this name; `None` where the scope has none.
pub(crate) fn with_target<T>(
    scope: &Scope,
    name: &str,
    read: impl FnOnce(&Target<'_>) -> T,
) -> Option<T> {
    let name: ClusterName = name.parse().ok()?;
    let service = &(name.direction == Direction::Outbound)
        .then(|| scope.service(&name.host))
        .flatten()?;
    let port = service.ports().find(|port| port.number == name.port)?;
    let subset = match name.subset.as_deref() {
        Some(wanted) => Some(
            service
                .subsets()
                .iter()
                .find(|subset| *subset.name == *wanted)?,
        ),
        None => None,
    };
    Some(read(&Target {
        service,
        port,
        subset,
    }))
}

/// What the clusters of a service stand for.
pub(crate) fn targets(service: &ScopedService) -> impl Iterator<Item = Target<'_>> {
    let subsets = || std::iter::once(None).chain(service.subsets().iter().map(Some));
    service.ports().flat_map(move |port| {
        subsets().map(move |subset| Target {
            service,
            port,
            subset,
        })
    })
}

#[expect(
    deprecated,
    reason = "every Envoy in use reads these two fields; their successor is a cluster extension"
)]
fn outbound(scope: &Scope, target: &Target<'_>) -> Cluster {
    let policy = target.policy();
    let kind = discovery(target, &policy);
    let mut cluster = Cluster {
        name: target.name().to_string(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind.into())),
        connect_timeout: Some(wire::duration(scope.mesh.connect_timeout)),
        metadata: Some(wire::because(origin(target), None)),
        typed_extension_protocol_options: protocol::options(scope, target.port.protocol, &policy),
        ..Cluster::default()
    };
    match kind {
        DiscoveryType::Eds => {
            cluster.eds_cluster_config = Some(EdsClusterConfig {
                eds_config: Some(wire::ads()),
                service_name: cluster.name.clone(),
            });
        }
        DiscoveryType::Static | DiscoveryType::StrictDns | DiscoveryType::LogicalDns => {
            cluster.load_assignment = Some(endpoint::inline(scope, target));
            cluster.dns_lookup_family = policy::dns_family(scope.class.families).into();
            cluster.respect_dns_ttl = true;
            cluster.dns_refresh_rate = Some(wire::duration(std::time::Duration::from_secs(60)));
        }
        DiscoveryType::OriginalDst => {}
    }
    policy::apply(&mut cluster, scope, &policy);
    if kind == DiscoveryType::OriginalDst {
        cluster.lb_policy = LbPolicy::ClusterProvided.into();
        cluster.lb_config = None;
    }
    transport(&mut cluster, scope, target, &policy);
    cluster
}

/// The object to name: the rule that treats the cluster if there is one, else the service.
fn origin<'a>(target: &Target<'a>) -> &'a crate::model::Object {
    match (target.subset, &target.service.policy) {
        (Some(subset), _) => &subset.origin,
        (None, Some(rule)) => &rule.origin,
        (None, None) => &target.service.service.origin,
    }
}

/// How the proxy learns the endpoints.
pub(crate) fn discovery(target: &Target<'_>, policy: &PortPolicy) -> DiscoveryType {
    let passthrough = policy
        .load_balancer
        .as_ref()
        .and_then(|lb| lb.algorithm.as_ref())
        == Some(&Algorithm::Passthrough);
    match target.service.service.resolution {
        Resolution::None => DiscoveryType::OriginalDst,
        Resolution::Static if target.service.client_picks() || passthrough => {
            DiscoveryType::OriginalDst
        }
        Resolution::Static => DiscoveryType::Eds,
        Resolution::Dns => DiscoveryType::StrictDns,
        // A cluster that resolves one name cannot hold several.
        Resolution::DnsRoundRobin if target.service.endpoints().len() > 1 => {
            DiscoveryType::StrictDns
        }
        Resolution::DnsRoundRobin => DiscoveryType::LogicalDns,
    }
}

/// Sets TLS: by rule where a rule says so, else by what each endpoint can do.
fn transport(cluster: &mut Cluster, scope: &Scope, target: &Target<'_>, policy: &PortPolicy) {
    let protocol = target.port.protocol;
    let (name, service) = (target.name(), target.service);
    match &policy.tls {
        Some(rule) => match rule.mode {
            ClientTlsMode::Disable => {}
            ClientTlsMode::Simple | ClientTlsMode::Mutual => {
                let pinned = &service.service.subject_alt_names;
                cluster.transport_socket = Some(tls::originate(
                    rule,
                    &service.service.host,
                    pinned,
                    protocol.is_http2(),
                ));
            }
            ClientTlsMode::IstioMutual => {
                let known = service.identities();
                cluster.transport_socket = Some(tls::mesh_client_by_rule(
                    &scope.mesh,
                    rule,
                    &name,
                    protocol,
                    &known,
                ));
            }
        },
        None if scope.mesh.auto_mtls && service.in_mesh() => {
            let mesh = tls::mesh_client(&scope.mesh, &name, protocol, &service.identities());
            if discovery(target, policy) == DiscoveryType::OriginalDst {
                // Such a cluster knows no endpoint before it is dialled, so it cannot choose by endpoint.
                cluster.transport_socket = all_speak_mesh_tls(scope, target).then_some(mesh);
            } else {
                cluster.transport_socket_matches = vec![
                    transport_match(MESH_TLS, Some(TLS_MODE_ISTIO), mesh),
                    transport_match(PLAINTEXT, None, tls::raw_buffer()),
                ];
            }
        }
        None => {}
    }
}

/// Whether every ready endpoint behind the target has a sidecar that accepts mesh TLS.
fn all_speak_mesh_tls(scope: &Scope, target: &Target<'_>) -> bool {
    let port = target.port.number;
    let mut endpoints = target.service.endpoints_of(target.subset).peekable();
    endpoints.peek().is_some()
        && endpoints.all(|endpoint| {
            endpoint
                .port(port)
                .is_some_and(|port| scope.accepts_mesh_tls(endpoint, port))
        })
}

fn transport_match(
    name: &str,
    mode: Option<&str>,
    socket: TransportSocket,
) -> TransportSocketMatch {
    let fields = mode.map(|mode| (TLS_MODE_KEY.to_owned(), wire::text(mode)));
    TransportSocketMatch {
        name: name.to_owned(),
        r#match: Some(xds_proto::pb::google::protobuf::Struct {
            fields: fields.into_iter().collect(),
        }),
        transport_socket: Some(socket),
    }
}

/// Refuses everything.
fn black_hole(scope: &Scope) -> Cluster {
    Cluster {
        name: BLACK_HOLE_CLUSTER.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        connect_timeout: Some(wire::duration(scope.mesh.connect_timeout)),
        ..Cluster::default()
    }
}

/// Connects to where the client dialled.
fn passthrough(scope: &Scope) -> Cluster {
    let mut cluster = Cluster {
        name: PASSTHROUGH_CLUSTER.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(
            DiscoveryType::OriginalDst.into(),
        )),
        connect_timeout: Some(wire::duration(scope.mesh.connect_timeout)),
        typed_extension_protocol_options: protocol::as_the_client(scope),
        ..Cluster::default()
    };
    policy::apply(&mut cluster, scope, &PortPolicy::default());
    cluster.lb_policy = LbPolicy::ClusterProvided.into();
    cluster
}
