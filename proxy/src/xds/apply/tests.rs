use super::*;
use xds_proto::pb::envoy::config::cluster::v3 as pb;
use xds_proto::pb::google::protobuf::Duration as Timeout;
use xds_proto::resource::pack_any;

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
        version: "1".to_owned(),
        body: pack_any(&cluster),
    }
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
    let wanted = Wanted {
        listeners: false,
        clusters: true,
    };
    let state = XdsState::default();
    let mut applier = Applier::new(stores.clone(), state, wanted, Lifecycle::new());
    for seconds in [1, 2] {
        let outcome = applier.apply(response(vec![incoming(seconds)], Vec::new()));
        assert!(outcome.accepted.is_empty());
        assert!(outcome.rejected[0].reason.contains("static"));
    }
    applier.apply(response(Vec::new(), vec!["own".to_owned()]));
    assert!(Arc::ptr_eq(&stores.clusters.get("own").unwrap(), &own));
}
