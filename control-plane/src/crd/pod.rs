//! Kubernetes `Pod`.

use super::cx::Cx;
use super::problem::Invalid;
use super::value::Port;
use crate::model::endpoint::{EndpointAddress, Health, Locality};
use crate::model::workload::{Workload, WorkloadPort};
use crate::model::{Labels, Name};
use serde::Deserialize;
use std::net::IpAddr;

#[derive(Deserialize)]
pub(super) struct Raw {
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    service_account_name: String,
    service_account: String,
    node_name: String,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    ports: Vec<ContainerPort>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerPort {
    #[serde(default)]
    name: String,
    container_port: Port,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Vec<PodIp>,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct PodIp {
    ip: String,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

const TLS_MODE: &str = "security.istio.io/tlsMode";
const NETWORK: &str = "topology.istio.io/network";
const LOCALITY: &str = "istio-locality";

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<Workload, Invalid> {
    let Raw { spec, status } = raw;
    let account = [spec.service_account_name, spec.service_account]
        .into_iter()
        .find(|name| !name.is_empty());
    let containers = spec.containers.into_iter().chain(spec.init_containers);
    let ports = containers.flat_map(|container| container.ports);
    Ok(Workload {
        origin: cx.origin.clone(),
        addresses: addresses(&status)?,
        labels: cx.labels.clone(),
        service_account: account.map(Name::from).unwrap_or_else(|| "default".into()),
        owner: owner(cx),
        ports: ports
            .map(|port| WorkloadPort {
                name: port.name.into(),
                number: port.container_port.0,
            })
            .collect(),
        locality: locality(&cx.labels),
        network: cx.labels.get(NETWORK).unwrap_or_default().into(),
        node: spec.node_name.into(),
        weight: 1,
        health: health(&status),
        mtls: has_mesh_tls(&cx.labels),
        created: cx.created,
    })
}

fn addresses(status: &Status) -> Result<Vec<EndpointAddress>, Invalid> {
    let mut addresses = Vec::new();
    let all = status
        .pod_ip
        .iter()
        .chain(status.pod_ips.iter().map(|ip| &ip.ip));
    for text in all.filter(|text| !text.is_empty()) {
        let invalid = || {
            Invalid::new(format_args!("`{text}` is no address; write an IP address"))
                .at("status.podIP")
        };
        let address = EndpointAddress::Ip(text.parse::<IpAddr>().map_err(|_| invalid())?);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Ready when it says so; when it does not say, when it runs, or when nothing is known of its state.
fn health(status: &Status) -> Health {
    let condition = status
        .conditions
        .iter()
        .find(|condition| condition.r#type == "Ready");
    let running = || matches!(status.phase.as_deref(), None | Some("Running"));
    match condition.map_or_else(running, |condition| condition.status == "True") {
        true => Health::Ready,
        false => Health::NotReady,
    }
}

/// The name of what runs the pod: a ReplicaSet of a Deployment ends in the hash of its pod template.
fn owner(cx: &Cx<'_>) -> Name {
    let Some((kind, name)) = &cx.owner else {
        return cx.origin.name.clone();
    };
    let hash = cx
        .labels
        .get("pod-template-hash")
        .map(|hash| format!("-{hash}"));
    match (kind.as_str(), hash) {
        ("ReplicaSet", Some(hash)) => name.strip_suffix(&hash).unwrap_or(name).into(),
        _ => name.as_str().into(),
    }
}

/// The locality that labels tell: Istio's own label first, else the topology labels.
pub(super) fn locality(labels: &Labels) -> Locality {
    if let Some(text) = labels.get(LOCALITY) {
        return Locality::parse(&text.replace('.', "/"));
    }
    let label = |key: &str| labels.get(key).unwrap_or_default().into();
    Locality {
        region: label("topology.kubernetes.io/region"),
        zone: label("topology.kubernetes.io/zone"),
        subzone: label("topology.istio.io/subzone"),
    }
}

/// Whether labels tell of a sidecar that terminates mesh TLS.
pub(super) fn has_mesh_tls(labels: &Labels) -> bool {
    labels.get(TLS_MODE) == Some("istio")
}
