//! One ADS stream from its first message to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::{Status, Streaming};
use xds_proto::node::{NodeId, NodeMetadata};
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use xds_proto::resource::ResourceKind;

use crate::flag::{Flag, raised};
use crate::identity::Caller;
use crate::push::{Pending, Proxy, Publisher, Seat};

use super::body::Outgoing;
use super::debug_request;
use super::frame::{self, Envelope};
use super::session::{Dialect, Session, TooManyNames};
use super::status::{Connection, Connections, Listed};

/// A client that opens a stream must say something within this time.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);

/// What all streams share.
pub(crate) struct Ads {
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) connections: Arc<Connections>,
    /// `control_plane.identifier` of every response.
    pub(crate) identifier: String,
    /// Whose callers may ask about all proxies.
    pub(crate) root_namespace: String,
    /// Turns true with the first world: before it, an empty answer would wipe a proxy that reconnects.
    pub(crate) ready: Flag,
    /// Turns true when the process is about to end.
    pub(crate) drain: Flag,
}

/// The requests of one stream.
pub(super) enum Requests {
    /// Incremental xDS.
    Delta(Streaming<DeltaDiscoveryRequest>),
    /// State of the world.
    StateOfTheWorld(Streaming<DiscoveryRequest>),
}

enum Request {
    Delta(DeltaDiscoveryRequest),
    StateOfTheWorld(DiscoveryRequest),
}

/// Who is at the other end.
pub(super) struct Peer {
    pub(super) caller: Caller,
    pub(super) address: String,
}

struct Stream {
    ads: Arc<Ads>,
    dialect: Dialect,
    session: Session,
    seat: Seat,
    listed: Listed,
    feed: mpsc::Sender<Outgoing>,
    /// When the oldest change happened that is not on the wire yet.
    since: Option<std::time::Instant>,
}

/// Serves the stream until either side ends it, and says why to the client.
pub(super) async fn serve(
    ads: Arc<Ads>,
    peer: Peer,
    mut requests: Requests,
    feed: mpsc::Sender<Outgoing>,
) {
    let outcome = run(ads, &peer, &mut requests, &feed).await;
    let status = match outcome {
        Ok(()) => Status::ok(""),
        Err(status) => {
            tracing::info!(peer = peer.address, code = ?status.code(), "xDS stream ended: {}", status.message());
            status
        }
    };
    // A client that is gone does not want to know.
    let _gone = feed.send(Outgoing::End(status)).await;
}

async fn run(
    ads: Arc<Ads>,
    peer: &Peer,
    requests: &mut Requests,
    feed: &mpsc::Sender<Outgoing>,
) -> Result<(), Status> {
    let first = tokio::time::timeout(FIRST_MESSAGE, requests.next());
    let first = first
        .await
        .map_err(|_| Status::deadline_exceeded("no request came within 30 s"))??;
    let Some(first) = first else { return Ok(()) };
    if let Request::StateOfTheWorld(request) = &first
        && debug_request::is_one(&request.type_url)
    {
        return debug_request::serve(&ads, peer, request, feed).await;
    }
    let proxy = introduce(&peer.caller, first.node())?;
    let mut ready = ads.ready.clone();
    tokio::select! {
        () = raised(&mut ready) => {}
        () = feed.closed() => return Ok(()),
    }
    let mut stream = Stream::new(ads, peer, proxy, requests.dialect(), feed.clone());
    stream.on_request(first)?;
    stream.serve(requests).await
}

/// Reads the node of the first message and checks that the caller may speak for it.
fn introduce(caller: &Caller, node: Option<&Node>) -> Result<Proxy, Status> {
    let node = node.ok_or_else(|| {
        Status::invalid_argument("the first request of a stream must carry `node`")
    })?;
    let id: NodeId = node
        .id
        .parse()
        .map_err(|e| Status::invalid_argument(format!("node.id: {e}")))?;
    let empty = xds_proto::pb::google::protobuf::Struct::default();
    let metadata = NodeMetadata::from_struct(node.metadata.as_ref().unwrap_or(&empty))
        .map_err(|e| Status::invalid_argument(format!("node.metadata: {e}")))?;
    match caller.refuses(&id, &metadata) {
        None => Ok(Proxy { id, metadata }),
        Some(reason) => Err(Status::permission_denied(reason)),
    }
}

