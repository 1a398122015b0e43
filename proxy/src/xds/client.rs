//! The life of a stream: open, ask, apply, answer; when it is lost, wait and resume. Everything applied stays.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::resource::ResourceKind;

use super::apply::Outcome;
use super::backoff::Backoff;
use super::refusals::Refusals;
use super::response::Response;
use super::shared::Shared;
use super::stream::{self, Opening, Requests, StreamLost};
use super::subscription::{Applied, Request, Subscription, Verdict};
use crate::cluster::Clusters;
use crate::config::ads::StreamConfig;
use crate::config::source::Source;
use crate::grpc;

/// What is asked for on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// All types whose source is the aggregated stream.
    Aggregated,
    /// One type.
    Of(ResourceKind),
}

/// The client of one stream.
pub(super) struct Client {
    config: Arc<StreamConfig>,
    service: Service,
    source: Source,
    shared: Shared,
    subscriptions: BTreeMap<ResourceKind, Subscription>,
}

impl Client {
    /// A client that asks for what the applier wants of this source.
    pub(super) fn new(config: Arc<StreamConfig>, service: Service, shared: Shared) -> Self {
        let (source, kinds) = match service {
            Service::Aggregated => (Source::Ads, ResourceKind::ALL.to_vec()),
            Service::Of(kind) => (Source::Stream(Arc::clone(&config)), vec![kind]),
        };
        let subscription = |kind: ResourceKind| {
            let interest = shared.with(|applier| applier.interest(kind, &source));
            (kind, Subscription::new(kind, config.dialect, interest))
        };
        let subscriptions = kinds.into_iter().map(subscription).collect();
        Self {
            config,
            service,
            source,
            shared,
            subscriptions,
        }
    }

    /// Runs for as long as the process does.
    pub(super) async fn run(mut self, node: Rc<Node>, clusters: Arc<Clusters>) {
        let mut backoff = Backoff::new();
        loop {
            let lost = match self.stream(&node, &clusters, &mut backoff).await {
                Ok(never) => match never {},
                Err(lost) => lost,
            };
            self.set_connected(false);
            let wait = backoff.next();
            let server = &self.config.cluster;
            warn!(
                "xds: {server}: {lost}; what was applied keeps serving, next try in {} ms",
                wait.as_millis()
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn stream(
        &mut self,
        node: &Node,
        clusters: &Clusters,
        backoff: &mut Backoff,
    ) -> Result<Infallible, StreamLost> {
        let mut changes = self.shared.changes();
        let first = self.first_requests(&mut changes).await;
        let config = Arc::clone(&self.config);
        let (cluster, authority) = (&config.cluster, &config.authority);
        let (channel, origin) = grpc::connect(clusters, cluster, authority).await?;
        let Opening {
            mut requests,
            responses: mut opening,
        } = stream::open(channel, origin, &config, self.service, (node, first))?;
        let mut responses = loop {
            tokio::select! {
                opened = &mut opening => break opened?,
                _ = changes.changed() => self.follow_interest(&mut requests)?,
            }
        };
        info!("xds: connected to {cluster} for node {}", node.id);
        self.set_connected(true);
        let mut refusals = Refusals::default();
        loop {
            tokio::select! {
                response = responses.next() => {
                    if let Some(response) = response? {
                        backoff.reset();
                        self.respond(response, &mut requests, &mut refusals)?;
                    }
                }
                _ = changes.changed() => self.follow_interest(&mut requests)?,
                () = at(refusals.next()) => {
                    for refusal in refusals.take_due(Instant::now()) {
                        requests.send(refusal)?;
                    }
                }
            }
        }
    }

    /// Applies one response and answers it.
    fn respond(
        &mut self,
        response: Response,
        requests: &mut Requests,
        refusals: &mut Refusals,
    ) -> Result<(), StreamLost> {
        let kind = response.kind;
        debug!(
            "xds: {kind:?} {} resources, {} removed",
            response.resources.len(),
            response.removed.len()
        );
        let Some(subscription) = self.subscriptions.get_mut(&kind) else {
            let server = &self.config.cluster;
            warn!("xds: {server} sent {kind:?} on a stream of another type; it is passed over");
            return Ok(());
        };
        let (nonce, version_info) = (response.nonce.clone(), response.version_info.clone());
        let removed = response.removed.clone();
        let Outcome { accepted, rejected } = self.shared.apply(&self.source, response);
        let verdict = match rejected.as_slice() {
            [] => Verdict::Accepted,
            refused => {
                let list: Vec<_> = refused.iter().map(ToString::to_string).collect();
                Verdict::Rejected(list.join("\n"))
            }
        };
        let accepted_whole = verdict == Verdict::Accepted;
        let applied = Applied {
            nonce: &nonce,
            version_info: &version_info,
            accepted,
            removed: &removed,
        };
        let answer = subscription.answer(&applied, verdict);
        if accepted_whole {
            refusals.accepted(kind);
            return requests.send(answer);
        }
        match refusals.refused(kind, answer, Instant::now()) {
            Some(refusal) => requests.send(refusal),
            None => Ok(()),
        }
    }

    /// Asks for what the applied resources name and is not asked for yet.
    fn follow_interest(&mut self, requests: &mut Requests) -> Result<(), StreamLost> {
        for (kind, subscription) in &mut self.subscriptions {
            let changes = self
                .shared
                .with(|applier| applier.take_changes(*kind, &self.source));
            if let Some(request) = subscription.change(changes) {
                requests.send(request)?;
            }
        }
        Ok(())
    }

    /// What a new stream begins with, as soon as something is wanted of it: a server may take silence for good.
    async fn first_requests(&mut self, changes: &mut watch::Receiver<()>) -> Vec<Request> {
        loop {
            let first = self.all_that_is_wanted();
            if !first.is_empty() {
                return first;
            }
            let rung = changes.changed().await;
            rung.expect("the client holds the bell, too");
        }
    }

    fn all_that_is_wanted(&mut self) -> Vec<Request> {
        let open = |(kind, subscription): (&ResourceKind, &mut Subscription)| {
            let changes = self
                .shared
                .with(|applier| applier.take_changes(*kind, &self.source));
            subscription.change(changes); // what changed while no stream was there
            subscription.open()
        };
        self.subscriptions.iter_mut().filter_map(open).collect()
    }

    /// A proxy counts as connected when clusters and listeners can change.
    fn set_connected(&self, connected: bool) {
        match self.service {
            Service::Aggregated | Service::Of(ResourceKind::Cluster | ResourceKind::Listener) => {
                let state = self.shared.with(|applier| applier.state().clone());
                state.set_connected(connected);
            }
            Service::Of(
                ResourceKind::Endpoint
                | ResourceKind::Route
                | ResourceKind::VirtualHost
                | ResourceKind::Secret
                | ResourceKind::ExtensionConfig
                | ResourceKind::NameTable,
            ) => {}
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
