//! What was generated for single services, kept for as long as all that it was made from is the same. A change of one service
//! among ten thousand is then one service's work.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Resource;
use crate::model::Name;
use crate::scope::{Conditions, Scope, ScopedService};
use xds_proto::resource::ResourceKind;

/// What was generated for the services of one class of proxies.
#[derive(Debug, Default)]
pub struct Memo(BTreeMap<ResourceKind, OfKind>);

#[derive(Debug, Default)]
struct OfKind {
    /// What every resource depends on beside its service.
    conditions: Option<Conditions>,
    services: HashMap<Name, Kept>,
}

#[derive(Debug)]
struct Kept {
    made_from: ScopedService,
    resources: Vec<Arc<Resource>>,
}

impl Memo {
    /// The resources of all services of the scope: those that were made from the same service before, or newly made.
    ///
    /// Invariant: what `make` gives follows from the service and the scope's conditions alone, unless `looks_around` says
    /// that it may look at other services for this one; such a service is made anew each time.
    pub(super) fn each_service(
        &mut self,
        scope: &Scope,
        kind: ResourceKind,
        looks_around: impl Fn(&ScopedService) -> bool,
        make: impl Fn(&ScopedService) -> Vec<Resource>,
    ) -> Vec<Arc<Resource>> {
        let of_kind = self.0.entry(kind).or_default();
        let conditions = Some(scope.conditions());
        if of_kind.conditions != conditions {
            of_kind.services.clear();
            of_kind.conditions = conditions;
        }
        let mut before = std::mem::take(&mut of_kind.services);
        let mut all = Vec::new();
        for service in scope.reachable() {
            let host = &service.service.host;
            let kept = before
                .remove(host)
                .filter(|kept| kept.made_from.is_same(service) && !looks_around(service));
            let kept = kept.unwrap_or_else(|| Kept {
                made_from: service.clone(),
                resources: make(service).into_iter().map(Arc::new).collect(),
            });
            all.extend(kept.resources.iter().cloned());
            of_kind.services.insert(host.clone(), kept);
        }
        all
    }
}