impl Stream {
    fn new(
        ads: Arc<Ads>,
        peer: &Peer,
        proxy: Proxy,
        dialect: Dialect,
        feed: mpsc::Sender<Outgoing>,
    ) -> Self {
        let seat = ads.publisher.join(proxy);
        let proxy = seat.proxy();
        let listed = ads.connections.list(Connection {
            id: seat.stream,
            who: proxy.clone(),
            proxy: format!("{}.{}", proxy.id.pod, proxy.id.namespace),
            namespace: proxy.id.namespace.clone(),
            kind: proxy.id.kind.to_string(),
            cluster: proxy
                .metadata
                .cluster_id
                .clone()
                .unwrap_or_else(|| "Kubernetes".to_owned()),
            version: proxy.metadata.istio_version.clone().unwrap_or_default(),
            peer: peer.address.clone(),
            types: parking_lot::Mutex::default(),
        });
        tracing::info!(
            proxy = listed.proxy,
            peer = peer.address,
            ?dialect,
            "proxy connected"
        );
        Self {
            ads,
            dialect,
            session: Session::new(dialect),
            seat,
            listed,
            feed,
            since: None,
        }
    }

    async fn serve(&mut self, requests: &mut Requests) -> Result<(), Status> {
        let mut drain = self.ads.drain.clone();
        let mailbox = self.seat.mailbox.clone();
        loop {
            if !self.flush().await {
                return Ok(());
            }
            let look = self.session.next_look();
            tokio::select! {
                request = requests.next() => match request? {
                    Some(request) => self.on_request(request)?,
                    None => return Ok(()),
                },
                pending = mailbox.take() => self.on_push(&pending),
                () = passed(look) => {}
                () = self.feed.closed() => return Ok(()),
                () = raised(&mut drain) => {
                    return Err(Status::unavailable("the control plane is restarting; reconnect"));
                }
            }
        }
    }

    fn on_request(&mut self, request: Request) -> Result<(), Status> {
        let Some(kind) = ResourceKind::from_type_url(request.type_url()) else {
            // Agents announce health and debug types on the same stream; a type that we do not serve stays unanswered.
            tracing::debug!(
                proxy = self.listed.proxy,
                "asks for unknown type {:?}",
                request.type_url()
            );
            return Ok(());
        };
        if let Some(reason) = request.rejection() {
            tracing::warn!(proxy = self.listed.proxy, %kind, "NACK: {reason}");
            crate::metrics::rejected(kind);
        }
        let outcome = match request {
            Request::Delta(request) => self.session.on_delta(kind, request),
            Request::StateOfTheWorld(request) => {
                self.session.on_sotw(kind, &request, self.seat.view())
            }
        };
        outcome.map_err(|e: TooManyNames| Status::resource_exhausted(e.to_string()))
    }

    fn on_push(&mut self, pending: &Pending) {
        self.since = self.since.into_iter().chain(pending.since).min();
        self.session.on_push(pending);
        if pending.reclassify && self.seat.reclassify() {
            self.session.on_new_view();
        }
    }

    /// Sends what can be sent. False when the client is gone.
    async fn flush(&mut self) -> bool {
        let responses = self
            .session
            .flush(self.seat.view(), tokio::time::Instant::now());
        let pushed = !responses.is_empty();
        for response in responses {
            let nonce = format!("{:x}", response.nonce);
            let type_url = response.kind.type_url();
            let envelope = Envelope {
                type_url,
                nonce: &nonce,
                control_plane: &self.ads.identifier,
            };
            let message = match self.dialect {
                Dialect::Delta => frame::delta(&envelope, &response.update),
                Dialect::StateOfTheWorld => frame::state_of_the_world(&envelope, &response.update),
            };
            crate::metrics::pushed(response.kind);
            if self.feed.send(Outgoing::Message(message)).await.is_err() {
                return false;
            }
        }
        *self.listed.types.lock() = self.session.status();
        if let Some(since) = self.since.take().filter(|_| pushed) {
            crate::metrics::converged(since.elapsed());
        }
        true
    }
}

/// Returns at that time; never without one.
async fn passed(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        tracing::info!(proxy = self.listed.proxy, "proxy disconnected");
    }
}

impl Requests {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Delta(_) => Dialect::Delta,
            Self::StateOfTheWorld(_) => Dialect::StateOfTheWorld,
        }
    }

    /// The next request, or `None` when the client has closed its side. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<Option<Request>, Status> {
        match self {
            Self::Delta(stream) => Ok(stream.message().await?.map(Request::Delta)),
            Self::StateOfTheWorld(stream) => {
                Ok(stream.message().await?.map(Request::StateOfTheWorld))
            }
        }
    }
}

impl Request {
    fn node(&self) -> Option<&Node> {
        match self {
            Self::Delta(request) => request.node.as_ref(),
            Self::StateOfTheWorld(request) => request.node.as_ref(),
        }
    }

    fn type_url(&self) -> &str {
        match self {
            Self::Delta(request) => &request.type_url,
            Self::StateOfTheWorld(request) => &request.type_url,
        }
    }

    fn rejection(&self) -> Option<&str> {
        let status = match self {
            Self::Delta(request) => request.error_detail.as_ref(),
            Self::StateOfTheWorld(request) => request.error_detail.as_ref(),
        };
        status.map(|status| status.message.as_str())
    }
}
