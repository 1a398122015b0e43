//! Destination rules by host, and the one that holds for a client.

use super::hosts::HostIndex;
use super::policies::Target;
use crate::model::traffic_policy::DestinationRule;
use crate::model::{Name, Object};
use std::sync::Arc;

/// All destination rules.
pub(crate) type DestinationRules = HostIndex<DestinationRule>;

/// A question: which rule holds when `client` calls `host`?
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The workload that calls.
    pub client: Target<'a>,
    /// The host it calls.
    pub host: &'a str,
    /// The namespace of the service with this host.
    pub service_namespace: &'a str,
}

/// What the mesh says about looking rules up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conventions<'a> {
    pub(crate) root: &'a str,
    pub(crate) default_export_to: &'a [String],
}

/// Sets or removes the rule of `origin` for `host`.
pub(crate) fn replace(
    index: &mut DestinationRules,
    host: &Name,
    origin: &Object,
    new: Option<Arc<DestinationRule>>,
) {
    index.edit(host, |rules| {
        rules.retain(|rule| rule.origin != *origin);
        rules.extend(new);
        rules.sort_by(|a, b| (a.created, &a.origin).cmp(&(b.created, &b.origin)));
    });
}

/// The rule for a call: from the client's namespace, else the service's, else the root namespace; there for the
/// exact host, else for the most specific wildcard; rules for one host in one namespace are merged. See Istio,
/// "Destination Rule", and "Cross-namespace configuration".
pub(crate) fn find(
    index: &DestinationRules,
    call: Call<'_>,
    conventions: Conventions<'_>,
) -> Option<Arc<DestinationRule>> {
    let candidates = index.candidates(call.host);
    [
        call.client.namespace,
        call.service_namespace,
        conventions.root,
    ]
    .into_iter()
    .find_map(|namespace| {
        candidates.iter().find_map(|rules| {
            let here = rules
                .iter()
                .filter(|rule| *rule.origin.namespace == *namespace);
            merge(here.filter(|rule| holds(rule, call, conventions)))
        })
    })
}

fn holds(rule: &DestinationRule, call: Call<'_>, conventions: Conventions<'_>) -> bool {
    let client = call.client;
    let owner = &rule.origin.namespace;
    // A selector is for workloads of the rule's own namespace.
    let selected = rule.workload_selector.is_empty()
        || (**owner == *client.namespace && rule.workload_selector.selects(client.labels));
    selected
        && rule
            .export_to
            .shows(client.namespace, owner, conventions.default_export_to)
}

/// Merges rules for one host: those that select the client stand alone and come first; of the others the oldest
/// rule's policy holds, and subsets unite, the oldest of one name first.
fn merge<'a>(
    rules: impl Iterator<Item = &'a Arc<DestinationRule>>,
) -> Option<Arc<DestinationRule>> {
    let rules: Vec<_> = rules.collect();
    if let Some(selecting) = rules.iter().find(|rule| !rule.workload_selector.is_empty()) {
        return Some((*selecting).clone());
    }
    let (first, rest) = rules.split_first()?;
    if rest.is_empty() {
        return Some((*first).clone());
    }
    let mut merged = DestinationRule::clone(first);
    for rule in rest {
        if merged.policy == crate::model::traffic_policy::TrafficPolicy::default() {
            merged.policy = rule.policy.clone();
        }
        for subset in &rule.subsets {
            if merged.subset(&subset.name).is_none() {
                merged.subsets.push(subset.clone());
            }
        }
    }
    Some(Arc::new(merged))
}

#[cfg(test)]
mod tests;
