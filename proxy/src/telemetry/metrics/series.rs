//! The name of a series: a family and labels for Prometheus, a dotted name for Envoy's `/stats`.

use std::borrow::Cow;
use std::fmt::Write as _;

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

/// Everything that Prometheus refuses in a name becomes an underscore.
pub(super) fn prometheus_name(name: &str) -> String {
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
