//! Policies of workloads: peer authentication, what closes them, and what their sidecars are limited to.

use crate::model::authn::{EffectiveMtls, MtlsMode, PeerAuthentication};
use crate::model::authz::Closed;
use crate::model::sidecar::Sidecar;
use crate::model::{Labels, Object};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All policies of workloads. Few enough to be searched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    pub(crate) authentication: BTreeMap<Object, Arc<PeerAuthentication>>,
    pub(crate) closed: BTreeMap<Object, Arc<Closed>>,
    pub(crate) sidecars: BTreeMap<Object, Arc<Sidecar>>,
}

/// A workload, as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its labels.
    pub labels: &'a Labels,
}

impl Policies {
    /// The mode of a workload: what selects it, else its namespace's, else the mesh's, else permissive; the oldest
    /// of equals. See Istio, `PeerAuthentication`.
    pub(crate) fn mtls(&self, target: Target<'_>, root: &str) -> EffectiveMtls {
        let wide = |namespace: &str| {
            self.oldest(|p| *p.origin.namespace == *namespace && p.selector.is_empty())
        };
        let own = self.oldest(|p| {
            *p.origin.namespace == *target.namespace
                && !p.selector.is_empty()
                && p.selector.selects(target.labels)
        });
        let decided = [own, wide(target.namespace), wide(root)]
            .into_iter()
            .flatten()
            .find_map(|policy| policy.mode.map(|mode| (mode, policy.origin.clone())));
        let (mode, origin) = match decided {
            Some((mode, origin)) => (mode, Some(origin)),
            None => (MtlsMode::default(), None),
        };
        let named = own
            .map(|policy| policy.ports.as_slice())
            .unwrap_or_default();
        let ports = named
            .iter()
            .filter_map(|(port, mode)| Some((*port, (*mode)?)))
            .collect();
        EffectiveMtls {
            mode,
            ports,
            origin,
        }
    }

    fn oldest(
        &self,
        wanted: impl Fn(&PeerAuthentication) -> bool,
    ) -> Option<&Arc<PeerAuthentication>> {
        let all = self.authentication.values().filter(|policy| wanted(policy));
        all.min_by_key(|policy| (policy.created, policy.origin.name.clone()))
    }

    /// The `Sidecar` of a workload: what selects it, else its namespace's, else the mesh's; the oldest of equals.
    pub(crate) fn sidecar(&self, target: Target<'_>, root: &str) -> Option<&Arc<Sidecar>> {
        let oldest = |wanted: &dyn Fn(&Sidecar) -> bool| {
            let all = self.sidecars.values().filter(|sidecar| wanted(sidecar));
            all.min_by_key(|sidecar| (sidecar.created, sidecar.origin.name.clone()))
        };
        let wide = |namespace: &str| {
            oldest(&|sidecar| {
                *sidecar.origin.namespace == *namespace && sidecar.selector.is_empty()
            })
        };
        oldest(&|sidecar| {
            *sidecar.origin.namespace == *target.namespace
                && !sidecar.selector.is_empty()
                && sidecar.selector.selects(target.labels)
        })
        .or_else(|| wide(target.namespace))
        .or_else(|| wide(root))
    }

    /// What closes a workload; a policy of the root namespace reaches into every namespace.
    pub(crate) fn closed(&self, target: Target<'_>, root: &str) -> Vec<Arc<Closed>> {
        let here = |closed: &Closed| {
            *closed.origin.namespace == *target.namespace || *closed.origin.namespace == *root
        };
        let all = self.closed.values();
        all.filter(|closed| here(closed) && closed.selector.selects(target.labels))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests;
