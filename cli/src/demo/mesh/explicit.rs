//! Explicit ports: what a pod's sidecar listens on where nothing is captured, as an Istio `Sidecar` says it.
//!
//! The pod's address takes what others send, the application listens on an address that nobody is told. HTTP goes out
//! through the sidecar as a forward proxy, which finds services by name; every other service has an address of its own.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tulle_control_plane::model::Labels;
use tulle_control_plane::model::service::{Protocol, Service, ServicePort, TargetPort};

use super::services::{address, names};
use crate::demo::manifest::identity;
use crate::demo::network::{MAX_SERVICES, Network, PodAddresses};

/// The label by which a `Sidecar` means one pod.
const POD_LABEL: &str = "demo.tulle/pod";

/// How a pod reaches services.
#[derive(Debug, Clone, Default)]
pub(in crate::demo) struct Ways {
    /// Requests go there.
    pub(in crate::demo) proxy: Option<SocketAddr>,
    /// All else, by names and port.
    services: Vec<(Vec<String>, SocketAddr)>,
}

impl Ways {
    /// The ways of a pod whose traffic is captured: services have their virtual addresses.
    pub(super) fn captured(services: &[Arc<Service>], namespace: &str) -> Self {
        let mut ways = Self::default();
        for service in services {
            let names: Vec<String> = names(service, namespace).into_iter().collect();
            let ports = service.ports.iter().map(|port| port.number);
            ways.services
                .extend(address(service).into_iter().flat_map(|ip| {
                    let names = &names;
                    ports
                        .clone()
                        .map(move |port| (names.clone(), SocketAddr::new(ip, port)))
                }));
        }
        ways
    }

    /// Where a client connects to for a URL; `None` where it simply resolves the host.
    pub(in crate::demo) fn dial(&self, url: &http::Uri) -> Option<SocketAddr> {
        let host = url.host()?;
        let by_scheme = if url.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = url.port_u16().unwrap_or(by_scheme);
        let direct = self.services.iter().find(|(names, address)| {
            address.port() == port && names.iter().any(|name| name == host)
        });
        direct.map(|(_, address)| *address).or(self.proxy)
    }

    /// Where the pod finds a port of a service.
    pub(super) fn at(&self, service: &Service, port: u16) -> Option<IpAddr> {
        let mut all = self.services.iter();
        let found = all.find(|(names, address)| {
            address.port() == port && names.iter().any(|name| **name == *service.host)
        });
        found.map(|(_, address)| address.ip())
    }
}

/// What is arranged for one pod.
pub(super) struct Arranged {
    pub(super) sidecar: Option<Value>,
    pub(super) ways: Ways,
    /// What cannot be had, a line each.
    pub(super) remarks: Vec<String>,
}

/// Makes a pod ask for no capture, and be told apart from its replicas.
pub(super) fn mark(pod: &mut Value) {
    let (_, name) = identity(pod);
    pod["metadata"]["labels"][POD_LABEL] = name.into();
    for (key, value) in [
        ("sidecar.istio.io/interceptionMode", "NONE"),
        // the application is not where the sidecar would look for it
        ("sidecar.istio.io/rewriteAppHTTPProbers", "false"),
    ] {
        pod["metadata"]["annotations"][key] = value.into();
    }
}

/// Works out the listeners of a pod with a sidecar.
pub(super) fn arrange(
    pod: &Value,
    index: u8,
    network: &Network,
    services: &[Arc<Service>],
) -> anyhow::Result<Arranged> {
    let (namespace, name) = identity(pod);
    let addresses = network.pod(index, true);
    let mut arranged = Arranged {
        sidecar: None,
        ways: Ways {
            proxy: addresses.proxy.map(SocketAddr::V4),
            ..Ways::default()
        },
        remarks: Vec::new(),
    };
    let ingress = ingress(pod, &addresses, services)?;
    let egress = arranged.egress((&namespace, &name), index, network, services)?;
    arranged.sidecar = Some(json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": format!("demo-{name}"), "namespace": namespace},
        "spec": {
            "workloadSelector": {"labels": {POD_LABEL: name}},
            "ingress": ingress,
            "egress": egress,
        },
    }));
    Ok(arranged)
}

