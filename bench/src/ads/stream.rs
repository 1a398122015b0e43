//! One stream of a proxy, in either dialect.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use xds_proto::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryService;
use xds_proto::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use xds_proto::resource::ResourceKind;

use super::Dialect;
use super::progress::Event;
use super::subscription::{Due, Interest, Subscription};
use super::world::World;

/// Answers that wait for the connection.
const ANSWERS: usize = 16;

/// What all streams share.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) world: Arc<Mutex<World>>,
    /// Tells of new versions.
    pub(super) versions: watch::Receiver<u64>,
    pub(super) events: Sender<Event>,
}

/// A request of either dialect.
struct Heard {
    type_url: String,
    nonce: String,
    error: Option<String>,
    interest: Interest,
}

/// A response of either dialect.
struct Answer {
    kind: ResourceKind,
    nonce: String,
    version: u64,
    resources: Vec<Due>,
}

type Answers<T> = ReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Answers<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Answers<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Answers<DiscoveryResponse>>, Status> {
        let stream = Stream::new(self, Dialect::StateOfTheWorld);
        Ok(stream.follow(request.into_inner(), state, whole))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Answers<DeltaDiscoveryResponse>>, Status> {
        let stream = Stream::new(self, Dialect::Delta);
        Ok(stream.follow(request.into_inner(), change, delta))
    }
}

fn state(request: DiscoveryRequest) -> Heard {
    Heard {
        type_url: request.type_url,
        nonce: request.response_nonce,
        error: request.error_detail.map(|error| error.message),
        interest: Interest::Names(request.resource_names),
    }
}

fn change(request: DeltaDiscoveryRequest) -> Heard {
    Heard {
        type_url: request.type_url,
        nonce: request.response_nonce,
        error: request.error_detail.map(|error| error.message),
        interest: Interest::Change {
            subscribe: request.resource_names_subscribe,
            unsubscribe: request.resource_names_unsubscribe,
        },
    }
}

fn whole(answer: Answer) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: answer.version.to_string(),
        nonce: answer.nonce,
        type_url: answer.kind.type_url().to_owned(),
        resources: answer.resources.into_iter().map(|due| due.any).collect(),
        ..DiscoveryResponse::default()
    }
}

fn delta(answer: Answer) -> DeltaDiscoveryResponse {
    let named = |due: Due| Resource {
        name: due.name,
        version: due.version.to_string(),
        resource: Some(due.any),
        ..Resource::default()
    };
    DeltaDiscoveryResponse {
        nonce: answer.nonce,
        type_url: answer.kind.type_url().to_owned(),
        resources: answer.resources.into_iter().map(named).collect(),
        ..DeltaDiscoveryResponse::default()
    }
}

struct Stream {
    service: Service,
    dialect: Dialect,
    subscriptions: BTreeMap<ResourceKind, Subscription>,
    /// Names in responses of which the proxy has not yet said anything, by nonce.
    unanswered: HashMap<String, Vec<String>>,
    nonces: u64,
}

impl Stream {
    fn new(service: &Service, dialect: Dialect) -> Stream {
        Stream {
            service: service.clone(),
            dialect,
            subscriptions: BTreeMap::new(),
            unanswered: HashMap::new(),
            nonces: 0,
        }
    }

    fn follow<Q: Send + 'static, A: Send + 'static>(
        mut self,
        mut requests: Streaming<Q>,
        heard: fn(Q) -> Heard,
        answer: fn(Answer) -> A,
    ) -> Response<Answers<A>> {
        let (answers, stream) = mpsc::channel(ANSWERS);
        let mut versions = self.service.versions.clone();
        versions.mark_unchanged();
        tokio::spawn(async move {
            loop {
                let due = tokio::select! {
                    request = requests.message() => {
                        let Ok(Some(request)) = request else { return };
                        self.hear(heard(request)).into_iter().collect()
                    }
                    Ok(()) = versions.changed() => self.news(),
                };
                for due in due {
                    self.tell(Event::Sent {
                        kind: due.kind,
                        at: Instant::now(),
                    });
                    if answers.send(Ok(answer(due))).await.is_err() {
                        return;
                    }
                }
            }
        });
        Response::new(ReceiverStream::new(stream))
    }

    /// Takes a request; the answer, if one is owed.
    fn hear(&mut self, heard: Heard) -> Option<Answer> {
        let Some(kind) = ResourceKind::from_type_url(&heard.type_url) else {
            self.tell(Event::Refused(format!(
                "it asks for {}, which is not offered",
                heard.type_url
            )));
            return None;
        };
        let first = !self.subscriptions.contains_key(&kind);
        let subscription = self.subscriptions.entry(kind).or_default();
        subscription.hear(heard.interest, first);
        if let Some(names) = self.unanswered.remove(&heard.nonce) {
            let event = match heard.error {
                Some(error) => Event::Refused(format!("{kind}: {error}")),
                None => {
                    subscription.accepted.extend(names);
                    Event::Accepted {
                        kind,
                        resources: subscription.accepted.len(),
                    }
                }
            };
            self.tell(event);
        }
        self.answer(kind, first)
    }

    /// What the newest versions owe to those who have asked.
    fn news(&mut self) -> Vec<Answer> {
        let kinds: Vec<ResourceKind> = self.subscriptions.keys().copied().collect();
        let answers = kinds
            .into_iter()
            .filter_map(|kind| self.answer(kind, false));
        answers.collect()
    }

    /// What is due of a kind; an empty answer where one is owed `anyway`.
    fn answer(&mut self, kind: ResourceKind, anyway: bool) -> Option<Answer> {
        let subscription = self.subscriptions.get_mut(&kind)?;
        let world = self
            .service
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let resources = subscription.take_due(kind, &world, self.dialect);
        let version = world.version();
        drop(world);
        if resources.is_empty() && !anyway {
            return None;
        }
        self.nonces += 1;
        let nonce = self.nonces.to_string();
        let names = resources.iter().map(|due| due.name.clone()).collect();
        self.unanswered.insert(nonce.clone(), names);
        Some(Answer {
            kind,
            nonce,
            version,
            resources,
        })
    }

    fn tell(&self, event: Event) {
        // nobody listens once the measurement is over
        let _ = self.service.events.send(event);
    }
}
