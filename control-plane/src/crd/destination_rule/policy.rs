//! `trafficPolicy`: limits, outlier detection, TLS.

use super::balancing::RawBalancer;
use crate::crd::cx::Cx;
use crate::crd::problem::Invalid;
use crate::crd::value::{Count, Percent, Port, Time};
use crate::model::traffic_policy::{
    ClientTls, ClientTlsMode, ConnectionPool, H2Upgrade, Http2Keepalive, OutlierDetection,
    PortPolicy, ProxyProtocol, RetryBudget, TcpKeepalive, TrafficPolicy, Tunnel, TunnelMethod,
};
use crate::model::{Name, http_action::PerMillion};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawPolicy {
    load_balancer: Option<RawBalancer>,
    connection_pool: Option<RawPool>,
    outlier_detection: Option<RawOutlier>,
    tls: Option<RawTls>,
    #[serde(default)]
    port_level_settings: Vec<RawPortPolicy>,
    tunnel: Option<RawTunnel>,
    proxy_protocol: Option<RawProxyProtocol>,
    retry_budget: Option<RawBudget>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPortPolicy {
    port: PortSelector,
    load_balancer: Option<RawBalancer>,
    connection_pool: Option<RawPool>,
    outlier_detection: Option<RawOutlier>,
    tls: Option<RawTls>,
}

#[derive(Deserialize)]
struct PortSelector {
    number: Port,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPool {
    tcp: RawTcp,
    http: RawHttp,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawTcp {
    max_connections: Option<Count>,
    connect_timeout: Option<Time>,
    tcp_keepalive: Option<RawTcpKeepalive>,
    max_connection_duration: Option<Time>,
    idle_timeout: Option<Time>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawTcpKeepalive {
    probes: Option<Count>,
    time: Option<Time>,
    interval: Option<Time>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawHttp {
    http1_max_pending_requests: Option<Count>,
    http2_max_requests: Option<Count>,
    max_requests_per_connection: Option<Count>,
    max_retries: Option<Count>,
    idle_timeout: Option<Time>,
    h2_upgrade_policy: Option<RawUpgrade>,
    use_client_protocol: bool,
    max_concurrent_streams: Option<Count>,
    http2_keep_alive: Option<RawHttp2Keepalive>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawUpgrade {
    Default,
    DoNotUpgrade,
    Upgrade,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawHttp2Keepalive {
    interval: Option<Time>,
    timeout: Option<Time>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawOutlier {
    split_external_local_origin_errors: bool,
    consecutive_local_origin_failures: Option<Count>,
    consecutive_gateway_errors: Option<Count>,
    #[serde(rename = "consecutive5xxErrors")]
    consecutive_5xx_errors: Option<Count>,
    consecutive_errors: Option<Count>,
    interval: Option<Time>,
    base_ejection_time: Option<Time>,
    max_ejection_percent: Option<Percent>,
    min_health_percent: Option<Percent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTls {
    #[serde(default)]
    mode: RawTlsMode,
    client_certificate: Option<String>,
    private_key: Option<String>,
    ca_certificates: Option<String>,
    ca_crl: Option<String>,
    credential_name: Option<String>,
    #[serde(default)]
    subject_alt_names: Vec<String>,
    sni: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawTlsMode {
    #[default]
    Disable,
    Simple,
    Mutual,
    IstioMutual,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTunnel {
    #[serde(default)]
    protocol: String,
    target_host: String,
    target_port: Port,
}

#[derive(Deserialize)]
struct RawProxyProtocol {
    #[serde(default)]
    version: RawVersion,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum RawVersion {
    #[default]
    V1,
    V2,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBudget {
    percent: Option<Percent>,
    min_retry_concurrency: Option<Count>,
}

impl RawPolicy {
    pub(super) fn lower(self, at: &str, cx: &Cx<'_>) -> Result<TrafficPolicy, Invalid> {
        let mut ports: Vec<(u16, PortPolicy)> = Vec::new();
        for (index, raw) in self.port_level_settings.into_iter().enumerate() {
            let at = format!("{at}.portLevelSettings[{index}]");
            let number = raw.port.number.0;
            if ports.iter().any(|(other, _)| *other == number) {
                return Err(
                    Invalid::new(format_args!("port {number} comes twice; merge the two")).at(&at),
                );
            }
            ports.push((number, raw.lower(&at, cx)?));
        }
        ports.sort_by_key(|(number, _)| *number);
        let base = PortPolicy {
            load_balancer: balancer(self.load_balancer, at, cx)?,
            connection_pool: self.connection_pool.map(|raw| raw.lower(at)).transpose()?,
            outlier_detection: self.outlier_detection.map(|raw| raw.lower(at, cx)),
            tls: self.tls.map(|raw| raw.lower(at)).transpose()?,
            tunnel: self.tunnel.map(|raw| raw.lower(at)).transpose()?,
            proxy_protocol: self.proxy_protocol.map(|raw| match raw.version {
                RawVersion::V1 => ProxyProtocol::V1,
                RawVersion::V2 => ProxyProtocol::V2,
            }),
            retry_budget: self.retry_budget.map(|raw| RetryBudget {
                percent: raw
                    .percent
                    .map_or(PerMillion(200_000), Percent::per_million),
                min_retry_concurrency: raw.min_retry_concurrency.map_or(3, |count| count.0),
            }),
        };
        Ok(TrafficPolicy { base, ports })
    }
}

impl RawPortPolicy {
    fn lower(self, at: &str, cx: &Cx<'_>) -> Result<PortPolicy, Invalid> {
        Ok(PortPolicy {
            load_balancer: balancer(self.load_balancer, at, cx)?,
            connection_pool: self.connection_pool.map(|raw| raw.lower(at)).transpose()?,
            outlier_detection: self.outlier_detection.map(|raw| raw.lower(at, cx)),
            tls: self.tls.map(|raw| raw.lower(at)).transpose()?,
            ..PortPolicy::default()
        })
    }
}

fn balancer(
    raw: Option<RawBalancer>,
    at: &str,
    cx: &Cx<'_>,
) -> Result<Option<crate::model::load_balancing::LoadBalancer>, Invalid> {
    raw.map(|raw| raw.lower(&format!("{at}.loadBalancer"), cx))
        .transpose()
}

impl RawPool {
    fn lower(self, at: &str) -> Result<ConnectionPool, Invalid> {
        let Self { tcp, http } = self;
        if http.use_client_protocol && matches!(http.h2_upgrade_policy, Some(RawUpgrade::Upgrade)) {
            let text =
                "useClientProtocol and h2UpgradePolicy UPGRADE exclude each other; remove one";
            return Err(Invalid::new(text).at(&format!("{at}.connectionPool.http")));
        }
        let count = |count: Option<Count>| count.map(|count| count.0);
        let time = |time: Option<Time>| time.map(|time| time.0);
        Ok(ConnectionPool {
            // 0 = not set, as in Istio.
            max_connections: count(tcp.max_connections).filter(|count| *count > 0),
            connect_timeout: time(tcp.connect_timeout),
            tcp_keepalive: tcp.tcp_keepalive.map(|raw| TcpKeepalive {
                probes: count(raw.probes).filter(|count| *count > 0),
                time: time(raw.time),
                interval: time(raw.interval),
            }),
            max_connection_duration: time(tcp.max_connection_duration),
            tcp_idle_timeout: time(tcp.idle_timeout),
            http1_max_pending_requests: count(http.http1_max_pending_requests)
                .filter(|count| *count > 0),
            http2_max_requests: count(http.http2_max_requests).filter(|count| *count > 0),
            max_requests_per_connection: count(http.max_requests_per_connection),
            max_retries: count(http.max_retries).filter(|count| *count > 0),
            http_idle_timeout: time(http.idle_timeout),
            max_concurrent_streams: count(http.max_concurrent_streams).filter(|count| *count > 0),
            h2_upgrade: http.h2_upgrade_policy.map(|policy| match policy {
                RawUpgrade::Default => H2Upgrade::Default,
                RawUpgrade::DoNotUpgrade => H2Upgrade::No,
                RawUpgrade::Upgrade => H2Upgrade::Yes,
            }),
            use_client_protocol: http.use_client_protocol,
            http2_keepalive: http.http2_keep_alive.map(|raw| Http2Keepalive {
                interval: time(raw.interval),
                timeout: time(raw.timeout),
            }),
        })
    }
}

impl RawOutlier {
    fn lower(self, at: &str, cx: &Cx<'_>) -> OutlierDetection {
        let count = |count: Option<Count>| count.map(|count| count.0);
        if self.consecutive_errors.is_some() {
            cx.warn(
                &format!("{at}.outlierDetection.consecutiveErrors"),
                "consecutiveErrors was removed from the API; read as consecutive5xxErrors here, write that",
            );
        }
        OutlierDetection {
            split_local_errors: self.split_external_local_origin_errors,
            consecutive_local_failures: count(self.consecutive_local_origin_failures),
            consecutive_gateway_errors: count(self.consecutive_gateway_errors),
            consecutive_5xx: count(self.consecutive_5xx_errors).or(count(self.consecutive_errors)),
            interval: self.interval.map(|time| time.0),
            base_ejection_time: self.base_ejection_time.map(|time| time.0),
            max_ejection_percent: self.max_ejection_percent.map(Percent::whole),
            min_health_percent: self.min_health_percent.map(Percent::whole),
        }
    }
}

impl RawTls {
    fn lower(self, at: &str) -> Result<ClientTls, Invalid> {
        let at = |field: &str| format!("{at}.tls{field}");
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let files = filled(&self.client_certificate) && filled(&self.private_key);
        if self.mode == RawTlsMode::Mutual && !files && !filled(&self.credential_name) {
            let text = "MUTUAL needs a client certificate; set clientCertificate and privateKey, or credentialName";
            return Err(Invalid::new(text).at(&at("")));
        }
        if filled(&self.credential_name)
            && (filled(&self.client_certificate) || filled(&self.ca_certificates))
        {
            let text = "credentialName and files exclude each other; remove one";
            return Err(Invalid::new(text).at(&at(".credentialName")));
        }
        let own = filled(&self.client_certificate)
            || filled(&self.private_key)
            || filled(&self.ca_certificates);
        if self.mode == RawTlsMode::IstioMutual && own {
            let text =
                "ISTIO_MUTUAL uses the mesh's certificates; remove the files, or write MUTUAL";
            return Err(Invalid::new(text).at(&at("")));
        }
        let name = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Name::from);
        Ok(ClientTls {
            mode: match self.mode {
                RawTlsMode::Disable => ClientTlsMode::Disable,
                RawTlsMode::Simple => ClientTlsMode::Simple,
                RawTlsMode::Mutual => ClientTlsMode::Mutual,
                RawTlsMode::IstioMutual => ClientTlsMode::IstioMutual,
            },
            client_certificate: name(self.client_certificate),
            private_key: name(self.private_key),
            ca_certificates: name(self.ca_certificates),
            ca_crl: name(self.ca_crl),
            credential_name: name(self.credential_name),
            subject_alt_names: self.subject_alt_names.into_iter().map(Name::from).collect(),
            sni: name(self.sni),
            insecure_skip_verify: self.insecure_skip_verify,
        })
    }
}

impl RawTunnel {
    fn lower(self, at: &str) -> Result<Tunnel, Invalid> {
        let method = match self.protocol.as_str() {
            "" | "CONNECT" => TunnelMethod::Connect,
            "POST" => TunnelMethod::Post,
            other => {
                let text = format!("`{other}` is no way to ask a proxy; write CONNECT or POST");
                return Err(Invalid::new(text).at(&format!("{at}.tunnel.protocol")));
            }
        };
        Ok(Tunnel {
            method,
            target_host: self.target_host.into(),
            target_port: self.target_port.0,
        })
    }
}
