//! Both halves of a stream, in either dialect and of any discovery service.

use futures_util::future::{FutureExt, LocalBoxFuture, TryFutureExt};
use http::Uri;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::{Request as GrpcRequest, Status, Streaming};
use tracing::warn;
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use xds_proto::resource::ResourceKind;

use super::Dialect;
use super::client::Service;
use super::response::Response;
use super::subscription::Request;
use super::wire::{Delta, StateOfTheWorld};
use crate::config::ads::StreamConfig;
use crate::grpc::{self, Channel};

/// Requests that may wait to be written; a server that lets more pile up does not read.
const QUEUE: usize = 256;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamLost {
    #[error(transparent)]
    Connect(#[from] grpc::ConnectError),
    #[error(
        "cannot read the token file {path}: {source}; mount it or name another with --root-dir"
    )]
    Token {
        path: String,
        source: std::io::Error,
    },
    #[error("{0:?} cannot be a request header of the stream")]
    Metadata(String),
    #[error("the server ended the stream: {} {}", .0.code(), .0.message())]
    Status(#[from] Status),
    #[error("the server closed the stream")]
    Closed,
    #[error("the server does not read: {QUEUE} requests are waiting")]
    Stalled,
}

/// A stream that the server has not answered yet.
pub(super) struct Opening {
    /// Takes more requests at once: a server may wait for one that it can answer before it says anything.
    pub(super) requests: Requests,
    /// The reading half, once the server begins to answer. Sends what is asked for while it is polled.
    pub(super) responses: LocalBoxFuture<'static, Result<Responses, StreamLost>>,
}

/// Opens a stream and sends what is asked for first; the node goes with the first request.
pub(super) fn open(
    channel: Channel,
    origin: Uri,
    config: &StreamConfig,
    service: Service,
    (node, first): (&Node, Vec<Request>),
) -> Result<Opening, StreamLost> {
    let grpc = Grpc::with_origin(channel, origin).max_decoding_message_size(usize::MAX);
    let path = PathAndQuery::from_static(path(service, config.dialect));
    match config.dialect {
        Dialect::Delta => {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let requests = Requests::begun(Sender::Delta(sender), node, first)?;
            let request = with_metadata(config, ReceiverStream::new(receiver))?;
            let responses = call(grpc, path, request).map_ok(Responses::Delta);
            let responses = responses.boxed_local();
            Ok(Opening {
                requests,
                responses,
            })
        }
        Dialect::Sotw => {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let requests = Requests::begun(Sender::Sotw(sender), node, first)?;
            let request = with_metadata(config, ReceiverStream::new(receiver))?;
            let responses = call(grpc, path, request).map_ok(Responses::Sotw);
            let responses = responses.boxed_local();
            Ok(Opening {
                requests,
                responses,
            })
        }
    }
}

async fn call<Q, R>(
    mut grpc: Grpc<Channel>,
    path: PathAndQuery,
    request: GrpcRequest<ReceiverStream<Q>>,
) -> Result<Streaming<R>, StreamLost>
where
    Q: Message + Send + Sync + 'static,
    R: Message + Default + Send + Sync + 'static,
{
    let unready = |error: hyper::Error| Status::unavailable(error.to_string());
    grpc.ready().await.map_err(unready)?;
    let codec = tonic_prost::ProstCodec::<Q, R>::default();
    Ok(grpc.streaming(request, path, codec).await?.into_inner())
}

/// The method of a discovery service. Types without one of their own travel on the aggregated stream only.
fn path(service: Service, dialect: Dialect) -> &'static str {
    let (delta, sotw) = match service {
        Service::Of(ResourceKind::Cluster) => (
            "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters",
            "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters",
        ),
        Service::Of(ResourceKind::Endpoint) => (
            "/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints",
            "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
        ),
        Service::Of(ResourceKind::Listener) => (
            "/envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners",
            "/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners",
        ),
        Service::Of(ResourceKind::Route) => (
            "/envoy.service.route.v3.RouteDiscoveryService/DeltaRoutes",
            "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes",
        ),
        Service::Of(ResourceKind::Secret) => (
            "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets",
            "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
        ),
        Service::Aggregated
        | Service::Of(
            ResourceKind::VirtualHost | ResourceKind::ExtensionConfig | ResourceKind::NameTable,
        ) => (
            "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
            "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
        ),
    };
    match dialect {
        Dialect::Delta => delta,
        Dialect::Sotw => sotw,
    }
}

fn with_metadata<T>(config: &StreamConfig, message: T) -> Result<GrpcRequest<T>, StreamLost> {
    let mut request = GrpcRequest::new(message);
    let mut put = |key: &str, value: &str| {
        let wrong = || StreamLost::Metadata(key.to_owned());
        let key = AsciiMetadataKey::from_bytes(key.as_bytes()).map_err(|_| wrong())?;
        let value = AsciiMetadataValue::try_from(value).map_err(|_| wrong())?;
        request.metadata_mut().append(key, value);
        Ok::<_, StreamLost>(())
    };
    for (key, value) in &config.metadata {
        put(key, value)?;
    }
    if let Some(path) = &config.token {
        let token = std::fs::read_to_string(path).map_err(|source| StreamLost::Token {
            path: path.display().to_string(),
            source,
        })?;
        put("authorization", &format!("Bearer {}", token.trim()))?;
    }
    Ok(request)
}

/// The reading half of the stream.
pub(super) enum Responses {
    Delta(Streaming<Delta>),
    Sotw(Streaming<StateOfTheWorld>),
}

impl Responses {
    /// The next response; `None` for one of a type that was not asked for, which is logged and passed over.
    pub(super) async fn next(&mut self) -> Result<Option<Response>, StreamLost> {
        let response = match self {
            Self::Delta(stream) => {
                Response::try_from(stream.message().await?.ok_or(StreamLost::Closed)?)
            }
            Self::Sotw(stream) => {
                Response::try_from(stream.message().await?.ok_or(StreamLost::Closed)?)
            }
        };
        Ok(response.inspect_err(|error| warn!("xds: {error}")).ok())
    }
}

/// The writing half of the stream; the first message carries the node.
pub(super) struct Requests {
    sender: Sender,
    node: Option<Node>,
}

enum Sender {
    Delta(mpsc::Sender<DeltaDiscoveryRequest>),
    Sotw(mpsc::Sender<DiscoveryRequest>),
}

impl Requests {
    fn begun(sender: Sender, node: &Node, first: Vec<Request>) -> Result<Self, StreamLost> {
        let mut requests = Self {
            sender,
            node: Some(node.clone()),
        };
        for request in first {
            requests.send(request)?;
        }
        Ok(requests)
    }

    pub(super) fn send(&mut self, request: Request) -> Result<(), StreamLost> {
        let node = self.node.take();
        let sent = match (&self.sender, request) {
            (Sender::Delta(sender), Request::Delta(request)) => sender
                .try_send(DeltaDiscoveryRequest { node, ..request })
                .map_err(|error| error.to_string()),
            (Sender::Sotw(sender), Request::Sotw(request)) => sender
                .try_send(DiscoveryRequest { node, ..request })
                .map_err(|error| error.to_string()),
            (Sender::Delta(_), Request::Sotw(_)) | (Sender::Sotw(_), Request::Delta(_)) => {
                unreachable!("a subscription speaks the dialect of its stream")
            }
        };
        sent.map_err(|_| StreamLost::Stalled)
    }
}
