//! Kubernetes `EndpointSlice`.

use super::cx::Cx;
use super::problem::Invalid;
use super::value::{Port, Wildcard, check_host};
use crate::model::Name;
use crate::model::endpoint::Health;
use crate::model::service_entry::{EndpointSlice, SliceAddress, SliceEndpoint, SlicePort};
use serde::Deserialize;

const SERVICE_NAME: &str = "kubernetes.io/service-name";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    address_type: AddressType,
    #[serde(default)]
    endpoints: Vec<RawEndpoint>,
    #[serde(default)]
    ports: Vec<RawPort>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum AddressType {
    IPv4,
    IPv6,
    #[serde(rename = "FQDN")]
    Fqdn,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEndpoint {
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    conditions: Conditions,
    target_ref: Option<TargetRef>,
    #[serde(default)]
    node_name: String,
    #[serde(default)]
    zone: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

#[derive(Deserialize)]
struct TargetRef {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct RawPort {
    #[serde(default)]
    name: String,
    port: Option<Port>,
}

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<EndpointSlice, Invalid> {
    let Raw {
        address_type,
        endpoints,
        ports,
    } = raw;
    let Some(service) = cx.labels.get(SERVICE_NAME) else {
        return Err(Invalid::new(format_args!(
            "it does not say which service it belongs to; add the label {SERVICE_NAME}: NAME"
        ))
        .at("metadata.labels"));
    };
    let mut lowered = Vec::with_capacity(endpoints.len());
    for (index, endpoint) in endpoints.into_iter().enumerate() {
        let at = format!("endpoints[{index}].addresses");
        lowered.push(lower_endpoint(endpoint, address_type).map_err(|invalid| invalid.at(&at))?);
    }
    let port = |port: RawPort| {
        Some(SlicePort {
            name: port.name.into(),
            number: port.port?.0,
        })
    };
    Ok(EndpointSlice {
        origin: cx.origin.clone(),
        service: service.into(),
        ports: ports.into_iter().filter_map(port).collect(),
        endpoints: lowered,
    })
}

fn lower_endpoint(raw: RawEndpoint, address_type: AddressType) -> Result<SliceEndpoint, Invalid> {
    let RawEndpoint {
        addresses,
        conditions,
        target_ref,
        node_name,
        zone,
    } = raw;
    if addresses.is_empty() {
        return Err(Invalid::new(
            "an endpoint has no address; add one or remove the endpoint",
        ));
    }
    let address = |text: String| -> Result<SliceAddress, Invalid> {
        if address_type == AddressType::Fqdn {
            check_host(&text, Wildcard::Refused)?;
            return Ok(SliceAddress::Dns(text.to_ascii_lowercase().into()));
        }
        let ip = text.parse().map_err(|_| {
            Invalid::new(format_args!("`{text}` is no address; write an IP address"))
        })?;
        Ok(SliceAddress::Ip(ip))
    };
    let pod = target_ref
        .filter(|target| target.kind == "Pod")
        .map(|target| target.name);
    Ok(SliceEndpoint {
        addresses: addresses
            .into_iter()
            .map(address)
            .collect::<Result<_, _>>()?,
        health: health(&conditions),
        pod: pod.map(Name::from).unwrap_or_default(),
        node: node_name.into(),
        zone: zone.into(),
    })
}

/// Kubernetes' meaning of the conditions: unknown readiness is ready; what terminates while it serves is drained.
fn health(conditions: &Conditions) -> Health {
    let terminating = conditions.terminating == Some(true);
    match (
        conditions.ready.unwrap_or(true),
        terminating && conditions.serving == Some(true),
    ) {
        (true, _) => Health::Ready,
        (false, true) => Health::Draining,
        (false, false) => Health::NotReady,
    }
}
