//! What Istio's injected sidecar is told by its pod: environment variables, the mounted token, root certificate and
//! pod-info files. It becomes the same [`Bootstrap`] that a file would give, with a cluster `xds-grpc` for the control
//! plane.
//!
//! Source: Istio, `pilot-agent` reference (environment variables) and the sidecar injection template.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xds_proto::mesh::ProxyConfig;
use xds_proto::name;
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::spiffe::SpiffeId;
use xds_proto::well_known::{self, port};

use super::ads::StreamConfig;
use super::bootstrap::Bootstrap;
use super::not_honoured::NotHonoured;
use super::source::Source;
use crate::xds::Dialect;

mod ca;
mod cluster;
mod drain;
mod invalid;
mod node;
mod pod_info;
mod stats;
mod status;

pub use self::ca::CaConfig;
pub use self::drain::DrainConfig;
pub use self::invalid::InvalidSidecar;
pub use self::status::StatusConfig;

/// The name that a control plane's certificate carries where its address is only an IP.
const ISTIOD_HOST: &str = "istiod.istio-system.svc";
/// The cluster behind which the certificate authority is found.
pub const CA_CLUSTER: &str = "ca-grpc";

/// The environment of a process, read once.
pub type Environment = BTreeMap<String, String>;

/// A sidecar as its pod describes it.
#[derive(Debug, Clone)]
pub struct Sidecar {
    /// What to start from.
    pub bootstrap: Bootstrap,
    /// Where its certificate comes from.
    pub ca: CaConfig,
    /// Who it is.
    pub identity: SpiffeId,
    /// The mesh's settings for this proxy.
    pub proxy_config: ProxyConfig,
    /// Ports and files of the in-pod helper interface.
    pub status: StatusConfig,
    /// How it leaves.
    pub drain: DrainConfig,
}

/// What the command line adds to the environment.
#[derive(Debug, Clone, Default)]
pub struct SidecarFlags {
    /// `--domain`: the DNS domain of the pod's namespace.
    pub domain: Option<String>,
    /// `--root-dir`: where the pod's files are looked for instead of `/`.
    pub root_dir: Option<PathBuf>,
}

impl Sidecar {
    /// Reads the environment of an injected sidecar.
    ///
    /// # Errors
    /// When a variable is missing or cannot be used; see [`InvalidSidecar`].
    pub fn read(env: &Environment, flags: &SidecarFlags) -> Result<Self, InvalidSidecar> {
        let pod = Pod::read(env)?;
        let root_dir = flags.root_dir.clone().unwrap_or_else(|| PathBuf::from("/"));
        let proxy_config = proxy_config(env)?;
        let trust_domain = var(env, "TRUST_DOMAIN").unwrap_or(well_known::DEFAULT_TRUST_DOMAIN);
        let identity = SpiffeId::new(trust_domain, pod.namespace, pod.service_account)
            .map_err(|error| invalid("TRUST_DOMAIN", error.to_string()))?;
        let ca = ca::read(env, &proxy_config, &root_dir);
        let node = node::read(env, flags, &pod, &root_dir)?;
        Ok(Self {
            bootstrap: bootstrap(env, node, &proxy_config, &ca)?,
            status: status::read(env, &proxy_config, &pod),
            drain: drain::read(env, &proxy_config)?,
            ca,
            identity,
            proxy_config,
        })
    }
}

struct Pod<'a> {
    name: &'a str,
    namespace: &'a str,
    ip: &'a str,
    service_account: &'a str,
}

impl<'a> Pod<'a> {
    fn read(env: &'a Environment) -> Result<Self, InvalidSidecar> {
        let need = |name: &'static str| var(env, name).ok_or(InvalidSidecar::Missing(name));
        let ip = need("INSTANCE_IP")?;
        let _: std::net::IpAddr = ip
            .parse()
            .map_err(|_| invalid("INSTANCE_IP", format!("{ip:?} is not an IP address")))?;
        Ok(Self {
            name: need("POD_NAME")?,
            namespace: need("POD_NAMESPACE")?,
            ip,
            service_account: var(env, "SERVICE_ACCOUNT").unwrap_or("default"),
        })
    }
}

