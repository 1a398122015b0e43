//! The application's own probes: the kubelet asks us, since its own requests would meet the mesh's TLS, and we ask the
//! application as the pod's author wrote it (`ISTIO_KUBE_APP_PROBERS`).

pub(super) mod http;

use super::reply;
use crate::transport::{Address, ConnectOptions, UpstreamTransport, connect};
use ::http::{Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use xds_proto::well_known::{INBOUND_BIND_V4, INBOUND_BIND_V6};

mod grpc;

/// All probes of the pod by the path at which the kubelet asks for them.
#[derive(Debug, Default)]
pub struct Probers {
    by_path: BTreeMap<String, Prober>,
    pod_ip: Option<IpAddr>,
}

/// Probes that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("ISTIO_KUBE_APP_PROBERS: {0}; it is written by the injector from the probes of the pod")]
pub struct InvalidProbers(String);

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Prober {
    #[serde(default)]
    http_get: Option<HttpGet>,
    #[serde(default)]
    tcp_socket: Option<TcpSocket>,
    #[serde(default)]
    grpc: Option<Grpc>,
    #[serde(default)]
    timeout_seconds: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpGet {
    #[serde(default)]
    path: String,
    port: u16,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    scheme: Option<String>,
    #[serde(default)]
    http_headers: Vec<Header>,
}

#[derive(Debug, Clone, Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TcpSocket {
    port: u16,
    #[serde(default)]
    host: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grpc {
    port: u16,
    #[serde(default)]
    service: Option<String>,
}

/// Whether a path is one at which probes are asked for.
pub(super) fn is_ours(path: &str) -> bool {
    path.starts_with("/app-health/") || path.starts_with("/app-lifecycle/")
}

impl Probers {
    /// Reads the variable; empty text is no probes.
    ///
    /// # Errors
    /// If it is not what the injector writes, or a probe has not exactly one way to ask.
    pub fn parse(text: &str, pod_ip: Option<IpAddr>) -> Result<Self, InvalidProbers> {
        if text.is_empty() {
            return Ok(Self {
                pod_ip,
                ..Self::default()
            });
        }
        let by_path: BTreeMap<String, Prober> =
            serde_json::from_str(text).map_err(|error| InvalidProbers(error.to_string()))?;
        for (path, prober) in &by_path {
            let ways = [
                prober.http_get.is_some(),
                prober.tcp_socket.is_some(),
                prober.grpc.is_some(),
            ];
            if !is_ours(path) || ways.iter().filter(|way| **way).count() != 1 {
                let reason = "a probe needs a path below /app-health/ or /app-lifecycle/ and one of httpGet, tcpSocket, grpc";
                return Err(InvalidProbers(format!("{path}: {reason}")));
            }
        }
        Ok(Self { by_path, pod_ip })
    }

    /// Asks the application and says what it said.
    pub(super) async fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let Some(prober) = self.by_path.get(path) else {
            return reply(StatusCode::NOT_FOUND, "the pod has no such probe\n");
        };
        let limit = Duration::from_secs(prober.timeout_seconds.unwrap_or(1).max(1));
        let answer = match (&prober.http_get, &prober.tcp_socket, &prober.grpc) {
            (Some(get), _, _) => http::get(&self.target(get), limit)
                .await
                .map(|(status, _)| status),
            (_, Some(tcp), _) => self.tcp(tcp, limit).await,
            (_, _, Some(probe)) => {
                let address = SocketAddr::new(self.application(), probe.port);
                let service = probe.service.as_deref().unwrap_or_default();
                grpc::check(address, service, limit).await
            }
            (None, None, None) => return reply(StatusCode::NOT_FOUND, "the probe is empty\n"),
        };
        match answer {
            Ok(status) => reply(status, ""),
            Err(error) => {
                tracing::debug!(path, %error, "the application's probe failed");
                reply(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
            }
        }
    }

    fn target(&self, get: &HttpGet) -> http::Target {
        let host = get.host.clone().filter(|host| !host.is_empty());
        http::Target {
            host: host.unwrap_or_else(|| self.application().to_string()),
            port: get.port,
            path: match get.path.as_str() {
                path if path.starts_with('/') => path.to_owned(),
                path => format!("/{path}"),
            },
            tls: get
                .scheme
                .as_deref()
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            headers: get
                .http_headers
                .iter()
                .map(|header| (header.name.clone(), header.value.clone()))
                .collect(),
        }
    }

    async fn tcp(
        &self,
        probe: &TcpSocket,
        limit: Duration,
    ) -> Result<StatusCode, http::ProbeFailed> {
        let host = probe.host.clone().filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| self.application().to_string());
        let address = http::resolve(&host, probe.port).await?;
        let options = ConnectOptions {
            timeout: limit,
            source: own_source(address),
            ..ConnectOptions::default()
        };
        connect(&Address::Ip(address), &UpstreamTransport::Plain, &options)
            .await
            .map_err(http::ProbeFailed::Connect)?;
        Ok(StatusCode::OK)
    }

    /// Where the application listens: the pod's address, as the kubelet would ask.
    fn application(&self) -> IpAddr {
        self.pod_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}
/// The address that probes come from: the one that the redirect rules leave alone, since everything else that the
/// proxy's user sends to the pod's own address would come back to the proxy.
pub(crate) fn own_source(to: SocketAddr) -> Option<SocketAddr> {
    let ip = if to.is_ipv4() {
        INBOUND_BIND_V4
    } else {
        INBOUND_BIND_V6
    };
    (!to.ip().is_loopback()).then_some(SocketAddr::new(ip, 0))
}
