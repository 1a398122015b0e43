//! The admin interface in Envoy's shapes, so that its users' scripts and `istioctl` work, and `/explain`.
//!
//! Served by hyper on the control runtime. Everything that changes something is POST. It reads the stores and owns
//! nothing.
//!
//! Source: Envoy, *Administration interface*.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::cluster::Clusters;
use crate::config::bootstrap::Bootstrap;
use crate::http::route::Routes;
use crate::lifecycle::{Lifecycle, Phase};
use crate::listener::Listeners;
use crate::logging::LogControl;
use crate::secret::Secrets;
use crate::telemetry::metrics::Registry;
use crate::xds::state::XdsState;

mod certs;
mod clusters;
mod config_dump;
mod explain;

mod json;
mod listeners;
mod logging;
mod query;
mod server;
mod stats;

use query::Query;

/// What the interface shows and may change.
#[derive(Debug, Clone)]
pub struct AdminState {
    /// When the process started.
    pub started: Instant,
    /// What it was told at start.
    pub bootstrap: Arc<Bootstrap>,
    /// Worker threads.
    pub concurrency: usize,
    /// Listeners in force.
    pub listeners: Arc<Listeners>,
    /// Route tables in force.
    pub routes: Arc<Routes>,
    /// Clusters in force.
    pub clusters: Arc<Clusters>,
    /// Secrets in force.
    pub secrets: Arc<Secrets>,
    /// What came over xDS.
    pub xds: XdsState,
    /// Everything that is counted.
    pub metrics: Registry,
    /// Log levels.
    pub log: LogControl,
    /// Readiness and the end.
    pub lifecycle: Lifecycle,
}

/// How long accepting rests after a failure, usually for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves until the process ends; a connection that fails ends alone.
pub async fn serve(listener: TcpListener, state: AdminState) {
    let state = Rc::new(state);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let state = state.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| {
                let reply = respond(&request, &state);
                async { Ok::<_, Infallible>(reply.into_response()) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// An answer of the interface.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl Reply {
    fn text(body: impl Into<String>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: "text/plain; charset=UTF-8",
            body: body.into(),
        }
    }

    fn json(body: impl Into<String>) -> Self {
        Self {
            content_type: "application/json",
            ..Self::text(body)
        }
    }

    fn error(status: StatusCode, body: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::text(body)
        }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        Response::builder()
            .status(self.status)
            .header("content-type", self.content_type)
            .header("cache-control", "no-cache, max-age=0")
            .header("x-content-type-options", "nosniff")
            .body(Full::new(Bytes::from(self.body)))
            .expect("these headers are valid")
    }
}

const HELP: &str = "\
admin commands are:
  /certs: certificates and trust roots in use
  /clusters: clusters and their endpoints (format=json)
  /config_dump: everything that was configured (mask, resource, name_regex, include_eds)
  /drain_listeners (POST): finish inbound connections gently
  /explain: what happens to a request (method, url, header, direction)
  /healthcheck/fail (POST), /healthcheck/ok (POST): fail or restore readiness
  /help: this list
  /listeners: addresses of the listeners (format=json)
  /logging (POST): show or set log levels (level=LEVEL, SCOPE=LEVEL, paths=SCOPE:LEVEL,...)
  /memory: memory in use
  /quitquitquit (POST): end the process
  /ready: LIVE with 200, anything else with 503
  /reset_counters (POST): set all counters to zero
  /runtime: runtime keys, of which there are none
  /server_info: version, uptime, node
  /stats: counters, gauges and histograms (format=json|prometheus, filter, usedonly)
  /stats/prometheus: the same for Prometheus
";

fn respond(request: &Request<Incoming>, state: &AdminState) -> Reply {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let path = request.uri().path();
    match change(path, &query, state, request.method() == Method::POST) {
        Some(reply) => reply,
        None if !matches!(*request.method(), Method::GET | Method::HEAD) => Reply::error(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{path} is read with GET\n"),
        ),
        None => show(path, &query, state),
    }
}

/// Paths that change something; `None` where the path is not one of them.
fn change(path: &str, query: &Query, state: &AdminState, is_post: bool) -> Option<Reply> {
    let act: fn(&AdminState) = match path {
        "/drain_listeners" => |state| state.lifecycle.advance(Phase::Draining),
        "/healthcheck/fail" => |state| state.lifecycle.fail_health(true),
        "/healthcheck/ok" => |state| state.lifecycle.fail_health(false),
        "/quitquitquit" => |state| state.lifecycle.advance(Phase::Quitting),
        "/reset_counters" => |state| state.metrics.reset_counters(),
        "/logging" if is_post => return Some(logging::respond(query, &state.log)),
        "/logging" => |_| {},
        _ => return None,
    };
    if !is_post {
        let hint = format!("{path} changes the proxy: use POST\n");
        return Some(Reply::error(StatusCode::METHOD_NOT_ALLOWED, hint));
    }
    act(state);
    Some(Reply::text("OK\n"))
}

fn show(path: &str, query: &Query, state: &AdminState) -> Reply {
    match path {
        "/" | "/help" => Reply::text(HELP),
        "/certs" => certs::respond(&state.secrets),
        "/clusters" => clusters::respond(query, state),
        "/config_dump" => config_dump::respond(query, state),
        "/explain" => explain::respond(query, state),
        "/hot_restart_version" => Reply::text("disabled\n"),
        "/listeners" => listeners::respond(query, &state.listeners),
        "/memory" => server::memory(),
        "/ready" => server::ready(&state.lifecycle),
        "/runtime" => Reply::json("{\"layers\":[],\"entries\":{}}\n"),
        "/server_info" => server::info(state),
        "/stats" => stats::respond(query, state),
        "/stats/prometheus" => stats::prometheus(query, state),
        _ => Reply::error(
            StatusCode::NOT_FOUND,
            format!("invalid path {path}\n{HELP}"),
        ),
    }
}
