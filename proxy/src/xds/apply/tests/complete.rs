//! What a response that is complete takes away.

use xds_proto::pb::envoy::service::discovery::v3::{DiscoveryResponse, Resource};
use xds_proto::pb::google::protobuf::Any;

use super::*;

fn state_of_the_world(resources: Vec<Any>) -> Response {
    let message = DiscoveryResponse {
        version_info: "1".to_owned(),
        resources,
        type_url: ResourceKind::Cluster.type_url().to_owned(),
        ..Default::default()
    };
    Response::try_from(message).unwrap()
}

fn cluster(name: &str) -> Any {
    let mut cluster: pb::Cluster = unpacked(&incoming(1).body);
    name.clone_into(&mut cluster.name);
    pack_any(&cluster)
}

fn in_envelope(name: &str, resource: Option<Any>) -> Any {
    pack_any(&Resource {
        name: name.to_owned(),
        resource,
        ttl: Some(Timeout {
            seconds: 60,
            nanos: 0,
        }),
        ..Default::default()
    })
}

fn serving_names(stores: &Stores) -> Vec<String> {
    let snapshot = stores.clusters.snapshot();
    let mut names: Vec<_> = snapshot.keys().map(|name| name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn nothing_is_removed_by_a_response_with_a_resource_that_cannot_be_read() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = applier(&stores);
        let both = vec![cluster("a"), cluster("b")];
        applier.apply(&Source::Ads, state_of_the_world(both));
        let unreadable = Any {
            value: vec![0xff],
            ..cluster("b")
        };
        let outcome = applier.apply(
            &Source::Ads,
            state_of_the_world(vec![cluster("a"), unreadable]),
        );
        assert_eq!((outcome.accepted.len(), outcome.rejected.len()), (1, 1));
        assert_eq!(serving_names(&stores), ["a", "b"]);
        applier.apply(&Source::Ads, state_of_the_world(vec![cluster("a")]));
        assert_eq!(serving_names(&stores), ["a"]);
    });
}

#[test]
fn resources_in_envelopes_are_taken_out_and_an_empty_envelope_removes_nothing() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = applier(&stores);
        let packed = |name: &str| in_envelope(name, Some(cluster(name)));
        let outcome = applier.apply(
            &Source::Ads,
            state_of_the_world(vec![packed("a"), packed("b"), cluster("c")]),
        );
        assert_eq!(outcome.rejected, []);
        assert_eq!(serving_names(&stores), ["a", "b", "c"]);
        let alive = vec![in_envelope("a", None)];
        let outcome = applier.apply(&Source::Ads, state_of_the_world(alive));
        assert_eq!(outcome.rejected, []);
        assert_eq!(serving_names(&stores), ["a", "b", "c"]);
        applier.apply(&Source::Ads, state_of_the_world(vec![packed("b")]));
        assert_eq!(serving_names(&stores), ["b"]);
    });
}

#[test]
fn a_stream_that_was_not_asked_for_clusters_removes_none() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = applier(&stores);
        applier.apply(&Source::Ads, state_of_the_world(vec![cluster("a")]));
        let other = Source::File(Arc::new("other".into()));
        applier.apply(&other, state_of_the_world(Vec::new()));
        applier.apply(&other, delta(ResourceKind::Cluster, Vec::new(), &["a"]));
        assert_eq!(serving_names(&stores), ["a"]);
    });
}
