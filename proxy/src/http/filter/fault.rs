//! Injected faults. Source: Envoy `extensions.filters.http.fault.v3.HTTPFault`.

use std::sync::Arc;
use std::time::Duration;

use crate::http::route::matching::{Fraction, RequestFacts};
use crate::matcher::{HeaderLookup, HeaderMatcher};

/// Delays and aborts for a share of requests.
#[derive(Debug, Clone, Default)]
pub struct FaultPolicy {
    /// Requests wait.
    pub delay: Option<(Duration, Fraction)>,
    /// Requests are answered.
    pub abort: Option<(Abort, Fraction)>,
    /// The cluster that requests must go to; `None` is any.
    pub upstream_cluster: Option<Arc<str>>,
    /// Header fields that requests must carry.
    pub headers: Vec<HeaderMatcher>,
    /// Faults at a time; `None` is no limit.
    pub max_active: Option<u32>,
}

/// An injected answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// With this status.
    Http(u16),
    /// With this gRPC status.
    Grpc(u32),
}

/// What is injected into one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Injected {
    /// It waits this long before anything else.
    pub delay: Option<Duration>,
    /// It is answered so.
    pub abort: Option<Abort>,
}

impl FaultPolicy {
    /// What is injected into a request that goes to `cluster`; each number is uniform over all of `u64`.
    pub fn decide<H: HeaderLookup>(
        &self,
        facts: &RequestFacts<'_, H>,
        cluster: &str,
        (for_delay, for_abort): (u64, u64),
    ) -> Injected {
        let wanted = self
            .upstream_cluster
            .as_deref()
            .is_none_or(|wanted| wanted == cluster)
            && self
                .headers
                .iter()
                .all(|wanted| wanted.matches(facts.header(&wanted.name).as_deref()));
        if !wanted {
            return Injected::default();
        }
        let delay = self
            .delay
            .filter(|(_, share)| share.includes(for_delay))
            .map(|(delay, _)| delay);
        let abort = self
            .abort
            .filter(|(_, share)| share.includes(for_abort))
            .map(|(abort, _)| abort);
        Injected { delay, abort }
    }
}
