//! The monitoring port: `/version`, `/metrics`, `/ready`, `/debug/syncz`, in the shapes that istioctl reads.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use xds_proto::resource::ResourceKind;

use crate::flag::{Flag, raised};
use crate::version;
use crate::xds::status::{Connection, Connections, TypeStatus};

/// A client has this long to send its request head.
const HEAD: Duration = Duration::from_secs(10);

/// What the pages show.
pub(crate) struct Pages {
    pub(crate) connections: Arc<Connections>,
    pub(crate) metrics: Option<PrometheusHandle>,
    /// Whether the registry has reported once.
    pub(crate) ready: Flag,
}

/// Serves the pages until drained.
pub(crate) async fn serve(listener: TcpListener, pages: Arc<Pages>, mut drain: Flag) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = raised(&mut drain) => return,
        };
        let Ok((tcp, _)) = accepted else {
            tokio::time::sleep(HEAD / 100).await;
            continue;
        };
        let pages = pages.clone();
        let service = service_fn(move |request| {
            let pages = pages.clone();
            async move { Ok::<_, Infallible>(pages.answer(&request)) }
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
        let connection = builder.serve_connection(TokioIo::new(tcp), service);
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!("monitoring connection ended: {e}");
            }
        });
    }
}

impl Pages {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                "text/plain",
                "only GET is answered here\n",
            );
        }
        match request.uri().path() {
            "/version" => page(StatusCode::OK, "text/plain", version_line()),
            "/metrics" => page(StatusCode::OK, "text/plain; version=0.0.4", self.scrape()),
            "/ready" => self.ready(),
            "/debug/syncz" => page(StatusCode::OK, "application/json", syncz(&self.connections)),
            _ => page(
                StatusCode::NOT_FOUND,
                "text/plain",
                "try /version, /metrics, /ready or /debug/syncz\n",
            ),
        }
    }

    fn scrape(&self) -> String {
        self.metrics
            .as_ref()
            .map(PrometheusHandle::render)
            .unwrap_or_default()
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if *self.ready.borrow() {
            return page(StatusCode::OK, "text/plain", "ready\n");
        }
        page(
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain",
            "the registry has not reported yet\n",
        )
    }
}

/// `VERSION-REVISION-STATUS`, what istioctl prints for a control plane.
fn version_line() -> String {
    format!("{}-{}-Clean", version::VERSION, version::COMMIT)
}

fn page(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, content_type);
    response
}

/// State of every connected proxy as JSON.
pub(crate) fn syncz(connections: &Connections) -> String {
    let all: Vec<Proxy> = connections
        .all()
        .iter()
        .map(|connection| Proxy::of(connection))
        .collect();
    serde_json::to_string_pretty(&all).expect("strings and maps always serialize")
}

#[derive(Serialize)]
struct Proxy {
    cluster_id: String,
    proxy: String,
    proxy_type: String,
    istio_version: String,
    peer: String,
    #[serde(flatten)]
    marks: BTreeMap<String, String>,
    resources: BTreeMap<&'static str, Type>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Type {
    sent: String,
    acked: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl Proxy {
    fn of(connection: &Connection) -> Self {
        let types = connection.types.lock();
        let mut marks = BTreeMap::new();
        for (kind, status) in types.iter() {
            if let Some(prefix) = legacy_prefix(*kind) {
                marks.insert(format!("{prefix}_sent"), sent(status));
                marks.insert(format!("{prefix}_acked"), acked(status));
            }
        }
        Self {
            cluster_id: connection.cluster.clone(),
            proxy: connection.proxy.clone(),
            proxy_type: connection.kind.clone(),
            istio_version: connection.version.clone(),
            peer: connection.peer.clone(),
            marks,
            resources: types
                .iter()
                .map(|(kind, status)| (kind.type_url(), Type::of(status)))
                .collect(),
        }
    }
}

impl Type {
    fn of(status: &TypeStatus) -> Self {
        Self {
            sent: sent(status),
            acked: acked(status),
            sent_time: status.sent.as_ref().map(|mark| rfc3339(mark.at)),
            last_error: status
                .rejected
                .as_ref()
                .map(|rejection| rejection.reason.clone()),
        }
    }
}

fn legacy_prefix(kind: ResourceKind) -> Option<&'static str> {
    match kind {
        ResourceKind::Cluster => Some("cluster"),
        ResourceKind::Endpoint => Some("endpoint"),
        ResourceKind::Listener => Some("listener"),
        ResourceKind::Route => Some("route"),
        ResourceKind::ExtensionConfig => Some("extensionconfig"),
        ResourceKind::VirtualHost | ResourceKind::Secret | ResourceKind::NameTable => None,
    }
}

fn sent(status: &TypeStatus) -> String {
    status
        .sent
        .as_ref()
        .map(|mark| format!("{:x}", mark.nonce))
        .unwrap_or_default()
}

fn acked(status: &TypeStatus) -> String {
    status
        .accepted
        .as_ref()
        .map(|mark| format!("{:x}", mark.nonce))
        .unwrap_or_default()
}

/// UTC with milliseconds (RFC 3339).
fn rfc3339(at: SystemTime) -> String {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        since.subsec_millis()
    )
}

/// Date of the Gregorian calendar from days since 1970, counted in 400-year eras that begin on 1 March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_rfc3339() {
        let at = |seconds| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_795_305_599), "2026-11-21T23:59:59.000Z");
    }
}
