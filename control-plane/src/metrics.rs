//! Names of the control plane's metrics, Istio's where Istio has one, and the recorder behind `/metrics`.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use xds_proto::resource::ResourceKind;

const CONVERGENCE: &str = "pilot_proxy_convergence_time";
/// Seconds; the commitment is 50 ms at the median and 500 ms at the 99th percentile.
const CONVERGENCE_BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0,
];

/// Installs the process-wide recorder once; a process that has another one keeps that and `/metrics` stays empty.
pub(crate) fn install() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(CONVERGENCE.to_owned()), &CONVERGENCE_BUCKETS)
        .expect("the list of buckets is not empty");
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok().map(|()| handle)
}

/// A proxy came (1) or went (-1).
pub(crate) fn connected(version: &str, by: f64) {
    gauge!("pilot_xds", "version" => version.to_owned()).increment(by);
}

/// A response went out.
pub(crate) fn pushed(kind: ResourceKind) {
    counter!("pilot_xds_pushes", "type" => kind.short_name()).increment(1);
}

/// A proxy refused a response.
pub(crate) fn rejected(kind: ResourceKind) {
    counter!("pilot_total_xds_rejects", "type" => kind.short_name()).increment(1);
}

/// A generator ran.
pub(crate) fn generated(kind: ResourceKind) {
    counter!("tulle_generated", "type" => kind.short_name()).increment(1);
}

/// A world was published to so many classes.
pub(crate) fn published(classes: usize) {
    counter!("tulle_publications").increment(1);
    gauge!("tulle_proxy_classes").set(f64::from(u32::try_from(classes).unwrap_or(u32::MAX)));
}

/// From the change of the world to the last byte of its push handed to a proxy's connection.
pub(crate) fn converged(after: Duration) {
    histogram!(CONVERGENCE).record(after.as_secs_f64());
}

/// A caller could not prove who it is.
pub(crate) fn unauthenticated() {
    counter!("citadel_server_authentication_failure_count").increment(1);
}

/// A CSR arrived.
pub(crate) fn csr_received() {
    counter!("citadel_server_csr_count").increment(1);
}

/// A CSR was refused.
pub(crate) fn csr_refused() {
    counter!("citadel_server_csr_parsing_err_count").increment(1);
}

/// A certificate was issued.
pub(crate) fn certificate_issued() {
    counter!("citadel_server_success_cert_issuance_count").increment(1);
}
