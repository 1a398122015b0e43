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
pub enum Filter {
    /// Authorization whose verdict needs no facts.
    Rbac(RbacFilter),
    /// Delays and aborts.
    Fault(Arc<FaultPolicy>),
    /// Cross-origin requests; the policy is that of the route.
    Cors,
}

/// An RBAC filter. One that is disabled or has no rules allows, and stays in the chain for routes to speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RbacFilter {
    /// The name that routes call it by.
    pub name: Arc<str>,
    /// Its own verdict.
    pub verdict: RbacVerdict,
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
        self.chain.iter().find_map(|filter| match filter {
            Filter::Rbac(guard) => {
                let verdict = route.rbac.get(&guard.name).unwrap_or(&guard.verdict);
                verdict.denies().then_some(verdict)
            }
            Filter::Fault(_) | Filter::Cors => None,
        })
    }
}

/// What filters do in one virtual host, route or weighted cluster; the innermost level that says something counts.
#[derive(Debug, Clone, Default)]
pub struct PerFilter {
    /// Delays and aborts in place of the filter's own.
    pub fault: Option<Arc<FaultPolicy>>,
    /// Cross-origin requests.
    pub cors: Option<Arc<CorsPolicy>>,
    /// Verdicts in place of the filters' own, by the name of the filter.
    pub rbac: BTreeMap<Arc<str>, RbacVerdict>,
}

impl PerFilter {
    /// This level with what an outer level says and this one does not.
    #[must_use]
    pub fn or(&self, outer: &Self) -> Self {
        let owned = |(name, verdict): (&Arc<str>, &RbacVerdict)| (name.clone(), verdict.clone());
        Self {
            fault: self.fault.clone().or_else(|| outer.fault.clone()),
            cors: self.cors.clone().or_else(|| outer.cors.clone()),
            rbac: outer.rbac.iter().chain(&self.rbac).map(owned).collect(),
        }
    }

    /// The first verdict that denies.
    pub(crate) fn rbac_denial(&self) -> Option<&RbacVerdict> {
        self.rbac.values().find(|verdict| verdict.denies())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(verdict: Verdict) -> RbacVerdict {
        RbacVerdict {
            verdict,
            policy: None,
        }
    }

    fn chain(filters: &[(&str, Verdict)]) -> Filters {
        let rbac = |(name, own): &(&str, Verdict)| {
            Filter::Rbac(RbacFilter {
                name: (*name).into(),
                verdict: verdict(*own),
            })
        };
        Filters {
            chain: filters.iter().map(rbac).collect(),
        }
    }

    fn route(overrides: &[(&str, Verdict)]) -> PerFilter {
        let rbac = overrides.iter();
        PerFilter {
            rbac: rbac
                .map(|(name, own)| ((*name).into(), verdict(*own)))
                .collect(),
            ..PerFilter::default()
        }
    }

    #[test]
    fn a_route_that_denies_does_so_whatever_filters_there_are() {
        let denies = route(&[("authz", Verdict::Deny)]);
        assert!(chain(&[]).denial(&denies).is_some());
        let open = chain(&[("authz", Verdict::Allow)]);
        assert!(open.denial(&denies).is_some());
        assert!(open.denial(&PerFilter::default()).is_none());
    }

    #[test]
    fn a_route_that_allows_speaks_for_the_filter_of_that_name_only() {
        let allows = route(&[("first", Verdict::Allow)]);
        assert!(chain(&[("first", Verdict::Deny)]).denial(&allows).is_none());
        assert!(
            chain(&[("first", Verdict::Deny), ("second", Verdict::Deny)])
                .denial(&allows)
                .is_some()
        );
    }

    #[test]
    fn the_inner_level_counts_for_each_filter_by_itself() {
        let outer = route(&[("first", Verdict::Deny), ("second", Verdict::Allow)]);
        let inner = route(&[("first", Verdict::Allow)]).or(&outer);
        let closed = chain(&[("first", Verdict::Deny), ("second", Verdict::Deny)]);
        assert!(closed.denial(&inner).is_none());
        let third = route(&[("third", Verdict::Allow)]).or(&outer);
        assert!(third.rbac_denial().is_some());
    }
}
