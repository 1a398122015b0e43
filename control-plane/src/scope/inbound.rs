//! The ports on which a class of proxies accepts connections: those of its `Sidecar`, else those that services name.

use super::class::{Families, InboundPort, Interception, ProxyClass};
use crate::model::sidecar::{Capture, DefaultEndpoint, Ingress, Sidecar};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A port that the class accepts connections on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inbound {
    /// The port, and because of what it is served.
    pub(crate) port: InboundPort,
    /// The address of its own socket; `None` = connections are captured.
    pub(crate) socket: Option<IpAddr>,
    /// Where the application listens.
    pub(crate) endpoint: DefaultEndpoint,
}

/// All of them, sorted by number.
///
/// Where nothing is captured only a `Sidecar` makes ports: the application itself listens on those that services name.
/// See Istio, `Sidecar`, "ingress", and ProxyConfig `interceptionMode: NONE`.
pub(super) fn of(class: &ProxyClass, sidecar: Option<&Sidecar>) -> Vec<Inbound> {
    let listed = sidecar.filter(|sidecar| !sidecar.ingress.is_empty());
    let mut ports: Vec<Inbound> = match (listed, class.interception) {
        (Some(sidecar), _) => sidecar
            .ingress
            .iter()
            .map(|ingress| of_ingress(class, sidecar, ingress))
            .collect(),
        (None, Interception::None) => Vec::new(),
        (None, Interception::Redirect | Interception::Tproxy) => {
            class.inbound.iter().map(declared).collect()
        }
    };
    ports.sort_by_key(|inbound| inbound.port.number);
    ports
}

fn declared(port: &InboundPort) -> Inbound {
    Inbound {
        port: port.clone(),
        socket: None,
        endpoint: DefaultEndpoint::Dialled,
    }
}

fn of_ingress(class: &ProxyClass, sidecar: &Sidecar, ingress: &Ingress) -> Inbound {
    let service = class
        .inbound
        .iter()
        .find(|port| port.number == ingress.port);
    let (host, service_port) = match service {
        Some(port) => (port.host.clone(), port.service_port),
        // No service leads there: the object gives the port a name, as Istio's does.
        None => {
            let origin = &sidecar.origin;
            let name = format!("{}.{}", origin.name, origin.namespace);
            (name.into(), ingress.port)
        }
    };
    let bound = class.interception == Interception::None || ingress.capture == Capture::None;
    Inbound {
        port: InboundPort {
            number: ingress.port,
            protocol: ingress.protocol,
            host,
            service_port,
            origin: sidecar.origin.clone(),
        },
        socket: bound.then(|| ingress.bind.unwrap_or_else(|| own_address(class))),
        endpoint: ingress.endpoint,
    }
}

fn own_address(class: &ProxyClass) -> IpAddr {
    class.instance.unwrap_or(match class.families {
        Families::V4 | Families::Dual => Ipv4Addr::UNSPECIFIED.into(),
        Families::V6 => Ipv6Addr::UNSPECIFIED.into(),
    })
}
