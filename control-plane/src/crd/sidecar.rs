//! Istio `Sidecar`.

use super::cx::Cx;
use super::problem::Invalid;
use super::service;
use super::value::{Port, Wildcard, check_host};
use crate::model::service::Protocol;
use crate::model::sidecar::{
    Capture, DefaultEndpoint, Egress, EgressPort, EgressProtocol, HostPattern, Ingress,
    NamespacePattern, Sidecar,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
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
    workload_selector: Selector,
    ingress: Vec<RawIngress>,
    egress: Vec<RawEgress>,
    outbound_traffic_policy: Option<Policy>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Selector {
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawIngress {
    port: RawPort,
    #[serde(default)]
    bind: String,
    #[serde(default)]
    capture_mode: CaptureMode,
    #[serde(default)]
    default_endpoint: String,
    #[serde(default)]
    tls: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEgress {
    #[serde(default)]
    port: Option<RawPort>,
    #[serde(default)]
    bind: String,
    #[serde(default)]
    capture_mode: CaptureMode,
    #[serde(default)]
    hosts: Vec<String>,
}

#[derive(Deserialize)]
struct RawPort {
    number: Port,
    #[serde(default)]
    protocol: String,
    #[serde(default)]
    name: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum CaptureMode {
    #[default]
    Default,
    Iptables,
    None,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Policy {
    mode: PolicyMode,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PolicyMode {
    #[default]
    RegistryOnly,
    AllowAny,
}

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<Sidecar, Invalid> {
    let Raw {
        spec:
            Spec {
                workload_selector,
                ingress,
                egress,
                outbound_traffic_policy,
            },
    } = raw;
    if let Some(index) = egress.iter().position(|listener| listener.port.is_none())
        && index + 1 != egress.len()
    {
        return Err(Invalid::new(
            "a listener without `port` takes all ports that are left, so it must come last; move it to the end",
        )
        .at(&format!("spec.egress[{index}]")));
    }
    let mut ports = BTreeSet::new();
    let mut read = Vec::new();
    for (index, listener) in ingress.into_iter().enumerate() {
        let at = format!("spec.ingress[{index}]");
        if !ports.insert(listener.port.number) {
            return Err(Invalid::new("this port comes twice; remove one").at(&at));
        }
        read.push(self::ingress(listener).map_err(|invalid| invalid.at(&at))?);
    }
    let egress = egress.into_iter().enumerate().map(|(index, listener)| {
        self::egress(listener, cx).map_err(|invalid| invalid.at(&format!("spec.egress[{index}]")))
    });
    Ok(Sidecar {
        origin: cx.origin.clone(),
        created: cx.created,
        selector: workload_selector
            .labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
        ingress: read,
        egress: egress.collect::<Result<_, _>>()?,
        allow_any: outbound_traffic_policy.map(|policy| match policy.mode {
            PolicyMode::AllowAny => true,
            PolicyMode::RegistryOnly => false,
        }),
    })
}

fn ingress(raw: RawIngress) -> Result<Ingress, Invalid> {
    let RawIngress {
        port,
        bind,
        capture_mode,
        default_endpoint,
        tls,
    } = raw;
    if tls.is_some() {
        return Err(Invalid::new(
            "`tls` is not honoured yet, and without it the port would be served otherwise than it says; remove the listener or its `tls`",
        ));
    }
    Ok(Ingress {
        port: port.number.0,
        protocol: protocol(&port)?,
        bind: address(&bind)?,
        capture: capture(capture_mode),
        endpoint: endpoint(&default_endpoint)?,
    })
}

fn egress(raw: RawEgress, cx: &Cx<'_>) -> Result<Egress, Invalid> {
    let RawEgress {
        port,
        bind,
        capture_mode,
        hosts,
    } = raw;
    if hosts.is_empty() {
        return Err(Invalid::new(
            "`hosts` is empty; name what may be called, such as ./* or */*",
        ));
    }
    let port = port.map(|port| {
        let protocol = if port.protocol.eq_ignore_ascii_case("HTTP_PROXY") {
            EgressProtocol::HttpProxy
        } else if protocol(&port)?.is_http() {
            EgressProtocol::Http
        } else {
            EgressProtocol::Tcp
        };
        Ok(EgressPort {
            number: port.number.0,
            protocol,
        })
    });
    Ok(Egress {
        port: port.transpose()?,
        bind: address(&bind)?,
        capture: capture(capture_mode),
        hosts: hosts
            .iter()
            .map(|text| pattern(text, cx))
            .collect::<Result<_, _>>()?,
    })
}

fn protocol(port: &RawPort) -> Result<Protocol, Invalid> {
    if port.protocol.is_empty() {
        return Ok(service::protocol(None, &port.name, service::Transport::Tcp));
    }
    service::by_word(&port.protocol.to_ascii_lowercase()).ok_or_else(|| {
        Invalid::new(format_args!(
            "`{}` is no protocol; write HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, MONGO, TCP or TLS (for egress also HTTP_PROXY)",
            port.protocol
        ))
    })
}

fn capture(mode: CaptureMode) -> Capture {
    match mode {
        CaptureMode::Default | CaptureMode::Iptables => Capture::Default,
        CaptureMode::None => Capture::None,
    }
}

fn address(text: &str) -> Result<Option<IpAddr>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    let hint = if text.starts_with("unix://") {
        "Unix sockets are not honoured yet; write an address"
    } else {
        "write an IP address"
    };
    text.parse()
        .map(Some)
        .map_err(|_| Invalid::new(format_args!("`bind: {text}` is no address; {hint}")))
}

/// `127.0.0.1:PORT` (here any address of the loopback network), `0.0.0.0:PORT` for the workload's own address.
fn endpoint(text: &str) -> Result<DefaultEndpoint, Invalid> {
    if text.is_empty() {
        return Ok(DefaultEndpoint::Dialled);
    }
    let read: Option<std::net::SocketAddr> = text.parse().ok();
    match read {
        Some(address) if address.ip().is_loopback() => {
            Ok(DefaultEndpoint::Loopback(address.ip(), address.port()))
        }
        Some(address) if address.ip().is_unspecified() => {
            Ok(DefaultEndpoint::Workload(address.port()))
        }
        Some(_) | None => Err(Invalid::new(format_args!(
            "`defaultEndpoint: {text}` cannot be used; write 127.0.0.1:PORT, [::1]:PORT or 0.0.0.0:PORT"
        ))),
    }
}

fn pattern(text: &str, cx: &Cx<'_>) -> Result<HostPattern, Invalid> {
    let Some((namespace, host)) = text.split_once('/') else {
        return Err(Invalid::new(format_args!(
            "`{text}` names no namespace; write NAMESPACE/HOST, such as ./* or */{text}"
        )));
    };
    check_host(host, Wildcard::Allowed)?;
    Ok(HostPattern {
        namespace: match namespace {
            "*" => NamespacePattern::Any,
            "." => NamespacePattern::Own,
            "~" => NamespacePattern::Nowhere,
            name => NamespacePattern::Named(name.into()),
        },
        host: match namespace {
            "*" | "." | "~" => cx.qualify(host),
            name => crate::store::hosts::qualify(host, name, cx.domain),
        },
    })
}
