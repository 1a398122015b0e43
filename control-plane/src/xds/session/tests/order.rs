use super::*;

#[test]
fn a_push_waits_for_the_acknowledgement_and_merges() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "a", 1);
    mesh.delta(Cluster, subscribe(&[]));
    mesh.put(Cluster, "a", 2);
    assert_eq!(mesh.publish(), none());
    mesh.put(Cluster, "a", 3);
    assert_eq!(mesh.publish(), none());
    assert_eq!(mesh.ack(Cluster, "1"), ["CDS#2 +a@3"]);
}

#[test]
fn an_answer_does_not_wait_for_an_acknowledgement() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Endpoint, "a", 1);
    mesh.put(Endpoint, "b", 1);
    mesh.delta(Endpoint, subscribe(&["a"]));
    assert_eq!(mesh.delta(Endpoint, subscribe(&["b"])), ["EDS#2 +b@1"]);
}

#[test]
fn types_go_out_in_dependency_order_and_clusters_disappear_last() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "old", 1);
    mesh.put(Listener, "l", 1);
    mesh.put(Route, "80", 1);
    mesh.delta(Route, subscribe(&["80"]));
    mesh.delta(Listener, subscribe(&[]));
    mesh.delta(Cluster, subscribe(&[]));
    mesh.ack(Cluster, "1");
    mesh.ack(Listener, "1");
    mesh.ack(Route, "1");
    mesh.remove(Cluster, "old");
    mesh.put(Cluster, "new", 1);
    mesh.put(Listener, "l", 2);
    mesh.put(Route, "80", 2);
    assert_eq!(
        mesh.publish(),
        ["CDS#2 +new@1", "LDS#2 +l@2", "RDS#2 +80@2"]
    );
    assert_eq!(mesh.ack(Cluster, "2"), none());
    assert_eq!(mesh.ack(Listener, "2"), none());
    assert_eq!(mesh.ack(Route, "2"), ["CDS#3 -old"]);
}

#[test]
fn a_rejected_route_keeps_the_cluster_that_the_last_good_one_uses() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "old", 1);
    mesh.put(Route, "80", 1);
    mesh.delta(Cluster, subscribe(&[]));
    mesh.delta(Route, subscribe(&["80"]));
    mesh.ack(Cluster, "1");
    mesh.ack(Route, "1");
    mesh.remove(Cluster, "old");
    mesh.put(Route, "80", 2);
    assert_eq!(mesh.publish(), ["RDS#2 +80@2"]);
    assert_eq!(mesh.nack(Route, "2"), none());
    mesh.put(Route, "80", 3);
    assert_eq!(mesh.publish(), ["RDS#3 +80@3"]);
    assert_eq!(mesh.ack(Route, "3"), ["CDS#2 -old"]);
}

#[test]
fn routes_wait_for_clusters_that_are_held_back() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Cluster, "a", 1);
    mesh.put(Route, "80", 1);
    mesh.delta(Cluster, subscribe(&[]));
    mesh.delta(Route, subscribe(&["80"]));
    mesh.ack(Route, "1");
    mesh.put(Cluster, "b", 1);
    mesh.put(Route, "80", 2);
    assert_eq!(mesh.publish(), none());
    assert_eq!(mesh.ack(Cluster, "1"), ["CDS#2 +b@1", "RDS#2 +80@2"]);
}

#[test]
fn a_changed_cluster_gets_its_endpoints_again() {
    for dialect in [Dialect::Delta, Dialect::StateOfTheWorld] {
        let mut mesh = Mesh::new(dialect);
        mesh.put(Cluster, "a", 1);
        mesh.put(Endpoint, "a", 1);
        match dialect {
            Dialect::Delta => {
                mesh.delta(Cluster, subscribe(&[]));
                mesh.delta(Endpoint, subscribe(&["a"]));
                mesh.ack(Cluster, "1");
                mesh.ack(Endpoint, "1");
            }
            Dialect::StateOfTheWorld => {
                mesh.sotw(Cluster, &names(&[]));
                mesh.sotw(Endpoint, &names(&["a"]));
                mesh.sotw_ack(Cluster, "1", &[]);
                mesh.sotw_ack(Endpoint, "1", &["a"]);
            }
        }
        mesh.put(Cluster, "a", 2);
        assert_eq!(mesh.publish(), ["CDS#2 +a@2", "EDS#2 +a@1"], "{dialect:?}");
    }
}

#[test]
fn endpoints_of_one_host_go_alone() {
    let mut mesh = Mesh::new(Dialect::Delta);
    mesh.put(Endpoint, "outbound|80||a", 1);
    mesh.put(Endpoint, "outbound|80||b", 1);
    mesh.delta(Endpoint, subscribe(&["outbound|80||a", "outbound|80||b"]));
    mesh.ack(Endpoint, "1");
    mesh.put(Endpoint, "outbound|80||a", 2);
    let endpoints = mesh.view.invalidate_hosts(&BTreeSet::from(["a".into()]));
    mesh.session.on_push(&Pending {
        endpoints,
        ..Pending::default()
    });
    assert_eq!(mesh.flush(), ["EDS#2 +outbound|80||a@2"]);
}

#[test]
fn sotw_clusters_disappear_after_the_routes() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    mesh.put(Cluster, "old", 1);
    mesh.put(Route, "80", 1);
    mesh.sotw(Cluster, &names(&[]));
    mesh.sotw(Route, &names(&["80"]));
    mesh.sotw_ack(Cluster, "1", &[]);
    mesh.sotw_ack(Route, "1", &["80"]);
    mesh.remove(Cluster, "old");
    mesh.put(Cluster, "new", 1);
    mesh.put(Route, "80", 2);
    assert_eq!(mesh.publish(), ["CDS#2 +new@1 +old@1", "RDS#2 +80@2"]);
    assert_eq!(mesh.sotw_ack(Cluster, "2", &[]), none());
    assert_eq!(mesh.sotw_ack(Route, "2", &["80"]), ["CDS#3 +new@1"]);
}
