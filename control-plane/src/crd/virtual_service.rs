//! Istio `VirtualService`.

mod conditions;
mod connection;
mod extras;
mod http;
mod reply;

use super::cx::Cx;
use super::problem::Invalid;
use super::value::{Count, Port, Wildcard, check_host};
use crate::model::Name;
use crate::model::route::{Destination, MESH_GATEWAY, VirtualService};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
pub(super) struct Raw {
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    hosts: Vec<String>,
    gateways: Vec<String>,
    http: Vec<http::RawRoute>,
    tls: Vec<connection::RawTlsRoute>,
    tcp: Vec<connection::RawTcpRoute>,
    export_to: Vec<String>,
}

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<VirtualService, Invalid> {
    let Raw { spec } = raw;
    let hosts = hosts(&spec, cx)?;
    let gateways = match spec.gateways.is_empty() {
        true => vec![MESH_GATEWAY.into()],
        false => gateways(&spec.gateways, cx),
    };
    if spec.http.is_empty() && spec.tls.is_empty() && spec.tcp.is_empty() {
        return Err(Invalid::new("it has no rules; add `http`, `tls` or `tcp`").at("spec"));
    }
    let delegate = hosts.is_empty();
    if delegate && (!spec.tls.is_empty() || !spec.tcp.is_empty()) {
        let text = "without hosts it can only be delegated to, with `http` rules; add `hosts`, or remove `tls` and `tcp`";
        return Err(Invalid::new(text).at("spec"));
    }
    Ok(VirtualService {
        origin: cx.origin.clone(),
        export_to: cx.visibility(&spec.export_to),
        created: cx.created,
        http: each(spec.http, "spec.http", |index, at, raw| {
            raw.lower(index, at, cx)
        })?,
        tls: each(spec.tls, "spec.tls", |index, at, raw| {
            raw.lower(index, at, &hosts, cx)
        })?,
        tcp: each(spec.tcp, "spec.tcp", |index, at, raw| {
            raw.lower(index, at, cx)
        })?,
        hosts,
        gateways,
    })
}

/// Lowers each item of a list that stands at `at`.
fn each<R, T>(
    raw: Vec<R>,
    at: &str,
    lower: impl Fn(usize, &str, R) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let items = raw.into_iter().enumerate();
    items
        .map(|(index, raw)| lower(index, &format!("{at}[{index}]"), raw))
        .collect()
}

fn hosts(spec: &Spec, cx: &Cx<'_>) -> Result<Vec<Name>, Invalid> {
    let mut hosts = Vec::with_capacity(spec.hosts.len());
    let mut seen = BTreeSet::new();
    for (index, host) in spec.hosts.iter().enumerate() {
        let at = format!("spec.hosts[{index}]");
        check_host(host, Wildcard::Allowed).map_err(|invalid| invalid.at(&at))?;
        let name = cx.qualify(host.trim_end_matches('.'));
        if !seen.insert(name.clone()) {
            return Err(Invalid::new(format_args!("`{host}` comes twice; remove one")).at(&at));
        }
        hosts.push(name);
    }
    Ok(hosts)
}

/// Gateways by `namespace/name`; a bare name is one of the object's own namespace.
fn gateways(raw: &[String], cx: &Cx<'_>) -> Vec<Name> {
    let namespace = &cx.origin.namespace;
    let lower = |gateway: &String| match gateway == MESH_GATEWAY || gateway.contains('/') {
        true => gateway.as_str().into(),
        false => format!("{namespace}/{gateway}").into(),
    };
    raw.iter().map(lower).collect()
}

#[derive(Deserialize)]
struct RawDestination {
    host: String,
    subset: Option<String>,
    port: Option<PortSelector>,
}

#[derive(Deserialize)]
struct PortSelector {
    number: Port,
}

impl RawDestination {
    fn lower(&self, at: &str, cx: &Cx<'_>) -> Result<Destination, Invalid> {
        check_host(&self.host, Wildcard::Refused)
            .map_err(|invalid| invalid.at(&format!("{at}.host")))?;
        Ok(Destination {
            host: cx.qualify(self.host.trim_end_matches('.')),
            subset: self
                .subset
                .as_deref()
                .filter(|subset| !subset.is_empty())
                .map(Name::from),
            port: self.port.as_ref().map(|port| port.number.0),
        })
    }
}

/// Weights as they count: a single destination takes everything, whatever it says.
fn weights(raw: &[Option<Count>], at: &str) -> Result<Vec<u32>, Invalid> {
    let weights: Vec<u32> = raw
        .iter()
        .map(|weight| weight.map_or(0, |weight| weight.0))
        .collect();
    if let [only] = weights.as_slice() {
        return Ok(vec![if *only == 0 { 100 } else { *only }]);
    }
    match weights.iter().map(|weight| u64::from(*weight)).sum::<u64>() {
        0 => Err(Invalid::new(
            "all weights are 0, so nothing could be picked; give one of them a weight",
        )
        .at(at)),
        sum if sum > u64::from(u32::MAX) => {
            Err(Invalid::new("the weights add up to too much; use shares of 100").at(at))
        }
        _ => Ok(weights),
    }
}
