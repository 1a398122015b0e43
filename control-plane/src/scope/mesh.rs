//! The settings of MeshConfig that generators read.

use crate::model::http_action::Retries;
use crate::model::traffic_policy::TcpKeepalive;
use serde_json::Value;
use std::time::Duration;
use xds_proto::mesh::{
    AccessLogEncoding, H2UpgradePolicy, HttpRetry, InboundPolicyMode, MeshConfig,
    OutboundPolicyMode, PathNormalizationMode, TlsVersion,
};

/// The settings of MeshConfig that change what proxies get; the defaults are Istio's but for protocol detection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshSettings {
    /// The trust domain in which identities are issued.
    pub trust_domain: String,
    /// Further trust domains whose identities are accepted.
    pub trust_domain_aliases: Vec<String>,
    /// Where traffic to unknown destinations goes.
    pub outbound_policy: OutboundPolicy,
    /// Deliver to 127.0.0.1 instead of the address that was dialled.
    pub inbound_localhost: bool,
    /// Mesh TLS towards every endpoint that has a sidecar.
    pub auto_mtls: bool,
    /// Access log; `None` = off.
    pub access_log: Option<AccessLog>,
    /// Limit of connecting.
    pub connect_timeout: Duration,
    /// How long a silent client of an undeclared port is waited for.
    pub detection_timeout: Duration,
    /// Keep-alive probes towards endpoints.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Retries where no rule says anything; `None` = the built-in ones.
    pub default_retries: Option<Retries>,
    /// Upgrade HTTP/1.1 to HTTP/2 between sidecars.
    pub h2_upgrade: bool,
    /// How paths are normalised.
    pub path_normalization: PathNormalization,
    /// TLS 1.3 at least inside the mesh.
    pub tls13_only: bool,
    /// Port of captured outbound traffic.
    pub outbound_port: u16,
    /// Port of captured inbound traffic.
    pub inbound_port: u16,
}

impl Default for MeshSettings {
    fn default() -> Self {
        Self {
            trust_domain: xds_proto::well_known::DEFAULT_TRUST_DOMAIN.to_owned(),
            trust_domain_aliases: Vec::new(),
            outbound_policy: OutboundPolicy::AllowAny,
            inbound_localhost: false,
            auto_mtls: true,
            access_log: None,
            connect_timeout: Duration::from_secs(10),
            detection_timeout: Duration::from_millis(50),
            tcp_keepalive: None,
            default_retries: None,
            h2_upgrade: false,
            path_normalization: PathNormalization::Base,
            tls13_only: false,
            outbound_port: xds_proto::well_known::port::OUTBOUND,
            inbound_port: xds_proto::well_known::port::INBOUND,
        }
    }
}

impl From<&MeshConfig> for MeshSettings {
    fn from(mesh: &MeshConfig) -> Self {
        let base = Self::default();
        Self {
            trust_domain: mesh.trust_domain().to_owned(),
            trust_domain_aliases: mesh.trust_domain_aliases.clone(),
            outbound_policy: match mesh.outbound_policy() {
                OutboundPolicyMode::AllowAny | OutboundPolicyMode::AllowAnyDynamicDns => {
                    OutboundPolicy::AllowAny
                }
                OutboundPolicyMode::RegistryOnly => OutboundPolicy::RegistryOnly,
            },
            inbound_localhost: mesh.inbound_policy() == InboundPolicyMode::Localhost,
            auto_mtls: mesh.auto_mtls(),
            access_log: access_log(mesh),
            connect_timeout: mesh.connect_timeout(),
            detection_timeout: mesh
                .protocol_detection_timeout()
                .unwrap_or(base.detection_timeout),
            tcp_keepalive: mesh.tcp_keepalive.as_ref().map(|keepalive| TcpKeepalive {
                probes: keepalive.probes,
                time: keepalive.time.map(|time| time.get()),
                interval: keepalive.interval.map(|interval| interval.get()),
            }),
            default_retries: mesh.default_http_retry_policy.as_ref().map(retries),
            h2_upgrade: mesh.h2_upgrade_policy() == H2UpgradePolicy::Upgrade,
            path_normalization: match mesh.path_normalization() {
                PathNormalizationMode::None => PathNormalization::None,
                PathNormalizationMode::Default | PathNormalizationMode::Base => {
                    PathNormalization::Base
                }
                PathNormalizationMode::MergeSlashes => PathNormalization::MergeSlashes,
                PathNormalizationMode::DecodeAndMergeSlashes => {
                    PathNormalization::DecodeAndMergeSlashes
                }
            },
            tls13_only: mesh.min_tls_version() == TlsVersion::V1_3,
            outbound_port: mesh.outbound_port(),
            inbound_port: mesh.inbound_port(),
        }
    }
}