fn ingress(
    pod: &Value,
    addresses: &PodAddresses,
    services: &[Arc<Service>],
) -> anyhow::Result<Vec<Value>> {
    let (namespace, name) = identity(pod);
    let labels: Labels = pod["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
        .collect();
    let here = services.iter().filter(|service| {
        *service.namespace == *namespace
            && !service.selector.is_empty()
            && service.selector.selects(&labels)
    });
    let mut ports: Vec<(u16, Value)> = Vec::new();
    for port in here.flat_map(|service| &service.ports) {
        let Some(number) = target(pod, port) else {
            continue;
        };
        if ports.iter().any(|(known, _)| *known == number) {
            continue;
        }
        let address = SocketAddrV4::new(addresses.pod, number);
        if let Err(error) = TcpListener::bind(address) {
            bail!("pod {name}: {}", refused(address, &error));
        }
        let listener = json!({
            "port": port_of(number, port),
            "bind": addresses.pod.to_string(),
            "defaultEndpoint": format!("{}:{number}", addresses.application),
        });
        ports.push((number, listener));
    }
    Ok(ports.into_iter().map(|(_, listener)| listener).collect())
}

fn refused(address: SocketAddrV4, error: &std::io::Error) -> String {
    let port = address.port();
    if error.kind() == ErrorKind::PermissionDenied {
        format!(
            "port {port} cannot be bound without root, and here nothing is captured; use a port from 1024 on, or root"
        )
    } else if error.kind() == ErrorKind::AddrInUse {
        format!(
            "its sidecar cannot have {address}, because something on this machine listens on port {port} of every address; end that, or use another port"
        )
    } else {
        format!("its sidecar cannot have {address}: {error}")
    }
}

/// The port of the pod behind a port of a service.
fn target(pod: &Value, port: &ServicePort) -> Option<u16> {
    match &port.target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => {
            let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
            let mut ports = containers
                .flat_map(|container| container["ports"].as_array().into_iter().flatten());
            let found = ports.find(|port| port["name"].as_str() == Some(&**name))?;
            found["containerPort"].as_u64()?.try_into().ok()
        }
    }
}

fn port_of(number: u16, port: &ServicePort) -> Value {
    match word(port.protocol) {
        Some(word) => json!({"number": number, "protocol": word, "name": &*port.name}),
        None => json!({"number": number}),
    }
}

/// How Istio's YAML names a protocol; `None` where it is found out.
fn word(protocol: Protocol) -> Option<&'static str> {
    Some(match protocol {
        Protocol::Auto => return None,
        Protocol::Http => "HTTP",
        Protocol::Http2 => "HTTP2",
        Protocol::Grpc => "GRPC",
        Protocol::GrpcWeb => "GRPC-WEB",
        Protocol::Https => "HTTPS",
        Protocol::Tls => "TLS",
        Protocol::Mongo => "MONGO",
        Protocol::Redis => "REDIS",
        Protocol::MySql => "MYSQL",
        Protocol::Tcp | Protocol::Udp | Protocol::Unsupported => "TCP",
    })
}

impl Arranged {
    fn egress(
        &mut self,
        (namespace, pod): (&str, &str),
        index: u8,
        network: &Network,
        services: &[Arc<Service>],
    ) -> anyhow::Result<Vec<Value>> {
        let mut egress = Vec::new();
        if let Some(proxy) = self.ways.proxy {
            egress.push(json!({
                "port": {"number": proxy.port(), "protocol": "HTTP_PROXY", "name": "http-proxy"},
                "bind": proxy.ip().to_string(),
                "hosts": ["*/*"],
            }));
        }
        let others = services
            .iter()
            .filter(|service| service.ports.iter().any(is_direct));
        for (number, service) in others.enumerate() {
            let at = u8::try_from(number)
                .ok()
                .filter(|number| *number < MAX_SERVICES)
                .and_then(|number| network.service(index, number))
                .with_context(|| {
                    format!("a pod reaches {MAX_SERVICES} services at most that do not speak HTTP")
                })?;
            for port in service.ports.iter().filter(|port| is_direct(port)) {
                if TcpListener::bind((at, port.number)).is_err() {
                    self.remarks.push(format!(
                        "{pod}: {}:{} is out of reach: the port cannot be bound on {at}",
                        service.host, port.number
                    ));
                    continue;
                }
                egress.push(json!({
                    "port": {"number": port.number, "protocol": "TCP", "name": "tcp"},
                    "bind": at.to_string(),
                    "hosts": [format!("{}/{}", service.namespace, service.host)],
                }));
                self.add_way(service, namespace, at, port.number);
            }
        }
        Ok(egress)
    }

    fn add_way(&mut self, service: &Service, namespace: &str, at: Ipv4Addr, port: u16) {
        let names = names(service, namespace).into_iter().collect();
        let address = SocketAddr::V4(SocketAddrV4::new(at, port));
        self.ways.services.push((names, address));
    }
}

/// Whether a port is reached by an address of its own.
fn is_direct(port: &ServicePort) -> bool {
    !port.protocol.is_http() && port.protocol.is_carried()
}
