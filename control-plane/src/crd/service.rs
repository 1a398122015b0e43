//! Kubernetes `Service`.

use super::cx::Cx;
use super::problem::Invalid;
use super::value::{Port, Wildcard, check_host};
use crate::model::Visibility;
use crate::model::service::{
    Allocate, Location, Protocol, Resolution, Service, ServicePort, TargetPort, TrafficDistribution,
};
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

#[derive(Deserialize)]
pub(super) struct Raw {
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    r#type: String,
    #[serde(rename = "clusterIP")]
    cluster_ip: String,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    ports: Vec<RawPort>,
    selector: BTreeMap<String, String>,
    external_name: Option<String>,
    publish_not_ready_addresses: bool,
    traffic_distribution: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPort {
    #[serde(default)]
    name: String,
    port: Port,
    target_port: Option<RawTarget>,
    #[serde(default)]
    protocol: Transport,
    app_protocol: Option<String>,
}

/// The transport of a port.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Transport {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawTarget {
    Number(i64),
    Name(String),
}

const EXPORT_TO: &str = "networking.istio.io/exportTo";
const TRAFFIC_DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<Service, Invalid> {
    let Raw { spec } = raw;
    let headless = spec.cluster_ip == "None";
    let external_name = external_name(&spec)?;
    let addresses = addresses(&spec)?;
    let allocate = match !headless && external_name.is_none() && addresses.is_empty() {
        true => Allocate::ClusterIp,
        false => Allocate::No,
    };
    let origin = &cx.origin;
    Ok(Service {
        host: cx.qualify(&origin.name.replace('.', "-")),
        namespace: origin.namespace.clone(),
        name: origin.name.clone(),
        origin: origin.clone(),
        addresses,
        allocate,
        ports: ports(&spec.ports)?,
        resolution: if external_name.is_some() {
            Resolution::Dns
        } else {
            Resolution::Static
        },
        location: Location::MeshInternal,
        headless,
        selector: spec.selector.into_iter().collect(),
        publish_not_ready: spec.publish_not_ready_addresses,
        external_name: external_name.map(Into::into),
        export_to: export_to(cx),
        subject_alt_names: Vec::new(),
        created: cx.created,
        traffic_distribution: traffic_distribution(spec.traffic_distribution.as_deref(), cx),
    })
}

fn external_name(spec: &Spec) -> Result<Option<String>, Invalid> {
    if spec.r#type != "ExternalName" {
        return Ok(None);
    }
    let Some(name) = &spec.external_name else {
        return Err(Invalid::new(
            "`externalName` is missing; name the host that the service stands for",
        )
        .at("spec"));
    };
    check_host(name, Wildcard::Refused).map_err(|invalid| invalid.at("spec.externalName"))?;
    Ok(Some(name.trim_end_matches('.').to_ascii_lowercase()))
}

fn addresses(spec: &Spec) -> Result<Vec<IpNet>, Invalid> {
    let mut all: Vec<&String> = vec![&spec.cluster_ip];
    all.extend(&spec.cluster_ips);
    let mut addresses = Vec::new();
    for text in all
        .into_iter()
        .filter(|text| !text.is_empty() && *text != "None")
    {
        let address: IpAddr = text.parse().map_err(|_| {
            Invalid::new(format_args!(
                "`{text}` is no address; leave it out to get one"
            ))
            .at("spec.clusterIP")
        })?;
        let network = IpNet::from(address);
        if !addresses.contains(&network) {
            addresses.push(network);
        }
    }
    Ok(addresses)
}

