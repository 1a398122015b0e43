//! Pools and what connections in them are made of, for tests.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use xds_proto::pb::envoy::config::cluster::v3 as pb;

use super::channel::{Life, OpenCount, UpstreamFacts};
use super::{ClusterPool, EndpointPool};
use crate::cluster::config::ClusterConfig;
use crate::cluster::endpoint::EndpointFacts;
use crate::cluster::{Cluster, Endpoint};
use crate::config::not_honoured::NotHonouredFields;
use crate::config::wire::Conversion;
use crate::http::codec::buffers::Buffers;
use crate::http::route::Routes;
use crate::http::route::action::Priority;
use crate::secret::Secrets;
use crate::telemetry::istio::Heard;
use crate::telemetry::metrics::Registry;
use crate::transport::Address;
use crate::worker;

/// A cluster of one endpoint.
pub(super) fn pools() -> (Rc<ClusterPool>, Rc<EndpointPool>) {
    let (secrets, routes) = (Secrets::new(), Routes::new());
    let cx = Conversion {
        secrets: &secrets,
        routes: &routes,
        notes: NotHonouredFields::of("cluster", "test"),
    };
    let message = pb::Cluster {
        name: "test".into(),
        ..pb::Cluster::default()
    };
    let config = ClusterConfig::from_proto(message, Bytes::new(), cx);
    let cluster = Arc::new(Cluster::new(config.expect("a valid cluster").0));
    let registry = Registry::new();
    let cluster = ClusterPool::new(cluster, &registry, registry.shard(), Buffers::new());
    let at = Address::Ip(SocketAddr::from(([127, 0, 0, 1], 1)));
    let endpoint = cluster.endpoint(&Arc::new(Endpoint::new(EndpointFacts::at(at))));
    (cluster, endpoint)
}

/// What is known of a connection of which nothing is known.
pub(super) fn facts() -> Rc<UpstreamFacts> {
    Rc::new(UpstreamFacts {
        local: None,
        remote: None,
        tls: None,
        heard: Heard::default(),
    })
}

/// The life of a connection that begins now.
pub(super) fn life(cluster: &ClusterPool) -> Life {
    let breakers = &cluster.cluster.breakers;
    let permit = breakers.acquire_connection(Priority::Default);
    Life {
        born: worker::now(),
        permit: permit.expect("no limit"),
        _open: OpenCount::new(cluster.stats.upstream_cx_active, &cluster.shard),
    }
}
