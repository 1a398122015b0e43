//! The TCP proxy's configuration. Source: Envoy `extensions.filters.network.tcp_proxy.v3.TcpProxy`.

pub(crate) mod proto;

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::subset::SubsetMatch;
use crate::config::access_log::AccessLogConfig;

/// What the TCP proxy does with its connections.
#[derive(Debug)]
pub struct TcpConfig {
    /// Prefix of its statistics.
    pub stat_prefix: Arc<str>,
    /// Where connections go; never empty, at least one weight above zero.
    pub clusters: Vec<TcpCluster>,
    /// The sum of the weights.
    pub total_weight: u64,
    /// Closed after this time without bytes either way; `None` is never.
    pub idle_timeout: Option<Duration>,
    /// Closed at this age.
    pub max_connection_duration: Option<Duration>,
    /// Attempts to connect, at least one.
    pub max_connect_attempts: u32,
    /// What the load balancer hashes.
    pub hash: Option<TcpHash>,
    /// Written when a connection ends.
    pub access_logs: Vec<Arc<AccessLogConfig>>,
}

/// One destination of a TCP proxy.
#[derive(Debug, Clone)]
pub struct TcpCluster {
    /// The cluster's name.
    pub name: Arc<str>,
    /// Its share.
    pub weight: u32,
    /// The subset of endpoints.
    pub subset: SubsetMatch,
}

/// What the hash of a TCP connection is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpHash {
    /// The client's address.
    SourceIp,
}

impl TcpConfig {
    /// The destination for a connection; `random` is uniform over all of `u64`.
    pub fn pick_cluster(&self, random: u64) -> &TcpCluster {
        let mut point = random % self.total_weight;
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
