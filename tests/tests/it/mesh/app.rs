//! Applications behind sidecars, in this process.

use std::convert::Infallible;
use std::net::SocketAddr;

use ::http::{HeaderName, Request, Response};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::grpc;
use super::node::Pod;

/// Serves until it is dropped.
pub(crate) struct App {
    _runtime: Runtime,
}

impl App {
    /// Serves in a pod: on the HTTP ports it answers with the head of each request as it came and who it is in
    /// `x-server`, and to gRPC as [`grpc::answer`] does; on the TCP ports it says who it is and closes.
    pub(crate) fn start(pod: &Pod, http: &[u16], tcp: &[u16]) -> Self {
        let runtime = pod.namespace.runtime();
        for port in http {
            let listener = bind(&runtime, pod.at(*port));
            runtime.spawn(serve_http(listener, pod.name.clone()));
        }
        for port in tcp {
            let listener = bind(&runtime, pod.at(*port));
            runtime.spawn(serve_tcp(listener, pod.name.clone()));
        }
        Self { _runtime: runtime }
    }
}

/// Binds on the runtime's own thread, since that is the one inside the pod.
fn bind(runtime: &Runtime, address: SocketAddr) -> TcpListener {
    let bound = runtime.spawn(TcpListener::bind(address));
    runtime.block_on(bound).unwrap().unwrap()
}

async fn serve_http(listener: TcpListener, name: String) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let name = name.clone();
        let service = service_fn(move |request| answer(request, name.clone()));
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            server
                .serve_connection(TokioIo::new(tcp), service)
                .await
                .ok();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    name: String,
) -> hyper::Result<Response<BoxBody<Bytes, Infallible>>> {
    let kind = request.headers().get("content-type");
    if kind.is_none_or(|kind| kind != "application/grpc") {
        return Ok(echo(&request, &name).map(BodyExt::boxed));
    }
    let (head, body) = request.into_parts();
    let sent = body.collect().await?.to_bytes();
    let method = head.uri.path().rsplit('/').next().unwrap_or_default();
    Ok(grpc::answer(method, &sent, &name))
}

/// The head of a request as text: `METHOD PATH`, then a line per header.
fn echo(request: &Request<Incoming>, name: &str) -> Response<Full<Bytes>> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("", |path| path.as_str());
    let mut text = format!("{} {path} {:?}\n", request.method(), request.version());
    let authority = request.uri().authority();
    if let Some(authority) = authority {
        text.push_str(&format!("host: {authority}\n"));
    }
    for (header, value) in request.headers() {
        text.push_str(&format!("{header}: {}\n", value.to_str().unwrap()));
    }
    let mut response = Response::new(Full::new(text.into()));
    let server = HeaderName::from_static("x-server");
    response.headers_mut().insert(server, name.parse().unwrap());
    response
}

async fn serve_tcp(listener: TcpListener, name: String) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tokio::spawn(greet(tcp, name.clone()));
    }
}

async fn greet(mut tcp: TcpStream, name: String) {
    tcp.write_all(name.as_bytes()).await.ok();
    tcp.shutdown().await.ok();
}
