use super::*;

#[test]
fn delta_sends_only_what_changed() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "a", 1);
    mesh.put(Cluster, "b", 1);
    assert_eq!(mesh.delta(Cluster, subscribe(&[])), ["CDS#1 +a@1 +b@1"]);
    assert_eq!(mesh.ack(Cluster, "1"), none());
    mesh.put(Cluster, "b", 2);
    assert_eq!(mesh.publish(), ["CDS#2 +b@2"]);
    assert_eq!(mesh.ack(Cluster, "2"), none());
    mesh.remove(Cluster, "a");
    assert_eq!(mesh.publish(), ["CDS#3 -a"]);
    assert_eq!(mesh.ack(Cluster, "3"), none());
    assert_eq!(mesh.publish(), none());
}

#[test]
fn delta_answers_an_empty_wildcard() {
    let mut mesh = Mesh::new(Dialect::Delta);
    assert_eq!(mesh.delta(Cluster, subscribe(&["*"])), ["CDS#1"]);
}

#[test]
fn delta_resumes_with_the_difference() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "same", 0x10);
    mesh.put(Cluster, "changed", 2);
    mesh.put(Cluster, "new", 1);
    let held = [("same", "10"), ("changed", "1"), ("gone", "1")];
    assert_eq!(
        mesh.delta(Cluster, resume(&[], &held)),
        ["CDS#1 +changed@2 +new@1"],
        "what listeners and routes may still refer to stays"
    );
    assert_eq!(mesh.delta(Listener, subscribe(&[])), ["LDS#1"]);
    assert_eq!(mesh.ack(Cluster, "1"), none());
    assert_eq!(mesh.ack(Listener, "1"), none());
    let routes = subscribe(&["80"]);
    assert_eq!(mesh.delta(Route, routes), ["RDS#1 -80"]);
    assert_eq!(mesh.ack(Route, "1"), ["CDS#2 -gone"]);
    assert_eq!(mesh.ack(Cluster, "2"), none());
    assert_eq!(mesh.publish(), none());
}

#[test]
fn a_resumed_client_without_routes_loses_its_clusters_after_a_while() {
    let mut mesh = Mesh::new(Dialect::Delta);
    let clusters = resume(&[], &[("gone", "1")]);
    assert_eq!(mesh.delta(Cluster, clusters), none());
    mesh.delta(Listener, subscribe(&[]));
    assert_eq!(mesh.ack(Listener, "1"), none());
    let look = mesh.session.next_look().expect("the wait has an end");
    assert_eq!(mesh.flush_at(look), ["CDS#1 -gone"]);
    assert_eq!(mesh.session.next_look(), None);
}

#[test]
fn a_subset_that_was_replaced_meanwhile_goes_after_the_routes_of_the_resumed_client() {
    let mut mesh = Mesh::new(Dialect::Delta);
    for kind in [Cluster, Endpoint] {
        mesh.put(kind, "v2", 1);
    }
    mesh.put(Listener, "l", 0x10);
    mesh.put(Route, "80", 2);
    let held = [("v1", "1")];
    assert_eq!(mesh.delta(Cluster, resume(&[], &held)), ["CDS#1 +v2@1"]);
    assert_eq!(mesh.delta(Endpoint, resume(&["v1"], &held)), none());
    let listeners = resume(&[], &[("l", "10")]);
    assert_eq!(mesh.delta(Listener, listeners), none());
    let routes = resume(&["80"], &[("80", "1")]);
    assert_eq!(mesh.delta(Route, routes), none());
    assert_eq!(mesh.ack(Cluster, "1"), none());
    assert_eq!(mesh.delta(Endpoint, subscribe(&["v2"])), ["EDS#1 +v2@1"]);
    assert_eq!(mesh.ack(Endpoint, "1"), ["RDS#1 +80@2"]);
    assert_eq!(mesh.ack(Route, "1"), ["CDS#2 -v1", "EDS#2 -v1"]);
}

