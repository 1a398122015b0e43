//! What the tests take from an Envoy bootstrap, as users write it: its clusters and its one listener.

use std::sync::Arc;

use bytes::Bytes;
use tulle_proxy::cluster::config::ClusterConfig;
use tulle_proxy::cluster::{Cluster, Clusters};
use tulle_proxy::config::bootstrap;
use tulle_proxy::config::not_honoured::NotHonouredFields;
use tulle_proxy::config::wire::Conversion;
use tulle_proxy::http::Shared;
use tulle_proxy::http::route::Routes;
use tulle_proxy::listener::Listener;
use tulle_proxy::secret::Secrets;
use tulle_proxy::telemetry::access_log::Writer;
use tulle_proxy::telemetry::istio::Workload;
use tulle_proxy::telemetry::metrics::Registry;

/// The listener of the bootstrap `yaml`.
pub(crate) fn listener(yaml: &str) -> Listener {
    listener_with_routes(yaml).0
}

/// The listener of the bootstrap `yaml`, and the store that its route tables come from over RDS.
pub(crate) fn listener_with_routes(yaml: &str) -> (Listener, Routes) {
    let (secrets, tables) = (Secrets::new(), Routes::new());
    let boot = bootstrap::parse(yaml, "test").expect("a valid bootstrap");
    let cx = Conversion {
        secrets: &secrets,
        routes: &tables,
        notes: NotHonouredFields::of("listener", "test"),
    };
    let listener = boot.listeners.into_iter().next().expect("one listener");
    let listener = Listener::from_proto(listener, Bytes::new(), cx).expect("a valid listener");
    (listener, tables)
}

/// What the workers of a proxy with the clusters of the bootstrap `yaml` share.
pub(crate) fn shared(yaml: &str, workload: Workload) -> Shared {
    let metrics = Registry::new();
    Shared {
        clusters: clusters(yaml),
        access_logs: Writer::start(&metrics).expect("a thread"),
        metrics,
        hostname: "test".into(),
        workload: Arc::new(workload),
    }
}

fn clusters(yaml: &str) -> Arc<Clusters> {
    let (secrets, tables) = (Secrets::new(), Routes::new());
    let store = Arc::new(Clusters::new());
    let boot = bootstrap::parse(yaml, "test").expect("a valid bootstrap");
    for cluster in boot.clusters {
        let cx = Conversion {
            secrets: &secrets,
            routes: &tables,
            notes: NotHonouredFields::of("cluster", "test"),
        };
        let raw = Bytes::from(format!("{cluster:?}"));
        let (config, endpoints) =
            ClusterConfig::from_proto(cluster, raw, cx).expect("a valid cluster");
        let cluster = Cluster::new(config);
        cluster.apply_endpoints(endpoints.unwrap_or_default());
        store.apply([(Arc::clone(&cluster.config.name), Some(Arc::new(cluster)))]);
    }
    store
}