fn var<'a>(env: &'a Environment, name: &str) -> Option<&'a str> {
    env.get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn invalid(name: &str, reason: impl Into<String>) -> InvalidSidecar {
    InvalidSidecar::Invalid {
        name: name.to_owned(),
        reason: reason.into(),
    }
}

fn proxy_config(env: &Environment) -> Result<ProxyConfig, InvalidSidecar> {
    match var(env, "PROXY_CONFIG") {
        None => Ok(ProxyConfig::default()),
        Some(text) => {
            serde_saphyr::from_str(text).map_err(|error| invalid("PROXY_CONFIG", error.to_string()))
        }
    }
}

/// A path of the pod, below the directory that stands for `/`.
pub(crate) fn below(root_dir: &Path, path: &str) -> PathBuf {
    root_dir.join(path.trim_start_matches('/'))
}

/// The name that the certificate of a control plane must carry: the host, or istiod's where only an IP is known.
fn server_name(address: &str) -> String {
    let host = address
        .rsplit_once(':')
        .map_or(address, |(host, _)| host)
        .trim_matches(['[', ']']);
    if host.parse::<std::net::IpAddr>().is_ok() {
        ISTIOD_HOST.to_owned()
    } else {
        host.to_owned()
    }
}

fn bootstrap(
    env: &Environment,
    node: Node,
    proxy_config: &ProxyConfig,
    ca: &CaConfig,
) -> Result<Bootstrap, InvalidSidecar> {
    let discovery = proxy_config.discovery_address();
    let root = var(env, "XDS_ROOT_CA").map_or_else(|| ca.root.clone(), PathBuf::from);
    let server_name = var(env, "ISTIOD_SAN").map_or_else(|| server_name(discovery), str::to_owned);
    let tls = |address: &str, server_name, root| {
        (!is_plaintext(address)).then_some(cluster::ServerTls { server_name, root })
    };
    let xds = cluster::Server {
        address: discovery,
        tls: tls(discovery, &server_name, &root),
    };
    let authority = cluster::Server {
        address: &ca.address,
        tls: tls(&ca.address, &ca.server_name, &ca.root),
    };
    let xds = cluster::cluster(name::XDS_GRPC_CLUSTER, &xds)
        .map_err(|reason| invalid("PROXY_CONFIG", reason))?;
    let authority =
        cluster::cluster(CA_CLUSTER, &authority).map_err(|reason| invalid("CA_ADDR", reason))?;
    let message = xds_proto::pb::envoy::config::bootstrap::v3::Bootstrap {
        node: Some(node.clone()),
        ..Default::default()
    };
    Ok(Bootstrap {
        stats: stats::read(env, &node, proxy_config)?,
        node,
        listeners: Vec::new(),
        clusters: vec![xds, authority],
        secrets: Vec::new(),
        ads: Some(StreamConfig {
            dialect: Dialect::Delta,
            cluster: name::XDS_GRPC_CLUSTER.to_owned(),
            authority: String::new(),
            metadata: Vec::new(),
            token: Some(ca.token.clone()),
        }),
        lds: Some(Source::Ads),
        cds: Some(Source::Ads),
        admin: Some(([127, 0, 0, 1], proxy_config.proxy_admin_port()).into()),
        not_honoured: not_honoured(proxy_config),
        message,
    })
}

fn not_honoured(proxy_config: &ProxyConfig) -> Vec<NotHonoured> {
    let field = |path: String| NotHonoured {
        resource: "PROXY_CONFIG".into(),
        path: path.into(),
        instead: "it has no effect",
    };
    proxy_config.not_honoured().into_iter().map(field).collect()
}

fn parse_duration(text: &str) -> Result<Duration, xds_proto::mesh::InvalidDuration> {
    text.parse::<xds_proto::mesh::Duration>()
        .map(Duration::from)
}

fn is_plaintext(address: &str) -> bool {
    // Istio's own sign for it is the port: 15010 is the one that speaks plaintext
    address.ends_with(&format!(":{}", port::XDS_PLAINTEXT))
}

#[cfg(test)]
mod tests;
