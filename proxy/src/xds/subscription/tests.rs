use super::*;

fn names(list: &[&str]) -> Interest {
    Interest::Names(list.iter().map(|name| Arc::from(*name)).collect())
}

fn changes(added: &[&str], removed: &[&str]) -> NameChanges {
    let list = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    NameChanges {
        added: list(added),
        removed: list(removed),
    }
}

fn delta(request: Option<Request>) -> DeltaDiscoveryRequest {
    match request {
        Some(Request::Delta(request)) => request,
        other => panic!("wanted a delta request, got {other:?}"),
    }
}

fn sotw(request: Option<Request>) -> DiscoveryRequest {
    match request {
        Some(Request::Sotw(request)) => request,
        other => panic!("wanted a state-of-the-world request, got {other:?}"),
    }
}

fn applied<'a>(nonce: &'a str, accepted: &[(&str, &str)]) -> Applied<'a> {
    Applied {
        nonce,
        version_info: "7",
        accepted: accepted
            .iter()
            .map(|(name, version)| (Arc::from(*name), Arc::from(*version)))
            .collect(),
        removed: &[],
    }
}

#[test]
fn asks_for_nothing_while_no_name_is_wanted() {
    for dialect in [Dialect::Delta, Dialect::Sotw] {
        let mut subscription = Subscription::new(ResourceKind::Endpoint, dialect, names(&[]));
        assert_eq!(subscription.open(), None);
        assert!(subscription.change(changes(&["a"], &[])).is_some());
    }
}

#[test]
fn delta_interest_changes_travel_as_differences() {
    let mut subscription =
        Subscription::new(ResourceKind::Endpoint, Dialect::Delta, names(&["a", "b"]));
    assert_eq!(
        delta(subscription.open()).resource_names_subscribe,
        ["a", "b"]
    );
    let change = delta(subscription.change(changes(&["c"], &["a"])));
    assert_eq!(change.resource_names_subscribe, ["c"]);
    assert_eq!(change.resource_names_unsubscribe, ["a"]);
    assert_eq!(subscription.change(NameChanges::default()), None);
    let again = delta(subscription.open());
    assert_eq!(again.resource_names_subscribe, ["b", "c"]);
}

#[test]
fn delta_resumes_with_the_versions_it_holds() {
    let mut subscription =
        Subscription::new(ResourceKind::Cluster, Dialect::Delta, Interest::Wildcard);
    assert!(
        delta(subscription.open())
            .initial_resource_versions
            .is_empty()
    );
    subscription.answer(&applied("n1", &[("a", "1"), ("b", "1")]), Verdict::Accepted);
    subscription.answer(
        &Applied {
            removed: &["b".to_owned()],
            ..applied("n2", &[])
        },
        Verdict::Accepted,
    );
    let request = delta(subscription.open());
    assert!(
        request.resource_names_subscribe.is_empty(),
        "wildcard subscribes to nothing by name"
    );
    assert_eq!(
        request
            .initial_resource_versions
            .into_iter()
            .collect::<Vec<_>>(),
        [("a".to_owned(), "1".to_owned())]
    );
}

#[test]
fn a_refused_response_keeps_the_version_and_says_why() {
    let mut subscription =
        Subscription::new(ResourceKind::Cluster, Dialect::Sotw, Interest::Wildcard);
    subscription.open();
    subscription.answer(&applied("n1", &[]), Verdict::Accepted);
    let response = Applied {
        version_info: "8",
        ..applied("n2", &[])
    };
    let request = sotw(Some(
        subscription.answer(&response, Verdict::Rejected("cluster a: no".to_owned())),
    ));
    assert_eq!(
        (
            request.version_info.as_str(),
            request.response_nonce.as_str()
        ),
        ("7", "n2")
    );
    assert_eq!(
        request.error_detail.map(|error| error.message).as_deref(),
        Some("cluster a: no")
    );
}

#[test]
fn sotw_repeats_all_names_and_forgets_the_nonce_of_a_lost_stream() {
    let mut subscription = Subscription::new(ResourceKind::Route, Dialect::Sotw, names(&["80"]));
    assert_eq!(sotw(subscription.open()).response_nonce, "");
    subscription.answer(&applied("n1", &[]), Verdict::Accepted);
    let change = sotw(subscription.change(changes(&["90"], &[])));
    assert_eq!(change.resource_names, ["80", "90"]);
    assert_eq!(change.response_nonce, "n1");
    let again = sotw(subscription.open());
    assert_eq!(
        (again.response_nonce.as_str(), again.version_info.as_str()),
        ("", "7")
    );
}
