//! An aggregated xDS server that offers the listeners that it is told to, and passes on what the client says of them.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use xds_proto::pb::envoy::config::listener::v3::Listener;
use xds_proto::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use xds_proto::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use xds_proto::resource::{self, ResourceKind};

use crate::mesh::http::PATIENCE;
use crate::mesh::namespace::Namespace;

/// A running server.
pub(super) struct XdsServer {
    pub(super) address: SocketAddr,
    offer: watch::Sender<Offer>,
    verdicts: mpsc::Receiver<Verdict>,
    runtime: Runtime,
}

/// All listeners of a version.
#[derive(Clone, Debug, Default)]
struct Offer {
    version: u32,
    listeners: Vec<Listener>,
}

/// What the client says of a version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) version: u32,
    /// Why it refuses something of it.
    pub(super) error: Option<String>,
}

impl XdsServer {
    pub(super) fn start(namespace: &Namespace) -> Self {
        let (offer, offers) = watch::channel(Offer::default());
        let (sender, verdicts) = mpsc::channel(16);
        let runtime = namespace.runtime();
        let serving = runtime.spawn(async move {
            let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let address = incoming.local_addr().unwrap();
            let service = AggregatedDiscoveryServiceServer::new(Script {
                offers,
                verdicts: sender,
            });
            let server = Server::builder().add_service(service);
            tokio::spawn(server.serve_with_incoming(incoming));
            address
        });
        Self {
            address: runtime.block_on(serving).unwrap(),
            offer,
            verdicts,
            runtime,
        }
    }

    /// Offers `listeners` as the next version, and waits for what the client says of it.
    pub(super) fn offer(&mut self, listeners: Vec<Listener>) -> Verdict {
        let version = self.offer.borrow().version + 1;
        self.offer.send_replace(Offer { version, listeners });
        let verdicts = &mut self.verdicts;
        self.runtime.block_on(async {
            loop {
                let next = tokio::time::timeout(PATIENCE, verdicts.recv());
                let verdict = next.await.expect("the client answers").unwrap();
                if verdict.version == version {
                    return verdict;
                }
            }
        })
    }
}

/// What every stream shares.
#[derive(Clone)]
struct Script {
    offers: watch::Receiver<Offer>,
    verdicts: mpsc::Sender<Verdict>,
}

/// A request of either dialect.
struct Heard {
    type_url: String,
    nonce: String,
    error: Option<String>,
}

type Answers<T> = ReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Script {
    type StreamAggregatedResourcesStream = Answers<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Answers<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Answers<DiscoveryResponse>>, Status> {
        let heard = |request: DiscoveryRequest| Heard {
            type_url: request.type_url,
            nonce: request.response_nonce,
            error: request.error_detail.map(|error| error.message),
        };
        let response = |type_url: &str, offer: &Offer| DiscoveryResponse {
            version_info: offer.version.to_string(),
            nonce: offer.version.to_string(),
            type_url: type_url.to_owned(),
            resources: offer.listeners.iter().map(resource::pack).collect(),
            ..DiscoveryResponse::default()
        };
        Ok(self.clone().follow(request.into_inner(), heard, response))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Answers<DeltaDiscoveryResponse>>, Status> {
        let heard = |request: DeltaDiscoveryRequest| Heard {
            type_url: request.type_url,
            nonce: request.response_nonce,
            error: request.error_detail.map(|error| error.message),
        };
        let response = |type_url: &str, offer: &Offer| DeltaDiscoveryResponse {
            nonce: offer.version.to_string(),
            type_url: type_url.to_owned(),
            resources: offer
                .listeners
                .iter()
                .map(|one| named(one, offer))
                .collect(),
            ..DeltaDiscoveryResponse::default()
        };
        Ok(self.clone().follow(request.into_inner(), heard, response))
    }
}

fn named(listener: &Listener, offer: &Offer) -> Resource {
    Resource {
        name: listener.name.clone(),
        version: offer.version.to_string(),
        resource: Some(resource::pack(listener)),
        ..Resource::default()
    }
}

impl Script {
    /// Serves one stream: an empty answer to whoever asks for anything but listeners.
    fn follow<Q: Send + 'static, A: Send + 'static>(
        mut self,
        mut requests: Streaming<Q>,
        heard: impl Fn(Q) -> Heard + Send + 'static,
        response: impl Fn(&str, &Offer) -> A + Send + 'static,
    ) -> Response<Answers<A>> {
        let (answers, stream) = mpsc::channel(16);
        let listeners = ResourceKind::Listener.type_url();
        tokio::spawn(async move {
            let mut subscribed = false;
            loop {
                let mut due = None;
                tokio::select! {
                    request = requests.message() => {
                        let Ok(Some(request)) = request else { return };
                        let Heard { type_url, nonce, error } = heard(request);
                        if !nonce.is_empty() {
                            let verdict = Verdict { version: nonce.parse().unwrap(), error };
                            if type_url == listeners && self.verdicts.send(verdict).await.is_err() {
                                return;
                            }
                        } else if type_url == listeners {
                            subscribed = true;
                            due = Some(response(listeners, &self.offers.borrow_and_update()));
                        } else {
                            due = Some(response(&type_url, &Offer::default()));
                        }
                    }
                    Ok(()) = self.offers.changed() => {
                        let offer = self.offers.borrow_and_update();
                        due = subscribed.then(|| response(listeners, &offer));
                    }
                }
                if let Some(answer) = due
                    && answers.send(Ok(answer)).await.is_err()
                {
                    return;
                }
            }
        });
        Response::new(ReceiverStream::new(stream))
    }
}
