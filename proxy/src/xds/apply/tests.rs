use super::*;
use xds_proto::pb::envoy::config::cluster::v3 as pb;
use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::endpoint::v3 as endpoint;
use xds_proto::pb::google::protobuf::Duration as Timeout;
use xds_proto::resource::{pack_any, unpack_bytes};

use crate::xds::wire::Body;

pub(crate) mod allocations;
mod complete;
mod memory;
mod refusals;

fn applier(stores: &Stores) -> Applier {
    let wanted = Wanted {
        listeners: None,
        clusters: Some(Source::Ads),
    };
    let state = XdsState::default();
    Applier::new(stores.clone(), state, wanted, Lifecycle::new())
}

/// Runs a test where the tasks of clusters can be spawned.
fn on_control_runtime(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async { test() });
}

fn incoming(seconds: i64) -> Incoming {
    let cluster = pb::Cluster {
        name: "own".to_owned(),
        connect_timeout: Some(Timeout { seconds, nanos: 0 }),
        cluster_discovery_type: Some(pb::cluster::ClusterDiscoveryType::Type(
            pb::cluster::DiscoveryType::Static.into(),
        )),
        ..Default::default()
    };
    Incoming {
        name: String::new(),
        version: "1".into(),
        body: pack_any(&cluster).into(),
    }
}

fn unpacked<R: xds_proto::resource::Resource>(body: &Body) -> R {
    unpack_bytes(&body.type_url, &body.value).unwrap()
}

fn response(resources: Vec<Incoming>, removed: Vec<String>) -> Response {
    Response {
        kind: ResourceKind::Cluster,
        nonce: String::new(),
        version_info: String::new(),
        resources,
        removed,
        complete: true,
    }
}

#[test]
fn the_stream_neither_replaces_nor_removes_a_static_cluster() {
    let stores = Stores::default();
    let own = Arc::new(convert::cluster(&incoming(1).body, &stores).unwrap());
    let name: Arc<str> = "own".into();
    stores
        .clusters
        .apply([(name.clone(), Some(Arc::clone(&own)))]);
    let mut applier = applier(&stores);
    for seconds in [1, 2] {
        let outcome = applier.apply(&Source::Ads, response(vec![incoming(seconds)], Vec::new()));
        assert!(outcome.accepted.is_empty());
        assert!(outcome.rejected[0].reason.contains("static"));
    }
    applier.apply(&Source::Ads, response(Vec::new(), vec!["own".to_owned()]));
    assert!(Arc::ptr_eq(&stores.clusters.get("own").unwrap(), &own));
}

fn packed<R: xds_proto::resource::Resource>(message: &R) -> Incoming {
    Incoming {
        name: message.name().to_owned(),
        version: "1".into(),
        body: pack_any(message).into(),
    }
}

fn eds_cluster(name: &str, seconds: i64) -> Incoming {
    let ads = core::config_source::ConfigSourceSpecifier::Ads(Default::default());
    packed(&pb::Cluster {
        name: name.to_owned(),
        connect_timeout: Some(Timeout { seconds, nanos: 0 }),
        cluster_discovery_type: Some(pb::cluster::ClusterDiscoveryType::Type(
            pb::cluster::DiscoveryType::Eds.into(),
        )),
        eds_cluster_config: Some(pb::cluster::EdsClusterConfig {
            eds_config: Some(core::ConfigSource {
                config_source_specifier: Some(ads),
                ..Default::default()
            }),
            service_name: String::new(),
        }),
        ..Default::default()
    })
}

fn assignment(name: &str, ports: &[u32]) -> Incoming {
    let endpoint = |port: &u32| {
        let socket = core::SocketAddress {
            address: "10.0.0.1".to_owned(),
            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(*port)),
            ..Default::default()
        };
        let address = core::address::Address::SocketAddress(socket);
        let endpoint = endpoint::Endpoint {
            address: Some(core::Address {
                address: Some(address),
            }),
            ..Default::default()
        };
        endpoint::LbEndpoint {
            host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(endpoint)),
            ..Default::default()
        }
    };
    packed(&endpoint::ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints: vec![endpoint::LocalityLbEndpoints {
            lb_endpoints: ports.iter().map(endpoint).collect(),
            ..Default::default()
        }],
        ..Default::default()
    })
}

fn delta(kind: ResourceKind, resources: Vec<Incoming>, removed: &[&str]) -> Response {
    Response {
        kind,
        resources,
        complete: false,
        ..response(
            Vec::new(),
            removed.iter().map(|name| (*name).to_owned()).collect(),
        )
    }
}

/// An applier that serves so many clusters, each with an endpoint.
fn serving(stores: &Stores, count: usize) -> Applier {
    let mut applier = applier(stores);
    let names: Vec<_> = (0..count).map(|number| format!("c{number}")).collect();
    let clusters = names.iter().map(|name| eds_cluster(name, 1)).collect();
    applier.apply(&Source::Ads, delta(ResourceKind::Cluster, clusters, &[]));
    assert_eq!(
        applier
            .take_changes(ResourceKind::Endpoint, &Source::Ads)
            .added
            .len(),
        count
    );
    let endpoints = names.iter().map(|name| assignment(name, &[80])).collect();
    applier.apply(&Source::Ads, delta(ResourceKind::Endpoint, endpoints, &[]));
    assert_eq!(stores.clusters.snapshot().len(), count);
    applier
}

