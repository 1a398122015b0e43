//! The ports by which others look after the pod: readiness for the kubelet (15021), the application's probes, merged metrics
//! and the end of the process (15020), and the proxy's own metrics (15090).
//!
//! Source: Istio, `pilot-agent` and *Health checking of Istio services*; its paths and variables are kept.

mod metrics;
mod probe;

pub use metrics::{InvalidScrape, Scrape};
pub use probe::{InvalidProbers, Probers};

use crate::config::sidecar::StatusConfig;
use crate::lifecycle::{Lifecycle, Phase};
use crate::side_port::{self, Bounds};
use crate::telemetry::metrics::Registry;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpListener;

/// What the ports show and may change.
#[derive(Debug)]
pub struct Status {
    lifecycle: Lifecycle,
    registry: Registry,
    probers: Probers,
    scrape: Option<Scrape>,
}

/// What one port offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// 15021: readiness.
    Health,
    /// 15020: everything.
    Agent,
    /// 15090: the proxy's own metrics.
    Prometheus,
}

/// Settings that the ports cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStatus {
    /// The application's probes.
    #[error(transparent)]
    Probers(#[from] InvalidProbers),
    /// The application's scrape target.
    #[error(transparent)]
    Scrape(#[from] InvalidScrape),
}

impl Status {
    /// Reads the application's probes and scrape target.
    ///
    /// # Errors
    /// If either variable is not what the injector writes.
    pub fn new(
        config: &StatusConfig,
        lifecycle: Lifecycle,
        registry: Registry,
    ) -> Result<Self, InvalidStatus> {
        Ok(Self {
            lifecycle,
            registry,
            probers: Probers::parse(&config.app_probers, config.pod_ip)?,
            scrape: Scrape::parse(&config.prometheus_annotations, config.status_port)?,
        })
    }

    /// Serves one port until the process ends; a connection that fails ends alone. To be run on a local runtime.
    pub async fn serve(self: Rc<Self>, listener: TcpListener, port: Port) {
        side_port::serve(listener, Bounds::default(), move |request, peer| {
            let status = Rc::clone(&self);
            async move { status.respond(request, port, peer).await }
        })
        .await;
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        port: Port,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        match (port, path) {
            (Port::Health | Port::Agent, "/healthz/ready") => self.ready(),
            (Port::Prometheus, "/stats/prometheus" | "/metrics") => {
                metrics::reply(self.registry.render_prometheus())
            }
            (Port::Agent, "/stats/prometheus" | "/metrics") => {
                metrics::merged(&self.registry, self.scrape.as_ref(), request.headers()).await
            }
            (Port::Agent, "/quitquitquit") => self.change(&request, peer, Phase::Quitting),
            (Port::Agent, "/drain") => self.change(&request, peer, Phase::Draining),
            (Port::Agent, path) if probe::is_ours(path) => self.probers.answer(path).await,
            (Port::Health | Port::Agent | Port::Prometheus, _) => {
                reply(StatusCode::NOT_FOUND, "nothing is served at this path\n")
            }
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if self.lifecycle.is_ready() {
            return reply(StatusCode::OK, "");
        }
        let why = match self.lifecycle.phase() {
            Phase::Initializing => "the first configuration has not been applied yet\n",
            Phase::Live => "health was set to failed at the admin interface\n",
            Phase::Draining | Phase::Quitting => "the proxy is draining\n",
        };
        reply(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    fn change(
        &self,
        request: &Request<Incoming>,
        peer: SocketAddr,
        to: Phase,
    ) -> Response<Full<Bytes>> {
        if !side_port::may_change(peer) {
            return reply(StatusCode::FORBIDDEN, "only from inside the pod\n");
        }
        if request.method() != Method::POST {
            return reply(StatusCode::METHOD_NOT_ALLOWED, "use POST\n");
        }
        self.lifecycle.advance(to);
        reply(StatusCode::OK, "OK\n")
    }
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
