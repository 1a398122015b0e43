//! The HTTP server of the demo.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::net::TcpListener;

/// Flags of `tulle app server`.
#[derive(Debug, Args)]
pub(crate) struct ServerFlags {
    /// Port to listen on
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value = "0.0.0.0")]
    address: IpAddr,
    /// Version to name in each answer
    #[arg(long, default_value = "v1")]
    version: String,
}

pub(super) async fn run(flags: ServerFlags) -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::new(flags.address, flags.port)).await?;
    let host = std::env::var("POD_NAME")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_default();
    let who = Arc::new((host, flags.version));
    loop {
        let (stream, _) = listener.accept().await?;
        let who = who.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&request, &who);
                async { Ok::<_, Infallible>(answer) }
            });
            // a client that goes away ends its own connection only
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    (host, version): &(String, String),
) -> Response<Full<Bytes>> {
    let headers: serde_json::Map<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into(),
            )
        })
        .collect();
    let body = json!({
        "server": host,
        "version": version,
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "headers": headers,
    });
    Response::builder()
        .header("content-type", "application/json")
        .header("x-version", version)
        .body(Full::new(Bytes::from(format!("{body}\n"))))
        .expect("a version is a valid header value")
}
