//! Istio's standard labels: who talked to whom, and for which service. Source: Istio "Standard metrics".
//!
//! Owns the names and the order of the labels and what stands where something is not known; refuses to know when a
//! metric is counted.

mod introduction;
mod requests;
mod workload;

pub(crate) use introduction::{Heard, Introduction};
pub(crate) use requests::{Measured, Peer, Protocol, RequestMetrics, Service, Traffic};
pub use workload::Workload;

use crate::cluster::config::ClusterConfig;
use crate::listener::Direction;
use crate::telemetry::access_log::ResponseFlags;
use crate::telemetry::metrics::Series;

/// What stands for everything that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

/// The canonical revision of a workload that names none.
const LATEST: &str = "latest";

/// Clusters that stand for no service: their own name is the service's.
const NAMELESS: [&str; 5] = [
    "PassthroughCluster",
    "BlackHoleCluster",
    "InboundPassthroughCluster",
    "InboundPassthroughClusterIpv4",
    "InboundPassthroughClusterIpv6",
];

/// The side that reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reporter {
    /// The client's proxy.
    Source,
    /// The server's proxy.
    Destination,
}

impl Reporter {
    /// The side that a listener of this direction stands on; a gateway is the source of what it forwards.
    pub(crate) fn of(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => Self::Destination,
            Direction::Outbound | Direction::Unspecified => Self::Source,
        }
    }
}

/// The service that was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Called<'a> {
    /// Host name.
    pub(crate) host: Option<&'a str>,
    /// Short name.
    pub(crate) name: Option<&'a str>,
    /// Namespace.
    pub(crate) namespace: Option<&'a str>,
}

impl<'a> Called<'a> {
    /// The service that a cluster stands for.
    pub(crate) fn of(cluster: &'a ClusterConfig) -> Self {
        if let Some(service) = cluster.services.first() {
            return Self {
                host: Some(&service.host),
                name: Some(&service.name),
                namespace: Some(&service.namespace),
            };
        }
        let name = NAMELESS.contains(&&*cluster.name).then_some(&*cluster.name);
        Self {
            host: name,
            name,
            namespace: None,
        }
    }
}

/// One end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    /// What runs there.
    pub(crate) workload: &'a Workload,
    /// The SPIFFE identity, where mutual TLS proved it.
    pub(crate) principal: Option<&'a str>,
}

/// Who talked to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parties<'a> {
    /// The side that reports.
    pub(crate) reporter: Reporter,
    /// The client.
    pub(crate) source: End<'a>,
    /// The server.
    pub(crate) destination: End<'a>,
    /// The service.
    pub(crate) called: Called<'a>,
    /// `http`, `grpc` or `tcp`.
    pub(crate) protocol: &'static str,
    /// Both sides showed a certificate.
    pub(crate) mutual_tls: bool,
}

impl Parties<'_> {
    /// A series with the labels from `reporter` to `request_protocol`.
    pub(crate) fn begin(&self, family: &'static str) -> Series {
        let (source, destination) = (self.source.workload, self.destination.workload);
        let namespace = self.called.namespace.or(destination.namespace.as_deref());
        let labels = [
            ("reporter", Some(self.reporter_name())),
            ("source_workload", source.name.as_deref()),
            (
                "source_canonical_service",
                source.canonical_service.as_deref(),
            ),
            (
                "source_canonical_revision",
                Some(source.canonical_revision.as_deref().unwrap_or(LATEST)),
            ),
            ("source_workload_namespace", source.namespace.as_deref()),
            ("source_principal", self.source.principal),
            ("source_app", source.app.as_deref()),
            ("source_version", source.version.as_deref()),
            ("source_cluster", source.cluster.as_deref()),
            ("destination_workload", destination.name.as_deref()),
            (
                "destination_workload_namespace",
                destination.namespace.as_deref(),
            ),
            ("destination_principal", self.destination.principal),
            ("destination_app", destination.app.as_deref()),
            ("destination_version", destination.version.as_deref()),
            ("destination_service", self.called.host),
            (
                "destination_canonical_service",
                destination.canonical_service.as_deref(),
            ),
            (
                "destination_canonical_revision",
                Some(destination.canonical_revision.as_deref().unwrap_or(LATEST)),
            ),
            ("destination_service_name", self.called.name),
            ("destination_service_namespace", namespace),
            ("destination_cluster", destination.cluster.as_deref()),
            ("request_protocol", Some(self.protocol)),
        ];
        labels
            .into_iter()
            .fold(Series::new(family), |series, (name, value)| {
                series.label(name, value.unwrap_or(UNKNOWN))
            })
    }

    /// Adds the labels that follow those of the response.
    pub(crate) fn end(&self, series: Series, flags: ResponseFlags) -> Series {
        let security = match (self.reporter, self.mutual_tls) {
            (Reporter::Source, _) => UNKNOWN,
            (Reporter::Destination, true) => "mutual_tls",
            (Reporter::Destination, false) => "none",
        };
        series
            .label("response_flags", flags.to_string())
            .label("connection_security_policy", security)
    }

    fn reporter_name(&self) -> &'static str {
        match self.reporter {
            Reporter::Source => "source",
            Reporter::Destination => "destination",
        }
    }
}
