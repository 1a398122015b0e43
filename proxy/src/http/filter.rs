//! HTTP filters: what a connection manager and a route configure. The router is the end of the chain and not listed.

pub mod cors;
pub mod fault;
pub(crate) mod proto;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use cors::CorsPolicy;
pub use fault::FaultPolicy;

use crate::listener::filter_chain::Verdict;

/// The filters before the router, in order.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// The filters.
    pub chain: Vec<Filter>,
}

/// One filter.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The name that routes call it by.
    pub name: Arc<str>,
    /// It works where no route says otherwise.
    pub enabled: bool,
    /// What it does.
    pub kind: FilterKind,
}

/// What a filter does.
#[derive(Debug, Clone)]
pub enum FilterKind {
    /// Authorization whose verdict needs no facts.
    Rbac(RbacVerdict),
    /// Delays and aborts.
    Fault(Arc<FaultPolicy>),
    /// Cross-origin requests; the policy is that of the route.
    Cors,
    /// A filter that is disabled, and of a kind that is not known. It may be a guard, so that a route which enables it
    /// is closed; the verdict says so.
    Unknown(RbacVerdict),
}

/// The verdict of an RBAC filter whose policies need no facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RbacVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The policy that decides, where there is one.
    pub policy: Option<Arc<str>>,
}

impl RbacVerdict {
    /// What a filter without rules says.
    pub(crate) fn allow() -> Self {
        Self {
            verdict: Verdict::Allow,
            policy: None,
        }
    }

    fn denies(&self) -> bool {
        self.verdict == Verdict::Deny
    }
}

impl Filters {
    /// The verdict that keeps a request out, where there is one. A route that denies does so whatever filters there are;
    /// one that allows speaks for the filter of that name only.
    pub(crate) fn denial<'a>(&'a self, route: &'a PerFilter) -> Option<&'a RbacVerdict> {
        if let Some(denial) = route.rbac_denial() {
            return Some(denial);
        }
        self.chain
            .iter()
            .filter_map(|filter| filter.verdict(route.of(filter)))
            .find(|verdict| verdict.denies())
    }

    /// What filters other than guards do, in their order.
    pub(crate) fn in_force<'a>(
        &'a self,
        route: &'a PerFilter,
    ) -> impl Iterator<Item = InForce<'a>> {
        self.chain.iter().filter_map(|filter| {
            let said = route.of(filter);
            match (&filter.kind, said) {
                (FilterKind::Fault(_), RouteFilter::Fault(policy)) => Some(InForce::Fault(policy)),
                (FilterKind::Fault(own), _) if said.is_on() => Some(InForce::Fault(own)),
                (FilterKind::Cors, RouteFilter::Cors(policy)) => Some(InForce::Cors(policy)),
                (FilterKind::Cors, _) if said.is_on() => route.cors.as_deref().map(InForce::Cors),
                (
                    FilterKind::Fault(_)
                    | FilterKind::Cors
                    | FilterKind::Rbac(_)
                    | FilterKind::Unknown(_),
                    _,
                ) => None,
            }
        })
    }

    /// The cross-origin policy in force, if there is a filter that follows one.
    pub(crate) fn cors<'a>(&'a self, route: &'a PerFilter) -> Option<&'a CorsPolicy> {
        self.in_force(route).find_map(|found| match found {
            InForce::Cors(policy) => Some(policy),
            InForce::Fault(_) => None,
        })
    }
}

/// What a filter does with the requests of a route.
#[derive(Debug, Clone, Copy)]
pub(crate) enum InForce<'a> {
    /// Delays and aborts.
    Fault(&'a Arc<FaultPolicy>),
    /// Cross-origin requests.
    Cors(&'a CorsPolicy),
}

impl Filter {
    /// What this filter, where it is on, says of every request.
    fn verdict<'a>(&'a self, said: &'a RouteFilter) -> Option<&'a RbacVerdict> {
        match (&self.kind, said) {
            (FilterKind::Rbac(_), RouteFilter::Rbac(verdict)) => Some(verdict),
            (FilterKind::Rbac(own) | FilterKind::Unknown(own), said) => said.is_on().then_some(own),
            (FilterKind::Fault(_) | FilterKind::Cors, _) => None,
        }
    }
}

/// What a route says of a filter.
#[derive(Debug, Clone)]
pub enum RouteFilter {
    /// It does nothing.
    Off,
    /// It works as it is configured itself.
    On,
    /// It works with these faults.
    Fault(Arc<FaultPolicy>),
    /// It works with this policy.
    Cors(Arc<CorsPolicy>),
    /// It works with this verdict.
    Rbac(RbacVerdict),
}

impl RouteFilter {
    fn is_on(&self) -> bool {
        match self {
            Self::Off => false,
            Self::On | Self::Fault(_) | Self::Cors(_) | Self::Rbac(_) => true,
        }
    }
}

/// What filters do in one virtual host, route or weighted cluster; for each filter the innermost level that says
/// something counts.
#[derive(Debug, Clone, Default)]
pub struct PerFilter {
    /// By the name of the filter.
    pub filters: BTreeMap<Arc<str>, RouteFilter>,
    /// Cross-origin requests in the older form, which names no filter.
    pub cors: Option<Arc<CorsPolicy>>,
}

impl PerFilter {
    /// This level with what an outer level says and this one does not.
    #[must_use]
    pub fn or(&self, outer: &Self) -> Self {
        let owned = |(name, said): (&Arc<str>, &RouteFilter)| (name.clone(), said.clone());
        let filters = outer.filters.iter().chain(&self.filters).map(owned);
        Self {
            filters: filters.collect(),
            cors: self.cors.clone().or_else(|| outer.cors.clone()),
        }
    }

    fn of(&self, filter: &Filter) -> &RouteFilter {
        let own = if filter.enabled {
            &RouteFilter::On
        } else {
            &RouteFilter::Off
        };
        self.filters.get(&filter.name).unwrap_or(own)
    }

    /// The first verdict that denies.
    fn rbac_denial(&self) -> Option<&RbacVerdict> {
        self.filters.values().find_map(|said| match said {
            RouteFilter::Rbac(verdict) => verdict.denies().then_some(verdict),
            RouteFilter::Off | RouteFilter::On | RouteFilter::Fault(_) | RouteFilter::Cors(_) => {
                None
            }
        })
    }
}

#[cfg(test)]
mod tests;
