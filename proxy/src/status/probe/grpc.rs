//! The gRPC health check (`grpc.health.v1.Health/Check`).

use super::http::ProbeFailed;
use super::own_source;
use crate::grpc::OnThisThread;
use crate::transport::{Address, ConnectOptions, UpstreamTransport, connect};
use ::http::uri::PathAndQuery;
use ::http::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::body::Body;
use tower::service_fn;

/// `HealthCheckResponse.ServingStatus.SERVING`
const SERVING: i32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Asks whether a service is serving.
pub(super) async fn check(
    address: SocketAddr,
    service: &str,
    limit: Duration,
) -> Result<StatusCode, ProbeFailed> {
    tokio::time::timeout(limit, ask(address, service, limit))
        .await
        .unwrap_or(Err(ProbeFailed::TimedOut(limit)))
}

async fn ask(
    address: SocketAddr,
    service: &str,
    limit: Duration,
) -> Result<StatusCode, ProbeFailed> {
    let options = ConnectOptions {
        timeout: limit,
        source: own_source(address),
        ..ConnectOptions::default()
    };
    let upstream = connect(&Address::Ip(address), &UpstreamTransport::Plain, &options)
        .await
        .map_err(ProbeFailed::Connect)?;
    let broken = |error: hyper::Error| ProbeFailed::Exchange(error.to_string());
    let (sender, connection) =
        hyper::client::conn::http2::handshake(OnThisThread, TokioIo::new(upstream))
            .await
            .map_err(broken)?;
    tokio::task::spawn_local(connection);
    let channel = service_fn(move |request: ::http::Request<Body>| {
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    let origin = format!("http://{address}")
        .parse::<Uri>()
        .map_err(|error| ProbeFailed::Request(error.into()))?;
    let mut client = tonic::client::Grpc::with_origin(channel, origin);
    let unanswered = |status: tonic::Status| ProbeFailed::Exchange(status.to_string());
    let request = tonic::Request::new(HealthCheckRequest {
        service: service.to_owned(),
    });
    let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let response = client
        .unary(request, path, codec)
        .await
        .map_err(unanswered)?;
    if response.get_ref().status == SERVING {
        Ok(StatusCode::OK)
    } else {
        Ok(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
