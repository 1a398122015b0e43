//! Istio `WorkloadEntry`, by itself and within a `ServiceEntry`.

use super::cx::Cx;
use super::pod::{has_mesh_tls, locality};
use super::problem::Invalid;
use super::value::{Count, Port, Wildcard, check_host};
use crate::model::endpoint::{EndpointAddress, Health, Locality};
use crate::model::workload::{Workload, WorkloadPort};
use crate::model::{Labels, Name};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Raw {
    spec: Entry,
}

/// The body of a workload entry.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) address: String,
    pub(super) ports: BTreeMap<String, Port>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) network: String,
    pub(super) locality: String,
    pub(super) weight: Option<Count>,
    pub(super) service_account: String,
}

impl Entry {
    pub(super) fn address(&self) -> Result<EndpointAddress, Invalid> {
        let address = self.address.as_str();
        if address.is_empty() {
            return Err(Invalid::new(
                "`address` is missing; write an IP address or a DNS name",
            ));
        }
        if let Some(path) = address.strip_prefix("unix://") {
            return match path.starts_with('/') {
                true => Ok(EndpointAddress::Unix(path.into())),
                false => Err(Invalid::new(format_args!(
                    "`{address}` is no socket; write unix:///absolute/path"
                ))),
            };
        }
        if let Ok(ip) = address.parse() {
            return Ok(EndpointAddress::Ip(ip));
        }
        check_host(address, Wildcard::Refused)?;
        Ok(EndpointAddress::Dns(address.to_ascii_lowercase().into()))
    }

    pub(super) fn labels(&self) -> Labels {
        self.labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }

    pub(super) fn locality(&self) -> Locality {
        match self.locality.is_empty() {
            true => locality(&self.labels()),
            false => Locality::parse(&self.locality),
        }
    }

    /// Its share, 1 if it does not say; 0 is left to the caller.
    pub(super) fn weight(&self) -> u32 {
        self.weight.map_or(1, |weight| weight.0.max(1))
    }
}

const HEALTH: &str = "proxy.istio.io/health-checks-enabled";

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<Workload, Invalid> {
    let Raw { spec: entry } = raw;
    if cx.annotations.contains_key(HEALTH) {
        cx.warn(
            "metadata.annotations",
            format_args!("{HEALTH} has no effect; the entry always counts as healthy"),
        );
    }
    let labels: Labels = match entry.labels.is_empty() {
        true => cx.labels.clone(),
        false => cx
            .labels
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .chain(pairs(&entry))
            .collect(),
    };
    let account = if entry.service_account.is_empty() {
        "default"
    } else {
        &entry.service_account
    };
    Ok(Workload {
        origin: cx.origin.clone(),
        addresses: vec![
            entry
                .address()
                .map_err(|invalid| invalid.at("spec.address"))?,
        ],
        mtls: has_mesh_tls(&labels),
        locality: entry.locality(),
        labels,
        service_account: account.into(),
        owner: cx.origin.name.clone(),
        ports: entry
            .ports
            .iter()
            .map(|(name, port)| WorkloadPort {
                name: name.as_str().into(),
                number: port.0,
            })
            .collect(),
        network: entry.network.as_str().into(),
        node: Name::default(),
        weight: entry.weight(),
        health: Health::Ready,
        created: cx.created,
    })
}

fn pairs(entry: &Entry) -> impl Iterator<Item = (Name, Name)> {
    entry
        .labels
        .iter()
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
}
