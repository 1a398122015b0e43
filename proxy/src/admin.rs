//! The admin interface in Envoy's shapes, so that its users' scripts and `istioctl` work, and `/explain`.
//!
//! Served by hyper on the control runtime. Everything that changes something is POST. It reads the stores and owns
//! nothing.
//!
//! Source: Envoy, *Administration interface*.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::cluster::Clusters;
use crate::config::bootstrap::Bootstrap;
use crate::http::route::Routes;
use crate::lifecycle::{Lifecycle, Phase};
use crate::listener::Listeners;
use crate::logging::LogControl;
use crate::secret::Secrets;
use crate::side_port::{self, Bounds};
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

/// Serves until the process ends; a connection that fails ends alone.
pub async fn serve(listener: TcpListener, state: AdminState) {
    let state = Rc::new(state);
    side_port::serve(listener, Bounds::default(), move |request, peer| {
        let reply = respond(&request, &state, peer);
        async { reply.into_response() }
    })
    .await;
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

fn respond(request: &Request<Incoming>, state: &AdminState, peer: SocketAddr) -> Reply {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let path = request.uri().path();
    match change(path) {
        Some(act) => act.perform(request, &query, state, peer),
        None if !matches!(*request.method(), Method::GET | Method::HEAD) => Reply::error(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{path} is read with GET\n"),
        ),
        None => show(path, &query, state),
    }
}

/// What changes the proxy.
enum Change {
    /// This is done.
    Act(fn(&AdminState)),
    /// Log levels are set or shown.
    Logging,
}

impl Change {
    fn perform(
        self,
        request: &Request<Incoming>,
        query: &Query,
        state: &AdminState,
        peer: SocketAddr,
    ) -> Reply {
        let path = request.uri().path();
        if request.method() != Method::POST {
            let hint = format!("{path} changes the proxy: use POST\n");
            return Reply::error(StatusCode::METHOD_NOT_ALLOWED, hint);
        }
        if !side_port::may_change(peer) {
            let hint = format!("{path} changes the proxy: only from inside the pod\n");
            return Reply::error(StatusCode::FORBIDDEN, hint);
        }
        match self {
            Self::Act(act) => {
                act(state);
                Reply::text("OK\n")
            }
            Self::Logging => logging::respond(query, &state.log),
        }
    }
}

/// What a path changes; `None` where it changes nothing.
fn change(path: &str) -> Option<Change> {
    Some(match path {
        "/drain_listeners" => Change::Act(|state| state.lifecycle.advance(Phase::Draining)),
        "/healthcheck/fail" => Change::Act(|state| state.lifecycle.fail_health(true)),
        "/healthcheck/ok" => Change::Act(|state| state.lifecycle.fail_health(false)),
        "/quitquitquit" => Change::Act(|state| state.lifecycle.advance(Phase::Quitting)),
        "/reset_counters" => Change::Act(|state| state.metrics.reset_counters()),
        "/logging" => Change::Logging,
        _ => return None,
    })
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