#[test]
fn an_endpoint_change_costs_the_same_among_ten_thousand_clusters_as_among_a_hundred() {
    let cost = |count: usize| {
        let (mut spent, stores) = (0, Stores::default());
        on_control_runtime(|| {
            let mut applier = serving(&stores, count);
            let change = delta(
                ResourceKind::Endpoint,
                vec![assignment("c7", &[80, 81])],
                &[],
            );
            let version = stores.clusters.version();
            spent = allocations::counted(|| {
                assert!(applier.apply(&Source::Ads, change).rejected.is_empty());
                for kind in ResourceKind::ALL {
                    assert_eq!(
                        applier.take_changes(kind, &Source::Ads),
                        NameChanges::default()
                    );
                }
            });
            assert_eq!(stores.clusters.version(), version);
            let changed = stores.clusters.get("c7").unwrap();
            assert_eq!(changed.endpoints().hosts().count(), 2);
        });
        spent
    };
    let (few, many) = (cost(100), cost(10_000));
    assert!(many <= few + 4, "{many} allocations, {few} among a hundred");
}

#[test]
fn a_replaced_cluster_begins_with_the_endpoints_that_it_has() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = serving(&stores, 2);
        let before = stores.clusters.get("c0").unwrap();
        applier.apply(
            &Source::Ads,
            delta(ResourceKind::Cluster, vec![eds_cluster("c0", 2)], &[]),
        );
        let now = stores.clusters.get("c0").unwrap();
        assert!(!Arc::ptr_eq(&before, &now));
        assert_eq!(now.endpoints().hosts().count(), 1);
        applier.apply(
            &Source::Ads,
            delta(ResourceKind::Endpoint, vec![assignment("c0", &[1, 2])], &[]),
        );
        assert_eq!(now.endpoints().hosts().count(), 2);
        let replaced = before.endpoints().hosts().count();
        assert_eq!(replaced, 1, "it is not looked after any more");
    });
}

#[test]
fn what_no_cluster_names_any_more_is_not_asked_for_and_forgotten() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = serving(&stores, 2);
        applier.apply(
            &Source::Ads,
            delta(ResourceKind::Cluster, Vec::new(), &["c0"]),
        );
        let changes = applier.take_changes(ResourceKind::Endpoint, &Source::Ads);
        assert_eq!(changes.removed, [Arc::from("c0")]);
        let known = |name: &str| applier.state.resource(ResourceKind::Endpoint, name);
        assert!(known("c0").is_none() && known("c1").is_some());
    });
}

#[test]
fn a_cluster_that_comes_back_before_the_server_heard_of_its_end_has_its_endpoints() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = serving(&stores, 1);
        let mut send = |kind, resources, removed: &[&str]| {
            applier.apply(&Source::Ads, delta(kind, resources, removed));
        };
        let hosts = || {
            let cluster = stores.clusters.get("c0").expect("it serves at once");
            cluster.endpoints().hosts().count()
        };
        send(ResourceKind::Cluster, Vec::new(), &["c0"]);
        send(ResourceKind::Cluster, vec![eds_cluster("c0", 1)], &[]);
        assert_eq!(hosts(), 1);
        send(ResourceKind::Cluster, Vec::new(), &["c0"]);
        send(ResourceKind::Endpoint, vec![assignment("c0", &[1, 2])], &[]);
        send(ResourceKind::Cluster, vec![eds_cluster("c0", 1)], &[]);
        assert_eq!(hosts(), 2);
        send(ResourceKind::Cluster, Vec::new(), &["c0"]);
        let changes = applier.take_changes(ResourceKind::Endpoint, &Source::Ads);
        assert_eq!(changes.removed, [Arc::from("c0")]);
        let back = delta(ResourceKind::Cluster, vec![eds_cluster("c0", 1)], &[]);
        applier.apply(&Source::Ads, back);
        assert!(stores.clusters.get("c0").is_none(), "they are asked for");
    });
}

#[test]
fn a_response_that_names_one_twice_or_lies_about_names_is_refused_for_these() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = applier(&stores);
        let lying = Incoming {
            name: "other".to_owned(),
            ..incoming(1)
        };
        let outcome = applier.apply(
            &Source::Ads,
            delta(
                ResourceKind::Cluster,
                vec![incoming(1), incoming(2), lying],
                &[],
            ),
        );
        assert_eq!(outcome.accepted.len(), 1);
        let reasons = outcome.rejected.iter().map(|refused| &*refused.reason);
        let told: Vec<_> = reasons
            .map(|reason| reason.contains("twice") || reason.contains("\"other\""))
            .collect();
        assert_eq!(told, [true, true]);
        let timeout = stores.clusters.get("own").unwrap().config.connect_timeout;
        assert_eq!(timeout.as_secs(), 1);
    });
}
