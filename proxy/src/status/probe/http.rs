//! One HTTP request to the application. Certificates are not verified, as the kubelet does not verify them either.

use super::own_source;
use crate::transport::tls::{ClientContext, ClientTls, TlsConfig, TlsParams};
use crate::transport::{
    Address, ConnectError, ConnectOptions, Upstream, UpstreamTransport, connect,
};
use ::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest answer that is read.
const LONGEST: usize = 64 * 1024 * 1024;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) tls: bool,
    pub(crate) headers: Vec<(String, String)>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeFailed {
    /// The host has no address.
    #[error("{host} has no address: {source}")]
    Resolve {
        host: String,
        source: std::io::Error,
    },
    /// No connection.
    #[error(transparent)]
    Connect(ConnectError),
    /// The request as configured is not one.
    #[error("the probe cannot be asked as it is configured: {0}")]
    Request(::http::Error),
    /// The exchange broke.
    #[error("the application did not answer: {0}")]
    Exchange(String),
    /// It took too long.
    #[error("the application did not answer within {0:?}")]
    TimedOut(Duration),
    /// It answered, but not as it should.
    #[error("the application answered {0}")]
    Status(StatusCode),
}

/// Asks and reads the whole answer.
pub(crate) async fn get(
    target: &Target,
    limit: Duration,
) -> Result<(StatusCode, Bytes), ProbeFailed> {
    tokio::time::timeout(limit, exchange(target, limit))
        .await
        .unwrap_or(Err(ProbeFailed::TimedOut(limit)))
}

async fn exchange(target: &Target, limit: Duration) -> Result<(StatusCode, Bytes), ProbeFailed> {
    let upstream = open(target, limit).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(upstream))
        .await
        .map_err(broken)?;
    let response = async {
        let response = sender
            .send_request(request(target)?)
            .await
            .map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| ProbeFailed::Exchange(error.to_string()))?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(response, connection);
    tokio::select! {
        biased;
        response = &mut response => response,
        ended = &mut connection => {
            ended.map_err(broken)?;
            // The answer is complete with the connection.
            response.await
        }
    }
}

async fn open(target: &Target, limit: Duration) -> Result<Upstream, ProbeFailed> {
    let address = resolve(&target.host, target.port).await?;
    let transport = if target.tls {
        UpstreamTransport::Tls(Arc::new(trusting_anybody()))
    } else {
        UpstreamTransport::Plain
    };
    let options = ConnectOptions {
        timeout: limit,
        source: own_source(address),
        ..ConnectOptions::default()
    };
    connect(&Address::Ip(address), &transport, &options)
        .await
        .map_err(ProbeFailed::Connect)
}

/// The first address of a host name or literal.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<SocketAddr, ProbeFailed> {
    let failed = |source| ProbeFailed::Resolve {
        host: host.to_owned(),
        source,
    };
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = tokio::net::lookup_host((literal, port))
        .await
        .map_err(failed)?;
    addresses
        .next()
        .ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, ProbeFailed> {
    let has = |wanted: &str| {
        let mut names = target.headers.iter();
        names.any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let mut request = Request::get(&target.path);
    if !has("host") {
        let host = &target.host;
        let bracketed = host.contains(':') && !host.starts_with('[');
        let authority = if bracketed {
            format!("[{host}]:{}", target.port)
        } else {
            format!("{host}:{}", target.port)
        };
        request = request.header(header::HOST, authority);
    }
    if !has("user-agent") {
        request = request.header(header::USER_AGENT, "kube-probe/tulle");
    }
    request = request.header(header::CONNECTION, "close");
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    request.body(Empty::new()).map_err(ProbeFailed::Request)
}

fn trusting_anybody() -> ClientContext {
    ClientContext::new(ClientTls {
        common: TlsConfig {
            certificates: Vec::new(),
            validation: None,
            alpn: Vec::new(),
            params: TlsParams::default(),
        },
        sni: None,
        verify_server_name: false,
    })
    .expect("the default parameters leave protocol versions to speak")
}

fn broken(error: hyper::Error) -> ProbeFailed {
    ProbeFailed::Exchange(error.to_string())
}
