//! Services: the names that clients call.

use super::{Created, Labels, Name, Object, Visibility};
use ipnet::IpNet;

/// One service, whatever declared it. A `ServiceEntry` with several hosts is several services.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    /// The fully qualified name, lower case: `reviews.default.svc.cluster.local`, or `*.example.com`.
    pub host: Name,
    /// The namespace of the object that declared it.
    pub namespace: Name,
    /// The name of the object that declared it.
    pub name: Name,
    /// Because of what it exists.
    pub origin: Object,
    /// Virtual addresses: a single address is a /32 or /128. Empty for headless services and where none was
    /// declared or allocated.
    pub addresses: Vec<IpNet>,
    /// Whether the store may give it an address of its own when `addresses` is empty.
    pub allocate: Allocate,
    /// Its ports, in the order of declaration.
    pub ports: Vec<ServicePort>,
    /// How its endpoints are found.
    pub resolution: Resolution,
    /// Inside or outside the mesh.
    pub location: Location,
    /// A Kubernetes service with `clusterIP: None`: its names resolve to endpoints.
    pub headless: bool,
    /// The labels of the workloads behind it; empty = it selects none.
    pub selector: Labels,
    /// Not-ready endpoints are published too (`publishNotReadyAddresses`).
    pub publish_not_ready: bool,
    /// The name that an `ExternalName` service stands for.
    pub external_name: Option<Name>,
    /// Who may see it.
    pub export_to: Visibility,
    /// The names (SANs) that its endpoints may prove, where the declaration pins them.
    pub subject_alt_names: Vec<Name>,
    /// When it was created.
    pub created: Created,
    /// Preference for close endpoints.
    pub traffic_distribution: TrafficDistribution,
}

impl Service {
    /// The port with this number.
    #[must_use]
    pub fn port(&self, number: u16) -> Option<&ServicePort> {
        self.ports.iter().find(|port| port.number == number)
    }
}

/// Which range an address may be allocated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allocate {
    /// None: it has an address, or must not get one.
    No,
    /// 10.96.0.0/16, for a Kubernetes service without `clusterIP`.
    ClusterIp,
    /// 240.240.0.0/16, for a service entry without address.
    ServiceEntry,
}

/// One port of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServicePort {
    /// Its name; may be empty where a service has one port only.
    pub name: Name,
    /// The number that clients dial, 1 to 65535.
    pub number: u16,
    /// The port of the workload.
    pub target: TargetPort,
    /// What is spoken on it.
    pub protocol: Protocol,
}

/// The port of the workload behind a service port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetPort {
    /// By number.
    Number(u16),
    /// By the name of a container port, or of a port of a workload entry.
    Name(Name),
}

/// What is spoken on a port.
///
/// Declared by `appProtocol`, else by the prefix of the port's name up to its first dash, else unknown. See Istio,
/// "Protocol Selection".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Undeclared: inspect.
    Auto,
    /// HTTP/1.1, upgradable.
    Http,
    /// HTTP/2 in plain text.
    Http2,
    /// gRPC.
    Grpc,
    /// gRPC-Web, which is translated to gRPC.
    GrpcWeb,
    /// TLS that the application terminates, HTTP inside.
    Https,
    /// TLS that the application terminates.
    Tls,
    /// Opaque bytes.
    Tcp,
    /// MongoDB, as opaque bytes.
    Mongo,
    /// Redis, as opaque bytes.
    Redis,
    /// MySQL, as opaque bytes; the server speaks first.
    MySql,
    /// UDP: not carried by the mesh.
    Udp,
    /// A transport that the mesh does not carry (SCTP).
    Unsupported,
}

impl Protocol {
    /// Requests can be routed one by one: HTTP of any version in plain text.
    #[must_use]
    pub fn is_http(self) -> bool {
        match self {
            Self::Http | Self::Http2 | Self::Grpc | Self::GrpcWeb => true,
            Self::Auto
            | Self::Https
            | Self::Tls
            | Self::Tcp
            | Self::Mongo
            | Self::Redis
            | Self::MySql
            | Self::Udp
            | Self::Unsupported => false,
        }
    }

    /// Carried over HTTP/2.
    #[must_use]
    pub fn is_http2(self) -> bool {
        match self {
            Self::Http2 | Self::Grpc => true,
            Self::Auto
            | Self::Http
            | Self::GrpcWeb
            | Self::Https
            | Self::Tls
            | Self::Tcp
            | Self::Mongo
            | Self::Redis
            | Self::MySql
            | Self::Udp
            | Self::Unsupported => false,
        }
    }

    /// TLS from the application: routed by SNI.
    #[must_use]
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }

    /// Declared as opaque bytes.
    #[must_use]
    pub fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Mongo | Self::Redis | Self::MySql)
    }

    /// Carried by the mesh at all.
    #[must_use]
    pub fn is_carried(self) -> bool {
        !matches!(self, Self::Udp | Self::Unsupported)
    }
}

/// How the endpoints of a service are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Listed by the control plane (EDS).
    Static,
    /// The proxy resolves the endpoints' names and uses every answer.
    Dns,
    /// The proxy resolves the name and uses one answer at a time.
    DnsRoundRobin,
    /// The proxy forwards to the address that the client dialled.
    None,
}

/// Inside or outside the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// Its workloads may have sidecars.
    MeshInternal,
    /// Outside: no mesh TLS.
    MeshExternal,
}

/// Preference for close endpoints (`trafficDistribution` of a Kubernetes service).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TrafficDistribution {
    /// None.
    #[default]
    Any,
    /// Endpoints in the same zone, then region (`PreferClose`, `PreferSameZone`).
    PreferSameZone,
    /// Endpoints on the same node first (`PreferSameNode`).
    PreferSameNode,
}