#[test]
fn delta_resumes_silently_when_nothing_changed() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "a", 0x10);
    mesh.put(Endpoint, "a", 0x20);
    let held = |v: &str| [("a".to_owned(), v.to_owned())].into_iter().collect();
    let request = DeltaDiscoveryRequest {
        initial_resource_versions: held("10"),
        ..Default::default()
    };
    assert_eq!(mesh.delta(Cluster, request), none());
    let request = DeltaDiscoveryRequest {
        initial_resource_versions: held("20"),
        ..subscribe(&["a"])
    };
    assert_eq!(mesh.delta(Endpoint, request), none());
    mesh.put(Endpoint, "a", 0x21);
    assert_eq!(mesh.publish(), ["EDS#1 +a@21"]);
}

#[test]
fn delta_says_that_a_named_resource_does_not_exist_and_sends_it_when_it_does() {
    let mut mesh = Mesh::new(Dialect::Delta);
    assert_eq!(mesh.delta(Route, subscribe(&["80"])), ["RDS#1 -80"]);
    mesh.ack(Route, "1");
    assert_eq!(mesh.publish(), none());
    mesh.put(Route, "80", 1);
    assert_eq!(mesh.publish(), ["RDS#2 +80@1"]);
}

#[test]
fn delta_answers_a_repeated_subscription_even_if_unchanged() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Endpoint, "a", 1);
    assert_eq!(mesh.delta(Endpoint, subscribe(&["a"])), ["EDS#1 +a@1"]);
    mesh.ack(Endpoint, "1");
    assert_eq!(mesh.delta(Endpoint, subscribe(&["a"])), ["EDS#2 +a@1"]);
}

#[test]
fn delta_forgets_what_was_unsubscribed() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Endpoint, "a", 1);
    mesh.put(Endpoint, "b", 1);
    mesh.delta(Endpoint, subscribe(&["a", "b"]));
    mesh.ack(Endpoint, "1");
    mesh.delta(
        Endpoint,
        DeltaDiscoveryRequest {
            resource_names_unsubscribe: owned(&["a"]),
            ..Default::default()
        },
    );
    mesh.put(Endpoint, "a", 2);
    mesh.put(Endpoint, "b", 2);
    assert_eq!(mesh.publish(), ["EDS#2 +b@2"]);
}

#[test]
fn a_name_under_the_wildcard_is_sent_once() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "a", 1);
    assert_eq!(mesh.delta(Cluster, subscribe(&["*", "a"])), ["CDS#1 +a@1"]);
}

#[test]
fn a_rejected_response_is_shown_and_not_repeated_until_something_changes() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "a", 1);
    mesh.put(Cluster, "b", 1);
    mesh.delta(Cluster, subscribe(&[]));
    mesh.ack(Cluster, "1");
    mesh.put(Cluster, "a", 2);
    assert_eq!(mesh.publish(), ["CDS#2 +a@2"]);
    assert_eq!(mesh.nack(Cluster, "2"), none());
    let status = mesh.session.status().remove(&Cluster).unwrap();
    assert_eq!(status.rejected.unwrap().reason, "bad");
    assert_eq!(status.accepted.unwrap().nonce, 1);
    assert_eq!(mesh.publish(), none());
    mesh.put(Cluster, "b", 2);
    assert_eq!(mesh.publish(), ["CDS#3 +a@2 +b@2"]);
    mesh.ack(Cluster, "3");
    assert!(mesh.session.status()[&Cluster].rejected.is_none());
}

#[test]
fn a_rejected_named_resource_goes_along_with_the_next_change() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Route, "a", 1);
    mesh.put(Route, "b", 1);
    mesh.delta(Route, subscribe(&["a", "b"]));
    mesh.nack(Route, "1");
    assert_eq!(mesh.publish(), none());
    mesh.put(Route, "b", 2);
    assert_eq!(mesh.publish(), ["RDS#2 +a@1 +b@2"]);
}

#[test]
fn a_stale_nonce_acknowledges_nothing() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "a", 1);
    mesh.delta(Cluster, subscribe(&[]));
    mesh.ack(Cluster, "77");
    assert!(mesh.session.status()[&Cluster].accepted.is_none());
}
