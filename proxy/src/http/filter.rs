//! HTTP filters: what a connection manager and a route configure. The router is the end of the chain and not listed.

pub mod cors;
pub mod fault;
pub(crate) mod proto;

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
    Rbac(RbacVerdict),
    /// Delays and aborts.
    Fault(Arc<FaultPolicy>),
    /// Cross-origin requests; the policy is that of the route.
    Cors,
}

/// The verdict of an RBAC filter whose policies need no facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RbacVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The policy that decides, where there is one.
    pub policy: Option<Arc<str>>,
}

/// What filters do in one virtual host, route or weighted cluster; the innermost level that says something counts.
#[derive(Debug, Clone, Default)]
pub struct PerFilter {
    /// Delays and aborts in place of the filter's own.
    pub fault: Option<Arc<FaultPolicy>>,
    /// Cross-origin requests.
    pub cors: Option<Arc<CorsPolicy>>,
    /// A verdict in place of the filter's own.
    pub rbac: Option<RbacVerdict>,
}

impl PerFilter {
    /// This level with what an outer level says and this one does not.
    #[must_use]
    pub fn or(&self, outer: &Self) -> Self {
        Self {
            fault: self.fault.clone().or_else(|| outer.fault.clone()),
            cors: self.cors.clone().or_else(|| outer.cors.clone()),
            rbac: self.rbac.clone().or_else(|| outer.rbac.clone()),
        }
    }
}
