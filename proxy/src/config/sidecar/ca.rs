//! The certificate authority of a sidecar.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xds_proto::mesh::ProxyConfig;
use xds_proto::well_known::path;

use super::{Environment, below, parse_duration, server_name, var};

/// Validity of certificates where nobody says otherwise (Istio's `SECRET_TTL`).
const DEFAULT_CERT_TTL: Duration = Duration::from_secs(24 * 3600);

/// How the certificate authority is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaConfig {
    /// `host:port` of the authority.
    pub address: String,
    /// The name that its certificate must carry.
    pub server_name: String,
    /// The roots that its certificate must chain to.
    pub root: PathBuf,
    /// The projected token, read anew for each request.
    pub token: PathBuf,
    /// Validity to ask for.
    pub ttl: Duration,
    /// The cluster id that is sent along (`ISTIO_META_CLUSTER_ID`).
    pub cluster_id: String,
    /// Where files and sockets of the workload are looked for; `/` in a pod.
    pub root_dir: PathBuf,
}

pub(super) fn read(env: &Environment, proxy_config: &ProxyConfig, root_dir: &Path) -> CaConfig {
    let discovery = proxy_config.discovery_address();
    let address = var(env, "CA_ADDR").unwrap_or(discovery).to_owned();
    let server_name = var(env, "ISTIOD_SAN").map_or_else(|| server_name(&address), str::to_owned);
    CaConfig {
        server_name,
        root: var(env, "CA_ROOT_CA")
            .map_or_else(|| below(root_dir, path::ROOT_CERT), PathBuf::from),
        token: below(root_dir, path::TOKEN),
        ttl: var(env, "SECRET_TTL")
            .and_then(|text| parse_duration(text).ok())
            .unwrap_or(DEFAULT_CERT_TTL),
        cluster_id: var(env, "ISTIO_META_CLUSTER_ID")
            .unwrap_or("Kubernetes")
            .to_owned(),
        root_dir: root_dir.to_owned(),
        address,
    }
}