fn access_log(mesh: &MeshConfig) -> Option<AccessLog> {
    let format = mesh.access_log_format();
    let format = match mesh.access_log_encoding() {
        AccessLogEncoding::Text => AccessLogFormat::Text(format.map(str::to_owned)),
        AccessLogEncoding::Json => AccessLogFormat::Json(format.and_then(json_format)),
    };
    mesh.access_log_file().map(|file| AccessLog {
        file: file.to_owned(),
        format,
    })
}

/// The format as an object; one that is none is named and the default is used, as Istio does.
fn json_format(text: &str) -> Option<Value> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Some(value),
        Ok(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        )
        | Err(_) => {
            tracing::warn!(
                "MeshConfig accessLogFormat is not a JSON object, the default is used; \
                 write {{\"name\": \"%OPERATOR%\"}} or set accessLogEncoding to TEXT"
            );
            None
        }
    }
}

fn retries(policy: &HttpRetry) -> Retries {
    Retries {
        attempts: policy.attempts.unwrap_or(2),
        per_try_timeout: policy.per_try_timeout.map(|timeout| timeout.get()),
        retry_on: policy.retry_on.as_deref().map(Into::into),
        retry_remote_localities: policy.retry_remote_localities.unwrap_or(false),
        ignore_previous_hosts: policy.retry_ignore_previous_hosts.unwrap_or(true),
        backoff: policy.backoff.map(|backoff| backoff.get()),
    }
}

impl MeshSettings {
    /// The trust domain and its aliases, each once.
    pub(crate) fn trust_domains(&self) -> impl Iterator<Item = &str> {
        let aliases = self
            .trust_domain_aliases
            .iter()
            .enumerate()
            .filter(|(index, alias)| {
                **alias != self.trust_domain && !self.trust_domain_aliases[..*index].contains(alias)
            });
        std::iter::once(&*self.trust_domain).chain(aliases.map(|(_, alias)| &**alias))
    }
}

/// Where traffic to unknown destinations goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundPolicy {
    /// To where the client dialled.
    AllowAny,
    /// Nowhere.
    RegistryOnly,
}

/// An access log in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Path of the file, often `/dev/stdout`.
    pub file: String,
    /// How lines look.
    pub format: AccessLogFormat,
}

/// How access log lines look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// A line of text; `None` = Istio's default one.
    Text(Option<String>),
    /// A JSON object whose values are formats; `None` = Istio's default one.
    Json(Option<Value>),
}

/// How request paths are normalised before they are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathNormalization {
    /// Not at all.
    None,
    /// As RFC 3986 says; the default.
    Base,
    /// And several slashes become one.
    MergeSlashes,
    /// And `%2F` and `%5C` become slashes first.
    DecodeAndMergeSlashes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> MeshSettings {
        MeshSettings::from(&serde_json::from_str::<MeshConfig>(json).expect(json))
    }

    #[test]
    fn an_empty_mesh_config_is_the_default() {
        assert_eq!(settings("{}"), MeshSettings::default());
    }

    #[test]
    fn every_trust_domain_counts_once() {
        let settings =
            settings(r#"{"trustDomain": "a", "trustDomainAliases": ["b", "a", "c", "b"]}"#);
        assert_eq!(
            settings.trust_domains().collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn a_json_format_that_is_no_object_gives_way_to_the_default() {
        let log = |format: &str| {
            let encoded = serde_json::to_string(format).expect("a string");
            settings(&format!(
                r#"{{"accessLogFile": "/dev/stdout", "accessLogEncoding": "JSON", "accessLogFormat": {encoded}}}"#
            ))
            .access_log
            .map(|log| log.format)
        };
        assert_eq!(log("[1]"), Some(AccessLogFormat::Json(None)));
        let object = serde_json::json!({"code": "%RESPONSE_CODE%"});
        assert_eq!(
            log(&object.to_string()),
            Some(AccessLogFormat::Json(Some(object)))
        );
    }
}
