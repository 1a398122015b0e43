//! The name of a series: a family and labels for Prometheus, a dotted name for Envoy's `/stats`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Every label that the proxy's own series have, `le` of histograms included.
const BUILT_IN: [&str; 30] = [
    "envoy_cluster_name",
    "envoy_listener_address",
    "envoy_http_conn_manager_prefix",
    "envoy_tcp_prefix",
    "le",
    "reporter",
    "source_workload",
    "source_canonical_service",
    "source_canonical_revision",
    "source_workload_namespace",
    "source_principal",
    "source_app",
    "source_version",
    "source_cluster",
    "destination_workload",
    "destination_workload_namespace",
    "destination_principal",
    "destination_app",
    "destination_version",
    "destination_service",
    "destination_canonical_service",
    "destination_canonical_revision",
    "destination_service_name",
    "destination_service_namespace",
    "destination_cluster",
    "request_protocol",
    "response_code",
    "grpc_response_status",
    "response_flags",
    "connection_security_policy",
];

/// One series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    pub(super) family: Cow<'static, str>,
    pub(super) labels: Vec<(Cow<'static, str>, String)>,
    pub(super) text: String,
}

impl Series {
    /// A series under its own name, such as Istio's `istio_requests_total`.
    pub fn new(family: impl Into<Cow<'static, str>>) -> Self {
        let family = family.into();
        Self {
            text: family.to_string(),
            family,
            labels: Vec::new(),
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        let _ = write!(self.text, ".{name}.{value}");
        self.labels.push((name, value));
        self
    }

    /// Envoy's `cluster.NAME.STAT`.
    pub fn cluster(name: &str, stat: &str) -> Self {
        Self::envoy("cluster", ("envoy_cluster_name", name), stat)
    }

    /// Envoy's `listener.ADDRESS.STAT`; colons of the address become underscores, as in Envoy.
    pub fn listener(address: &str, stat: &str) -> Self {
        Self::envoy(
            "listener",
            ("envoy_listener_address", &address.replace(':', "_")),
            stat,
        )
    }

    /// Envoy's `http.PREFIX.STAT`.
    pub fn http(prefix: &str, stat: &str) -> Self {
        Self::envoy("http", ("envoy_http_conn_manager_prefix", prefix), stat)
    }

    /// Envoy's `tcp.PREFIX.STAT`.
    pub fn tcp(prefix: &str, stat: &str) -> Self {
        Self::envoy("tcp", ("envoy_tcp_prefix", prefix), stat)
    }

    /// Envoy's `server.STAT`, `listener_manager.STAT`, `cluster_manager.STAT` …: a scope that needs no label.
    pub fn scope(scope: &str, stat: &str) -> Self {
        let family = prometheus_name(&format!("envoy_{scope}_{stat}"));
        Self {
            family: family.into(),
            labels: Vec::new(),
            text: format!("{scope}.{stat}"),
        }
    }

    fn envoy(scope: &str, label: (&'static str, &str), stat: &str) -> Self {
        Self {
            family: prometheus_name(&format!("envoy_{scope}_{stat}")).into(),
            labels: vec![(label.0.into(), label.1.to_owned())],
            text: format!("{scope}.{}.{stat}", label.1),
        }
    }

    /// The series that takes what exceeds the limit of this one's family.
    pub(super) fn overflow(&self) -> Self {
        let labels = self
            .labels
            .iter()
            .map(|(name, _)| (name.clone(), "overflow".to_owned()))
            .collect();
        Self {
            family: self.family.clone(),
            labels,
            text: format!("{}.overflow", self.family),
        }
    }
}

/// Whether series of the proxy's own have a label of this name.
pub(super) fn is_built_in(label: &str) -> bool {
    BUILT_IN.contains(&label)
}

/// The name of a label: everything that Prometheus refuses becomes an underscore, and one is put before a digit.
pub(super) fn label_name(name: &str) -> String {
    let name = prometheus_name(name).replace(':', "_");
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

/// Everything that Prometheus refuses in the name of a metric becomes an underscore.
fn prometheus_name(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' || c == ':' {
                c
            } else {
                '_'
            }
        })
        .collect()
}
