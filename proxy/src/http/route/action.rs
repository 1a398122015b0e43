//! What a route does with a request.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::RouteTimeouts;
use super::hash::HashPolicy;
use super::headers::HeaderEdits;
use super::matching::RequestFacts;
use super::retry::RetryPolicy;
use super::rewrite::{HostRewrite, PathRewrite};
use crate::cluster::subset::SubsetMatch;
use crate::http::config::Upgrade;
use crate::http::filter::PerFilter;
use crate::http::head::HeaderKey;
use crate::matcher::HeaderLookup;

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Sends the request to an upstream.
    Forward(Box<Forward>),
    /// Sends the client elsewhere.
    Redirect(Box<Redirect>),
    /// Answers.
    Direct(Box<DirectResponse>),
}

/// To which upstream, and how.
#[derive(Debug)]
pub struct Forward {
    /// The cluster.
    pub cluster: ClusterChoice,
    /// The status when the cluster is unknown: 503, 404 or 500.
    pub cluster_not_found: u16,
    /// The subset of endpoints.
    pub subset: SubsetMatch,
    /// The path that the upstream sees.
    pub path: PathRewrite,
    /// The authority that the upstream sees.
    pub host: HostRewrite,
    /// The authority that came is kept in `x-forwarded-host`.
    pub append_forwarded_host: bool,
    /// Time limits.
    pub timeouts: RouteTimeouts,
    /// When to try again.
    pub retry: Option<Arc<RetryPolicy>>,
    /// What the load balancer hashes.
    pub hash: Vec<HashPolicy>,
    /// Upgrades in which the route differs from the connection manager.
    pub upgrades: Vec<Upgrade>,
    /// Which of the two sets of limits of the cluster counts.
    pub priority: Priority,
}

/// Importance of a request for circuit breakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Priority {
    /// The usual.
    #[default]
    Default,
    /// High.
    High,
}

/// How the cluster is named.
#[derive(Debug)]
pub enum ClusterChoice {
    /// This one.
    Named(Arc<str>),
    /// One of these, by weight.
    Weighted(WeightedClusters),
    /// As this header says.
    Header(HeaderKey),
}

/// Clusters with weights.
#[derive(Debug)]
pub struct WeightedClusters {
    /// Never empty.
    pub clusters: Vec<WeightedCluster>,
    /// The sum of the weights, above zero.
    pub total: u64,
    /// A header whose value is used in place of a random number.
    pub random_header: Option<HeaderKey>,
}

/// A cluster with its share of a route's requests.
#[derive(Debug)]
pub struct WeightedCluster {
    /// The cluster, or the header that names it.
    pub cluster: WeightedName,
    /// Its share.
    pub weight: u32,
    /// The subset of endpoints, over the route's.
    pub subset: SubsetMatch,
    /// Edits of the request, before the route's.
    pub request_headers: HeaderEdits,
    /// Edits of the response, before the route's.
    pub response_headers: HeaderEdits,
    /// The authority that the upstream sees, over the route's.
    pub host: HostRewrite,
    /// What filters do here; what it does not say, the route says.
    pub per_filter: PerFilter,
}

/// How a weighted cluster is named.
#[derive(Debug)]
pub enum WeightedName {
    /// This one.
    Named(Arc<str>),
    /// As this header says.
    Header(HeaderKey),
}

/// The chosen cluster.
#[derive(Debug)]
pub struct ClusterPick<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The entry of the weighted list that was drawn.
    pub weighted: Option<&'a WeightedCluster>,
}

/// A cluster was to be named by a header that is missing or empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the route takes its cluster from header {header}, which the request does not carry")]
pub struct NoCluster {
    /// The header.
    pub header: HeaderKey,
}

impl Forward {
    /// The cluster for a request. `random` is uniform over all of `u64`; equal facts and numbers give equal picks.
    ///
    /// # Errors
    /// When a header should name the cluster and is missing.
    pub fn pick_cluster<'a, H: HeaderLookup>(
        &'a self,
        facts: &RequestFacts<'_, H>,
        random: u64,
    ) -> Result<ClusterPick<'a>, NoCluster> {
        match &self.cluster {
            ClusterChoice::Named(name) => Ok(ClusterPick {
                name: Cow::Borrowed(name),
                weighted: None,
            }),
            ClusterChoice::Header(header) => Ok(ClusterPick {
                name: named_by(header, facts)?,
                weighted: None,
            }),
            ClusterChoice::Weighted(clusters) => clusters.pick(facts, random),
        }
    }
}

impl WeightedClusters {
    fn pick<'a, H: HeaderLookup>(
        &'a self,
        facts: &RequestFacts<'_, H>,
        random: u64,
    ) -> Result<ClusterPick<'a>, NoCluster> {
        let given = self
            .random_header
            .as_ref()
            .and_then(|header| number_in(header, facts));
        let drawn = self.at(given.unwrap_or(random));
        let name = match &drawn.cluster {
            WeightedName::Named(name) => Cow::Borrowed(&**name),
            WeightedName::Header(header) => named_by(header, facts)?,
        };
        Ok(ClusterPick {
            name,
            weighted: Some(drawn),
        })
    }

    fn at(&self, random: u64) -> &WeightedCluster {
        let mut point = random % self.total;
        for cluster in &self.clusters {
            let weight = u64::from(cluster.weight);
            if point < weight {
                return cluster;
            }
            point -= weight;
        }
        &self.clusters[self.clusters.len() - 1]
    }
}

fn named_by<H: HeaderLookup>(
    header: &HeaderKey,
    facts: &RequestFacts<'_, H>,
) -> Result<Cow<'static, str>, NoCluster> {
    let value = facts
        .headers
        .value(header)
        .and_then(|value| String::from_utf8(value.into_owned()).ok());
    value
        .filter(|name| !name.is_empty())
        .map(Cow::Owned)
        .ok_or_else(|| NoCluster {
            header: header.clone(),
        })
}

fn number_in<H: HeaderLookup>(header: &HeaderKey, facts: &RequestFacts<'_, H>) -> Option<u64> {
    let value = facts.headers.value(header)?;
    std::str::from_utf8(&value).ok()?.parse().ok()
}

/// Where a client is sent.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// The scheme; `None` keeps it.
    pub scheme: Option<Arc<str>>,
    /// The host; `None` keeps it.
    pub host: Option<Arc<str>>,
    /// The port; `None` keeps it, unless the scheme changes and it was the old scheme's default.
    pub port: Option<u16>,
    /// The path.
    pub path: RedirectPath,
    /// The query is left out.
    pub strip_query: bool,
}

/// The path of a redirect.
#[derive(Debug, Clone)]
pub enum RedirectPath {
    /// As it came.
    Keep,
    /// This; a query in it replaces the request's.
    Replace(Arc<str>),
    /// Rewritten.
    Rewrite(PathRewrite),
}

/// An answer of the proxy itself.
#[derive(Debug, Clone)]
pub struct DirectResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
    /// Media type of the body, where the configuration names one.
    pub content_type: Option<Arc<str>>,
}
