use super::*;

#[test]
fn sotw_sends_all_clusters_and_only_changed_endpoints() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    for kind in [Cluster, Endpoint] {
        mesh.put(kind, "a", 1);
        mesh.put(kind, "b", 1);
    }
    assert_eq!(mesh.sotw(Cluster, &names(&[])), ["CDS#1 +a@1 +b@1"]);
    assert_eq!(mesh.sotw(Endpoint, &names(&["a"])), ["EDS#1 +a@1"]);
    mesh.sotw_ack(Cluster, "1", &[]);
    assert_eq!(mesh.sotw_ack(Endpoint, "1", &["a", "b"]), ["EDS#2 +b@1"]);
    mesh.sotw_ack(Endpoint, "2", &["a", "b"]);
    mesh.put(Endpoint, "b", 2);
    mesh.put(Cluster, "c", 1);
    assert_eq!(mesh.publish(), ["CDS#2 +a@1 +b@1 +c@1", "EDS#3 +b@2"]);
}

#[test]
fn sotw_repeated_question_is_answered() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    mesh.put(Endpoint, "a", 1);
    mesh.sotw(Endpoint, &names(&["a"]));
    assert_eq!(mesh.sotw_ack(Endpoint, "1", &["a"]), none());
    assert_eq!(mesh.sotw_ack(Endpoint, "1", &["a"]), ["EDS#2 +a@1"]);
    assert_eq!(mesh.sotw_ack(Endpoint, "2", &["a"]), none());
}

#[test]
fn sotw_ignores_a_stale_nonce_but_not_that_of_an_earlier_stream() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    mesh.put(Cluster, "a", 1);
    assert_eq!(mesh.sotw_ack(Cluster, "from-before", &[]), ["CDS#1 +a@1"]);
    assert_eq!(mesh.sotw_ack(Cluster, "from-before", &[]), none());
    assert!(mesh.session.status()[&Cluster].accepted.is_none());
}

#[test]
fn sotw_resumes_by_version() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    mesh.put(Endpoint, "a", 1);
    mesh.session
        .on_sotw(Endpoint, &names(&["a"]), &mesh.view)
        .unwrap();
    let version_info = format!(
        "{:016x}",
        mesh.session.flush(&mesh.view, Instant::now())[0]
            .update
            .version
    );
    mesh.session = Session::new(Dialect::StateOfTheWorld);
    let request = DiscoveryRequest {
        version_info,
        ..names(&["a"])
    };
    assert_eq!(mesh.sotw(Endpoint, &request), none());
    mesh.put(Endpoint, "a", 2);
    assert_eq!(mesh.publish(), ["EDS#1 +a@2"]);
}

#[test]
fn sotw_with_names_gets_all_of_them_for_clusters() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    for name in ["a", "b", "c"] {
        mesh.put(Cluster, name, 1);
    }
    mesh.sotw(Cluster, &names(&["a", "b"]));
    mesh.sotw_ack(Cluster, "1", &["a", "b"]);
    mesh.put(Cluster, "b", 2);
    let mut sent: Vec<_> = mesh.publish()[0].split(' ').map(str::to_owned).collect();
    sent.sort();
    assert_eq!(sent, ["+a@1", "+b@2", "CDS#2"]);
}

#[test]
fn sotw_rejection_is_shown_and_not_repeated() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    mesh.put(Listener, "l", 1);
    mesh.sotw(Listener, &names(&[]));
    let error_detail = Some(Rejection {
        message: "bad".into(),
        ..Default::default()
    });
    let nack = DiscoveryRequest {
        response_nonce: "1".into(),
        error_detail,
        ..names(&[])
    };
    assert_eq!(mesh.sotw(Listener, &nack), none());
    assert_eq!(mesh.sotw(Listener, &nack), none());
    assert_eq!(
        mesh.session.status()[&Listener]
            .rejected
            .as_ref()
            .unwrap()
            .reason,
        "bad"
    );
    mesh.put(Listener, "l", 2);
    assert_eq!(mesh.publish(), ["LDS#2 +l@2"]);
}

#[test]
fn too_many_names_end_the_stream() {
    let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
    let request = DiscoveryRequest {
        resource_names: vec![String::new(); MAX_NAMES + 1],
        ..Default::default()
    };
    assert!(
        mesh.session
            .on_sotw(Endpoint, &request, &mesh.view)
            .is_err()
    );
}

#[test]
fn sotw_that_named_something_once_gets_nothing_for_no_names() {
    for first in ["a", "*"] {
        let mut mesh = Mesh::new(Dialect::StateOfTheWorld);
        mesh.put(Cluster, "a", 1);
        assert_eq!(mesh.sotw(Cluster, &names(&[first])), ["CDS#1 +a@1"]);
        mesh.sotw_ack(Cluster, "1", &[first]);
        let sent = mesh.sotw_ack(Cluster, "1", &[]);
        assert!(
            sent.iter().all(|response| !response.contains('+')),
            "{sent:?}"
        );
        for nonce in ["1", "2", "3"] {
            let sent = mesh.sotw_ack(Cluster, nonce, &[]);
            assert!(
                sent.iter().all(|response| !response.contains('+')),
                "{sent:?}"
            );
        }
    }
}