fn ports(raw: &[RawPort]) -> Result<Vec<ServicePort>, Invalid> {
    let mut names = BTreeSet::new();
    let mut ports: Vec<ServicePort> = Vec::new();
    for (index, port) in raw.iter().enumerate() {
        let at = |field: &str| format!("spec.ports[{index}]{field}");
        if !names.insert(&port.name) {
            let text = match port.name.is_empty() {
                true => "of several ports one has no name; name every port".to_owned(),
                false => format!("two ports are called `{}`; names are unique", port.name),
            };
            return Err(Invalid::new(text).at(&at("")));
        }
        let number = port.port.0;
        let target = match &port.target_port {
            None => TargetPort::Number(number),
            Some(RawTarget::Number(value)) => TargetPort::Number(
                Port::try_from(*value)
                    .map_err(|invalid| invalid.at(&at(".targetPort")))?
                    .0,
            ),
            Some(RawTarget::Name(name)) => match name.parse::<u16>() {
                Ok(number) if number > 0 => TargetPort::Number(number),
                Ok(_) | Err(_) => TargetPort::Name(name.as_str().into()),
            },
        };
        let protocol = protocol(port.app_protocol.as_deref(), &port.name, port.protocol);
        if ports.iter().any(|other| {
            other.number == number && other.protocol.is_carried() && protocol.is_carried()
        }) {
            return Err(Invalid::new(format_args!(
                "port {number} comes twice; numbers are unique"
            ))
            .at(&at(".port")));
        }
        ports.push(ServicePort {
            name: port.name.as_str().into(),
            number,
            target,
            protocol,
        });
    }
    Ok(ports)
}

/// The protocol of a port: `appProtocol`, else the name up to its first dash, else unknown. See Istio, "Protocol
/// Selection".
pub(super) fn protocol(app: Option<&str>, name: &str, transport: Transport) -> Protocol {
    match transport {
        Transport::Tcp => {}
        Transport::Udp => return Protocol::Udp,
        Transport::Sctp => return Protocol::Unsupported,
    }
    if let Some(app) = app {
        return by_app_protocol(app);
    }
    let name = name.to_ascii_lowercase();
    match name == "grpc-web" || name.starts_with("grpc-web-") {
        true => Protocol::GrpcWeb,
        false => by_word(name.split('-').next().unwrap_or_default()).unwrap_or(Protocol::Auto),
    }
}

fn by_app_protocol(app: &str) -> Protocol {
    match app.to_ascii_lowercase().as_str() {
        "kubernetes.io/h2c" => Protocol::Http2,
        "kubernetes.io/ws" => Protocol::Http,
        "kubernetes.io/wss" => Protocol::Https,
        word => by_word(word).unwrap_or(Protocol::Auto),
    }
}

/// The protocol that Istio calls so.
pub(super) fn by_word(word: &str) -> Option<Protocol> {
    Some(match word {
        "http" => Protocol::Http,
        "http2" => Protocol::Http2,
        "grpc" => Protocol::Grpc,
        "grpc-web" => Protocol::GrpcWeb,
        "https" => Protocol::Https,
        "tls" => Protocol::Tls,
        "tcp" => Protocol::Tcp,
        "mongo" => Protocol::Mongo,
        "redis" => Protocol::Redis,
        "mysql" => Protocol::MySql,
        "udp" => Protocol::Udp,
        _ => return None,
    })
}

fn export_to(cx: &Cx<'_>) -> Visibility {
    let words = cx
        .annotations
        .get(EXPORT_TO)
        .map(String::as_str)
        .unwrap_or_default();
    let words: Vec<String> = words
        .split(',')
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    cx.visibility(&words)
}

fn traffic_distribution(field: Option<&str>, cx: &Cx<'_>) -> TrafficDistribution {
    let annotated = cx.annotations.get(TRAFFIC_DISTRIBUTION).map(String::as_str);
    match annotated.or(field) {
        None | Some("Any") => TrafficDistribution::Any,
        Some("PreferClose" | "PreferSameZone") => TrafficDistribution::PreferSameZone,
        Some("PreferSameNode") => TrafficDistribution::PreferSameNode,
        Some(other) => {
            cx.warn(
                "spec.trafficDistribution",
                format_args!("`{other}` has no effect; write PreferSameZone or PreferSameNode"),
            );
            TrafficDistribution::Any
        }
    }
}
