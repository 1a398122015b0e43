//! Follows every source: the aggregated stream, and streams and files that the bootstrap or resources name.

use std::rc::Rc;
use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3::Node;

use super::apply::{Applier, Feed};
use super::client::{Client, Service};
use super::file;
use super::shared::Shared;
use crate::cluster::Clusters;
use crate::config::ads::StreamConfig;
use crate::config::source::Source;

/// What following begins with.
pub(crate) struct Following {
    /// The aggregated stream, if there is one.
    pub(crate) ads: Option<StreamConfig>,
    pub(crate) node: Node,
    /// Where servers are found.
    pub(crate) clusters: Arc<Clusters>,
    pub(crate) applier: Applier,
}

/// Runs for as long as the process does.
pub(crate) async fn run(following: Following) {
    let Following {
        ads,
        node,
        clusters,
        applier,
    } = following;
    let shared = Shared::new(applier);
    let node = Rc::new(node);
    let client = |stream: Arc<StreamConfig>, service| {
        let client = Client::new(stream, service, shared.clone());
        tokio::task::spawn_local(client.run(Rc::clone(&node), Arc::clone(&clusters)));
    };
    if let Some(ads) = ads {
        client(Arc::new(ads), Service::Aggregated);
    }
    let mut changes = shared.changes();
    loop {
        for Feed { source, kind } in shared.with(Applier::take_new_feeds) {
            match source {
                Source::Ads => {} // followed as a whole
                Source::Stream(stream) => client(stream, Service::Of(kind)),
                Source::File(path) => {
                    tokio::task::spawn_local(file::follow(path, kind, shared.clone()));
                }
            }
        }
        let wait = shared.wait();
        tokio::select! {
            () = wait.over() => shared.settle(),
            _ = changes.changed() => {}
        }
    }
}
