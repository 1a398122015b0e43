//! `sds`: the workload's identity without the rest of the proxy, for a neighbouring Envoy.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::config::sidecar::{CA_CLUSTER, Sidecar};
use crate::identity::{Identity, sds};
use crate::worker;
use crate::xds::apply::Stores;

/// Serves on the socket until the process is ended.
pub(super) fn serve(socket: &Path, sidecar: Sidecar) -> anyhow::Result<()> {
    let stores = Stores::default();
    let authority = sidecar
        .bootstrap
        .clusters
        .into_iter()
        .filter(|cluster| cluster.name == CA_CLUSTER);
    super::run::apply_static_clusters(authority.collect(), &stores)?;
    let identity = Identity::new(
        sidecar.ca,
        sidecar.identity,
        stores.clusters.clone(),
        stores.secrets.clone(),
    );
    worker::runtime()?.block_on(async move {
        super::run::look_after(&stores.clusters);
        tokio::task::spawn_local(identity.run());
        tracing::info!("sds: serving secrets on {}", socket.display());
        sds::serve(socket, Arc::clone(&stores.secrets))
            .await
            .with_context(|| format!("cannot serve on {}", socket.display()))
    })
}
