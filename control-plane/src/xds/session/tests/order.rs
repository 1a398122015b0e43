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

/// A client that routes to a subset, and the world in which another takes its place.
fn subset_replaced(dialect: Dialect) -> Mesh {
    let mut mesh = Mesh::new(dialect);
    for kind in [Cluster, Endpoint] {
        mesh.put(kind, "v1", 1);
    }
    mesh.put(Route, "80", 1);
    for (kind, asked) in [
        (Cluster, &[] as &[&str]),
        (Endpoint, &["v1"]),
        (Listener, &[]),
        (Route, &["80"]),
    ] {
        match dialect {
            Dialect::Delta => {
                mesh.delta(kind, subscribe(asked));
                mesh.ack(kind, "1");
            }
            Dialect::StateOfTheWorld => {
                mesh.sotw(kind, &names(asked));
                mesh.sotw_ack(kind, "1", asked);
            }
        }
    }
    for kind in [Cluster, Endpoint] {
        mesh.remove(kind, "v1");
        mesh.put(kind, "v2", 1);
    }
    mesh.put(Route, "80", 2);
    mesh
}

#[test]
fn routes_wait_for_the_endpoints_of_new_clusters_and_the_old_ones_disappear_last() {
    let mut mesh = subset_replaced(Dialect::Delta);
    assert_eq!(mesh.publish(), ["CDS#2 +v2@1"]);
    assert_eq!(mesh.ack(Cluster, "2"), none());
    assert_eq!(mesh.delta(Endpoint, subscribe(&["v2"])), ["EDS#2 +v2@1"]);
    assert_eq!(mesh.ack(Endpoint, "2"), ["RDS#2 +80@2"]);
    assert_eq!(mesh.ack(Route, "2"), ["CDS#3 -v1", "EDS#3 -v1"]);
    assert_eq!(mesh.session.next_look(), None);
}

#[test]
fn sotw_routes_wait_for_the_endpoints_of_new_clusters() {
    let mut mesh = subset_replaced(Dialect::StateOfTheWorld);
    assert_eq!(mesh.publish(), ["CDS#2 +v2@1 +v1@1", "EDS#2"]);
    assert_eq!(mesh.sotw_ack(Cluster, "2", &[]), none());
    let both = ["v1", "v2"];
    assert_eq!(mesh.sotw_ack(Endpoint, "2", &both), ["EDS#3 +v2@1"]);
    let routes = mesh.sotw_ack(Endpoint, "3", &both);
    assert_eq!(routes, ["RDS#2 +80@2"]);
    assert_eq!(mesh.sotw_ack(Route, "2", &["80"]), ["CDS#3 +v2@1"]);
}

#[test]
fn a_question_for_one_route_does_not_take_along_those_that_wait() {
    let mut mesh = subset_replaced(Dialect::Delta);
    mesh.put(Route, "81", 1);
    mesh.publish();
    assert_eq!(mesh.delta(Route, subscribe(&["81"])), ["RDS#2 +81@1"]);
    mesh.ack(Route, "2");
    mesh.delta(Endpoint, subscribe(&["v2"]));
    assert_eq!(mesh.ack(Endpoint, "2"), ["RDS#3 +80@2"]);
}

#[test]
fn routes_do_not_wait_for_ever_for_a_client_that_asks_for_no_endpoints() {
    let mut mesh = subset_replaced(Dialect::Delta);
    mesh.publish();
    assert_eq!(mesh.ack(Cluster, "2"), none());
    let look = mesh.session.next_look().expect("the wait has an end");
    assert_eq!(mesh.flush_at(look), ["RDS#2 +80@2"]);
    assert_eq!(mesh.session.next_look(), None);
}

#[test]
fn a_refused_cluster_holds_up_no_route() {
    let mut mesh = subset_replaced(Dialect::Delta);
    mesh.publish();
    assert_eq!(mesh.nack(Cluster, "2"), ["RDS#2 +80@2"]);
}
