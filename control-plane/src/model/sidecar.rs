//! What a workload's sidecar listens on and may call: Istio `Sidecar`.

use super::service::Protocol;
use super::{Created, Labels, Name, Object};
use std::net::IpAddr;

/// One `Sidecar` object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// The object.
    pub origin: Object,
    /// When it was created.
    pub created: Created,
    /// The workloads of its namespace that it is for; empty = all.
    pub selector: Labels,
    /// What the sidecar accepts; empty = what services say of the workload.
    pub ingress: Vec<Ingress>,
    /// What the workload may call and where; empty = everything, where it is dialled.
    pub egress: Vec<Egress>,
    /// Where traffic to unknown destinations goes: nowhere (`Some(false)`), on (`Some(true)`), as the mesh says (`None`).
    pub allow_any: Option<bool>,
}

/// A port that the sidecar accepts connections on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ingress {
    /// The port.
    pub port: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The address it is bound to, where it is bound; `None` = that of the workload.
    pub bind: Option<IpAddr>,
    /// How connections get there.
    pub capture: Capture,
    /// Where the application listens.
    pub endpoint: DefaultEndpoint,
}

/// Where the application listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefaultEndpoint {
    /// Where the client dialled.
    Dialled,
    /// On an address of the loopback network.
    Loopback(IpAddr, u16),
    /// On the workload's own address.
    Workload(u16),
}

/// How connections get to a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capture {
    /// As all others of the proxy.
    #[default]
    Default,
    /// The listener has a socket of its own.
    None,
}

/// Services that the workload may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// The one port that they are called on; `None` = theirs.
    pub port: Option<EgressPort>,
    /// The address that is bound, where sockets are bound; `None` = the loopback address.
    pub bind: Option<IpAddr>,
    /// How connections get there.
    pub capture: Capture,
    /// The services that are meant.
    pub hosts: Vec<HostPattern>,
}

/// The port of an egress listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EgressPort {
    /// Its number.
    pub number: u16,
    /// What the workload speaks there.
    pub protocol: EgressProtocol,
}

/// What the workload speaks on the port of an egress listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressProtocol {
    /// HTTP as with a forward proxy: the authority names the service and its port.
    HttpProxy,
    /// HTTP: the authority names the service.
    Http,
    /// Bytes for one service.
    Tcp,
}

/// `NAMESPACE/HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// Where the service was declared.
    pub namespace: NamespacePattern,
    /// Its host, maybe with a wildcard.
    pub host: Name,
}

/// A namespace in a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespacePattern {
    /// `*`.
    Any,
    /// `.`: that of the workload.
    Own,
    /// `~`.
    Nowhere,
    /// By name.
    Named(Name),
}
