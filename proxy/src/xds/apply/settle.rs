//! Putting in force what has become complete.

use std::sync::Arc;

use futures_util::future::select_all;
use tokio::time::Instant;
use xds_proto::resource::ResourceKind;

use super::Applier;
use super::warming::{Awaited, Need};
use crate::cluster::{Cluster, Discovery};
use crate::lifecycle::Phase;
use crate::listener::Listener;
use crate::secret::SecretCell;

impl Applier {
    /// Puts in force what has become warm, clusters first.
    pub(crate) fn settle(&mut self) {
        let now = Instant::now();
        let clusters = self.cold_clusters.settle(now, cluster_lacks);
        self.serve_clusters(clusters);
        let listeners = self.cold_listeners.settle(now, listener_lacks);
        self.serve_listeners(listeners);
        self.go_live();
    }

    /// The proxy is live once a first answer of each type that it asks for is in force.
    fn go_live(&self) {
        let answered = |kind| self.wanted.source(kind).is_none() || self.state.has_answer(kind);
        if answered(ResourceKind::Cluster)
            && answered(ResourceKind::Listener)
            && self.cold_clusters.is_empty()
            && self.cold_listeners.is_empty()
        {
            self.lifecycle.advance(Phase::Live);
        }
    }

    /// What [`Self::settle`] may find something to do after.
    pub(crate) fn wait(&self) -> Wait {
        let now = Instant::now();
        let looks = [
            self.cold_clusters.next_look(now),
            self.cold_listeners.next_look(now),
        ];
        let secrets = self
            .cold_clusters
            .secrets()
            .chain(self.cold_listeners.secrets());
        Wait {
            look: looks.into_iter().flatten().min(),
            secrets: secrets.cloned().collect(),
        }
    }
}

/// A secret that arrives, or a time that passes.
pub(crate) struct Wait {
    look: Option<Instant>,
    secrets: Vec<Arc<SecretCell>>,
}

impl Wait {
    /// Waits for the first of them; for ever if there is none.
    pub(crate) async fn over(self) {
        let Some(look) = self.look else {
            return std::future::pending().await;
        };
        let arrivals: Vec<_> = self
            .secrets
            .iter()
            .map(|cell| Box::pin(cell.ready()))
            .collect();
        let arrival = async {
            match arrivals.is_empty() {
                true => std::future::pending().await,
                false => drop(select_all(arrivals).await),
            }
        };
        tokio::select! {
            () = tokio::time::sleep_until(look) => {}
            () = arrival => {}
        }
    }
}

/// What a cluster waits for before it may serve.
fn cluster_lacks(cluster: &Cluster) -> Option<Need> {
    if cluster.is_warm() {
        return missing(cluster.config.secrets());
    }
    Some(match &cluster.config.discovery {
        Discovery::Eds(eds) => Need::Endpoints(eds.source.clone(), Arc::clone(&eds.service)),
        Discovery::Static
        | Discovery::StrictDns(_)
        | Discovery::LogicalDns(_)
        | Discovery::OriginalDst(_) => Need::Addresses,
    })
}

/// What a listener waits for before it may serve.
fn listener_lacks(listener: &Listener) -> Option<Need> {
    let unknown = listener
        .route_handles()
        .find(|handle| handle.load().is_none());
    match unknown {
        Some(handle) => Some(Need::Routes(
            handle.source().clone(),
            Arc::clone(handle.name()),
        )),
        None => missing(listener.secrets()),
    }
}

fn missing<'a>(mut secrets: impl Iterator<Item = &'a Arc<SecretCell>>) -> Option<Need> {
    let cell = secrets.find(|cell| !cell.is_ready())?;
    Some(Need::Secret(Awaited(Arc::clone(cell))))
}
