//! A server whose streams the test plays.

use std::pin::Pin;

use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request as GrpcRequest, Response as GrpcResponse, Status, Streaming};
use xds_proto::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use xds_proto::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use xds_proto::resource::ResourceKind;

use super::PATIENCE;
use crate::grpc::OnThisThread;

/// A stream that the client opened, for the test to play the server of.
pub(super) struct Opened {
    requests: Streaming<DeltaDiscoveryRequest>,
    responses: mpsc::Sender<Result<DeltaDiscoveryResponse, Status>>,
    nonce: u32,
}

impl Opened {
    /// The next request of a type; acknowledgements of others are passed over.
    pub(super) async fn request(&mut self, kind: ResourceKind) -> DeltaDiscoveryRequest {
        let next = async {
            loop {
                let request = self.requests.message().await.unwrap().unwrap();
                if request.type_url == kind.type_url() {
                    return request;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.unwrap()
    }

    pub(super) async fn send(&mut self, kind: ResourceKind, resources: Vec<Resource>) {
        self.nonce += 1;
        let response = DeltaDiscoveryResponse {
            type_url: kind.type_url().to_owned(),
            nonce: self.nonce.to_string(),
            resources,
            ..Default::default()
        };
        self.responses.send(Ok(response)).await.unwrap();
    }
}

struct Script(mpsc::Sender<Opened>);

type Answers<T> = Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Script {
    type StreamAggregatedResourcesStream = Answers<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Answers<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        _: GrpcRequest<Streaming<DiscoveryRequest>>,
    ) -> Result<GrpcResponse<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("delta only"))
    }

    async fn delta_aggregated_resources(
        &self,
        request: GrpcRequest<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<GrpcResponse<Self::DeltaAggregatedResourcesStream>, Status> {
        let (responses, mut receiver) = mpsc::channel(16);
        let opened = Opened {
            requests: request.into_inner(),
            responses,
            nonce: 0,
        };
        let unwanted = |_| Status::unavailable("the test is over");
        self.0.send(opened).await.map_err(unwanted)?;
        let first = tokio_stream::iter(receiver.recv().await); // the headers go with it, as from Go's servers
        let rest = ReceiverStream::new(receiver);
        Ok(GrpcResponse::new(Box::pin(first.chain(rest))))
    }
}

/// A server whose streams the test plays; its port.
pub(super) async fn server() -> (u16, mpsc::Receiver<Opened>) {
    let (sender, opened) = mpsc::channel(4);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = TowerToHyperService::new(AggregatedDiscoveryServiceServer::new(Script(sender)));
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http2::Builder::new(OnThisThread)
                .serve_connection(TokioIo::new(stream), service.clone());
            tokio::task::spawn_local(connection);
        }
    });
    (port, opened)
}
