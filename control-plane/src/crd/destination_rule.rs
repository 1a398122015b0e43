//! Istio `DestinationRule`.

mod balancing;
mod policy;

use super::cx::Cx;
use super::peer_authentication::Selector;
use super::problem::Invalid;
use super::value::{Wildcard, check_host};
use crate::model::traffic_policy::{DestinationRule, Subset, TrafficPolicy};
use policy::RawPolicy;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
pub(super) struct Raw {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    host: String,
    traffic_policy: Option<RawPolicy>,
    #[serde(default)]
    subsets: Vec<RawSubset>,
    #[serde(default)]
    export_to: Vec<String>,
    #[serde(default)]
    workload_selector: Selector,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSubset {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    traffic_policy: Option<RawPolicy>,
}

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<DestinationRule, Invalid> {
    let Raw {
        spec:
            Spec {
                host,
                traffic_policy,
                subsets,
                export_to,
                workload_selector,
            },
    } = raw;
    check_host(&host, Wildcard::Allowed).map_err(|invalid| invalid.at("spec.host"))?;
    Ok(DestinationRule {
        origin: cx.origin.clone(),
        host: cx.qualify(host.trim_end_matches('.')),
        export_to: cx.visibility(&export_to),
        workload_selector: workload_selector.labels(),
        policy: lower_policy(traffic_policy, "spec.trafficPolicy", cx)?,
        subsets: lower_subsets(subsets, cx)?,
        created: cx.created,
    })
}

fn lower_policy(raw: Option<RawPolicy>, at: &str, cx: &Cx<'_>) -> Result<TrafficPolicy, Invalid> {
    raw.map_or_else(|| Ok(TrafficPolicy::default()), |raw| raw.lower(at, cx))
}

fn lower_subsets(raw: Vec<RawSubset>, cx: &Cx<'_>) -> Result<Vec<Subset>, Invalid> {
    let mut names = BTreeSet::new();
    let mut subsets = Vec::with_capacity(raw.len());
    for (
        index,
        RawSubset {
            name,
            labels,
            traffic_policy,
        },
    ) in raw.into_iter().enumerate()
    {
        let at = |field: &str| format!("spec.subsets[{index}]{field}");
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        if name.is_empty() || name.len() > 63 || !name.chars().all(fits) {
            let text =
                format!("`{name}` is no name of a subset; use letters, digits, `-`, `.` and `_`");
            return Err(Invalid::new(text).at(&at(".name")));
        }
        if !names.insert(name.clone()) {
            return Err(Invalid::new(format_args!(
                "subset `{name}` comes twice; names are unique"
            ))
            .at(&at(".name")));
        }
        subsets.push(Subset {
            name: name.into(),
            labels: labels.into_iter().collect(),
            policy: lower_policy(traffic_policy, &at(".trafficPolicy"), cx)?,
            origin: cx.origin.clone(),
        });
    }
    Ok(subsets)
}
