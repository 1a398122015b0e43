//! The life of the stream: open, ask, apply, answer; when it is lost, wait and resume. Everything applied stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::{Request as GrpcRequest, Status, Streaming};
use tracing::{debug, info, warn};
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient as AdsClient;
use xds_proto::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use xds_proto::resource::ResourceKind;

use super::Dialect;
use super::apply::{Applier, Outcome};
use super::backoff::Backoff;
use super::response::Response;
use super::state::XdsState;
use super::subscription::{Applied, Request, Subscription, Verdict};
use crate::cluster::Clusters;
use crate::config::ads::AdsConfig;
use crate::grpc::{self, Channel};

/// Requests that may wait to be written; a server that lets more pile up does not read.
const QUEUE: usize = 256;

/// The xDS client and all that it needs.
pub(crate) struct Client {
    config: AdsConfig,
    node: Node,
    clusters: Arc<Clusters>,
    state: XdsState,
    applier: Applier,
    subscriptions: BTreeMap<ResourceKind, Subscription>,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum StreamLost {
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

impl Client {
    /// A client that asks for clusters and listeners as told, and for what these in turn name.
    pub(crate) fn new(
        config: AdsConfig,
        node: Node,
        clusters: Arc<Clusters>,
        applier: Applier,
    ) -> Self {
        let subscriptions = ResourceKind::ALL
            .iter()
            .map(|kind| {
                (
                    *kind,
                    Subscription::new(*kind, config.dialect, applier.interest(*kind)),
                )
            })
            .collect();
        Self {
            config,
            node,
            clusters,
            state: applier.state().clone(),
            applier,
            subscriptions,
        }
    }

    /// Runs for as long as the process does.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let lost = match self.stream(&mut backoff).await {
                Ok(never) => match never {},
                Err(lost) => lost,
            };
            self.state.set_connected(false);
            let wait = backoff.next();
            warn!(
                "xds: {lost}; what was applied keeps serving, next try in {} ms",
                wait.as_millis()
            );
            let again = tokio::time::sleep(wait);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    () = &mut again => break,
                    () = self.applier.wake() => self.applier.settle(),
                }
            }
        }
    }

    async fn stream(
        &mut self,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, StreamLost> {
        let (channel, origin) =
            grpc::connect(&self.clusters, &self.config.cluster, &self.config.authority).await?;
        let client = AdsClient::with_origin(channel, origin).max_decoding_message_size(usize::MAX);
        let (mut stream, mut requests) = match self.config.dialect {
            Dialect::Delta => self.open_delta(client).await?,
            Dialect::Sotw => self.open_sotw(client).await?,
        };
        info!(
            "xds: connected to {} for node {}",
            self.config.cluster, self.node.id
        );
        self.state.set_connected(true);
        loop {
            tokio::select! {
                response = stream.next() => {
                    if let Some(response) = response? {
                        backoff.reset();
                        self.respond(response, &mut requests)?;
                    }
                }
                () = self.applier.wake() => self.applier.settle(),
            }
            self.follow_interest(&mut requests)?;
        }
    }

    /// Applies one response and answers it.
    fn respond(&mut self, response: Response, requests: &mut Requests) -> Result<(), StreamLost> {
        let kind = response.kind;
        debug!(
            "xds: {kind:?} {} resources, {} removed",
            response.resources.len(),
            response.removed.len()
        );
        let (nonce, version_info) = (response.nonce.clone(), response.version_info.clone());
        let (removed, Outcome { accepted, rejected }) =
            (response.removed.clone(), self.applier.apply(response));
        let verdict = if rejected.is_empty() {
            Verdict::Accepted
        } else {
            let list: Vec<_> = rejected.iter().map(ToString::to_string).collect();
            for refused in &list {
                warn!("xds: refused {refused}; the last good version keeps serving");
            }
            Verdict::Rejected(list.join("\n"))
        };
        self.state
            .record_response(kind, &version_info, matches!(verdict, Verdict::Accepted));
        self.applier.settle(); // the first answers make the proxy live
        let Some(subscription) = self.subscriptions.get_mut(&kind) else {
            return Ok(());
        };
        let applied = Applied {
            nonce: &nonce,
            version_info: &version_info,
            accepted,
            removed: &removed,
        };
        requests.send(subscription.answer(&applied, verdict))
    }

    /// Asks for what the applied resources name and is not asked for yet.
    fn follow_interest(&mut self, requests: &mut Requests) -> Result<(), StreamLost> {
        for (kind, subscription) in &mut self.subscriptions {
            if let Some(request) = subscription.change(self.applier.take_changes(*kind)) {
                requests.send(request)?;
            }
        }
        Ok(())
    }

    fn first_requests(&mut self) -> Vec<Request> {
        let (subscriptions, applier) = (&mut self.subscriptions, &mut self.applier);
        let open = |(kind, subscription): (&ResourceKind, &mut Subscription)| {
            subscription.change(applier.take_changes(*kind)); // what changed while no stream was there
            subscription.open()
        };
        subscriptions.iter_mut().filter_map(open).collect()
    }

    async fn open_delta(
        &mut self,
        mut client: AdsClient<Channel>,
    ) -> Result<(Responses, Requests), StreamLost> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut requests = Requests {
            sender: Sender::Delta(sender),
            node: Some(self.node.clone()),
        };
        for request in self.first_requests() {
            requests.send(request)?;
        }
        let request = self.with_metadata(ReceiverStream::new(receiver))?;
        let stream = client
            .delta_aggregated_resources(request)
            .await?
            .into_inner();
        Ok((Responses::Delta(stream), requests))
    }

    async fn open_sotw(
        &mut self,
        mut client: AdsClient<Channel>,
    ) -> Result<(Responses, Requests), StreamLost> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut requests = Requests {
            sender: Sender::Sotw(sender),
            node: Some(self.node.clone()),
        };
        for request in self.first_requests() {
            requests.send(request)?;
        }
        let request = self.with_metadata(ReceiverStream::new(receiver))?;
        let stream = client
            .stream_aggregated_resources(request)
            .await?
            .into_inner();
        Ok((Responses::Sotw(stream), requests))
    }

    fn with_metadata<T>(&self, message: T) -> Result<GrpcRequest<T>, StreamLost> {
        let mut request = GrpcRequest::new(message);
        let mut put = |key: &str, value: &str| {
            let wrong = || StreamLost::Metadata(key.to_owned());
            let key = AsciiMetadataKey::from_bytes(key.as_bytes()).map_err(|_| wrong())?;
            let value = AsciiMetadataValue::try_from(value).map_err(|_| wrong())?;
            request.metadata_mut().append(key, value);
            Ok::<_, StreamLost>(())
        };
        for (key, value) in &self.config.metadata {
            put(key, value)?;
        }
        if let Some(path) = &self.config.token {
            let token = std::fs::read_to_string(path).map_err(|source| StreamLost::Token {
                path: path.display().to_string(),
                source,
            })?;
            put("authorization", &format!("Bearer {}", token.trim()))?;
        }
        Ok(request)
    }
}

/// The reading half of the stream.
enum Responses {
    Delta(Streaming<DeltaDiscoveryResponse>),
    Sotw(Streaming<DiscoveryResponse>),
}

impl Responses {
    /// The next response; `None` for one of a type that was not asked for, which is logged and passed over.
    async fn next(&mut self) -> Result<Option<Response>, StreamLost> {
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
struct Requests {
    sender: Sender,
    node: Option<Node>,
}

enum Sender {
    Delta(mpsc::Sender<DeltaDiscoveryRequest>),
    Sotw(mpsc::Sender<DiscoveryRequest>),
}

impl Requests {
    fn send(&mut self, request: Request) -> Result<(), StreamLost> {
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
