use super::*;
use crate::model::{Created, Kind};

struct Row(
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<MtlsMode>,
    i64,
);

fn policies(rows: &[Row]) -> Policies {
    let mut policies = Policies::default();
    for Row(namespace, name, selector, mode, created) in rows {
        let origin = Object {
            kind: Kind::PeerAuthentication,
            namespace: (*namespace).into(),
            name: (*name).into(),
        };
        let policy = PeerAuthentication {
            origin: origin.clone(),
            selector: selector.iter().copied().collect(),
            mode: *mode,
            ports: if selector.is_empty() {
                vec![]
            } else {
                vec![(8080, Some(MtlsMode::Disable)), (9090, None)]
            },
            created: Created(*created),
        };
        policies.authentication.insert(origin, Arc::new(policy));
    }
    policies
}

fn mode(policies: &Policies, namespace: &str, app: &str) -> EffectiveMtls {
    let labels = [("app", app)].into_iter().collect();
    policies.mtls(
        Target {
            namespace,
            labels: &labels,
        },
        "istio-system",
    )
}

#[test]
fn the_narrowest_policy_that_says_something_wins() {
    const APP: &[(&str, &str)] = &[("app", "a")];
    let policies = policies(&[
        Row("istio-system", "mesh", &[], Some(MtlsMode::Strict), 0),
        Row("prod", "ns", &[], Some(MtlsMode::Permissive), 0),
        Row("prod", "workload", APP, Some(MtlsMode::Disable), 0),
        Row("dev", "silent", APP, None, 0),
        Row("istio-system", "elsewhere", APP, Some(MtlsMode::Disable), 0),
    ]);
    for (namespace, app, want, origin) in [
        ("prod", "a", MtlsMode::Disable, "workload"),
        ("prod", "b", MtlsMode::Permissive, "ns"),
        ("dev", "a", MtlsMode::Strict, "mesh"),
        ("other", "a", MtlsMode::Strict, "mesh"),
    ] {
        let found = mode(&policies, namespace, app);
        assert_eq!(found.mode, want, "{namespace} {app}");
        assert_eq!(&*found.origin.expect("a policy decided").name, origin);
    }
}

#[test]
fn without_policies_the_mesh_is_permissive() {
    assert_eq!(
        mode(&Policies::default(), "prod", "a"),
        EffectiveMtls::default()
    );
}

#[test]
fn the_oldest_of_equals_wins_then_the_first_by_name() {
    let found = mode(
        &policies(&[
            Row("prod", "a-young", &[], Some(MtlsMode::Permissive), 20),
            Row("prod", "c-old", &[], Some(MtlsMode::Disable), 10),
            Row("prod", "b-old", &[], Some(MtlsMode::Strict), 10),
        ]),
        "prod",
        "a",
    );
    assert_eq!(found.mode, MtlsMode::Strict);
}

#[test]
fn ports_differ_only_where_they_say_so() {
    let found = mode(
        &policies(&[Row("prod", "w", &[("app", "a")], Some(MtlsMode::Strict), 0)]),
        "prod",
        "a",
    );
    assert_eq!(found.on_port(8080), MtlsMode::Disable);
    assert_eq!(found.on_port(9090), MtlsMode::Strict);
    assert_eq!(found.on_port(80), MtlsMode::Strict);
}

#[test]
fn the_root_namespace_closes_workloads_everywhere() {
    let mut policies = Policies::default();
    for (namespace, name, selector) in [
        ("istio-system", "all-b", vec![("app", "b")]),
        ("prod", "prod-a", vec![("app", "a")]),
        ("dev", "dev", vec![]),
    ] {
        let origin = Object {
            kind: Kind::AuthorizationPolicy,
            namespace: namespace.into(),
            name: name.into(),
        };
        let closed = Closed {
            origin: origin.clone(),
            selector: selector.into_iter().collect(),
        };
        policies.closed.insert(origin, Arc::new(closed));
    }
    let names = |namespace: &str, app: &str| -> Vec<String> {
        let labels = [("app", app)].into_iter().collect();
        let found = policies.closed(
            Target {
                namespace,
                labels: &labels,
            },
            "istio-system",
        );
        found
            .iter()
            .map(|closed| closed.origin.name.to_string())
            .collect()
    };
    assert_eq!(names("prod", "a"), ["prod-a"]);
    assert_eq!(names("prod", "b"), ["all-b"]);
    assert_eq!(names("dev", "b"), ["dev", "all-b"]);
    assert!(names("other", "a").is_empty());
}

#[test]
fn the_narrowest_and_oldest_sidecar_wins() {
    const APP: &[(&str, &str)] = &[("app", "a")];
    let mut policies = Policies::default();
    for (namespace, name, selector, created) in [
        ("istio-system", "mesh", &[][..], 9),
        ("istio-system", "elsewhere", APP, 0),
        ("prod", "ns", &[], 5),
        ("prod", "younger", &[], 6),
        ("prod", "workload", APP, 7),
    ] {
        let origin = Object {
            kind: Kind::Sidecar,
            namespace: namespace.into(),
            name: name.into(),
        };
        let sidecar = Sidecar {
            origin: origin.clone(),
            created: Created(created),
            selector: selector.iter().copied().collect(),
            ingress: Vec::new(),
            egress: Vec::new(),
            allow_any: None,
        };
        policies.sidecars.insert(origin, Arc::new(sidecar));
    }
    for (namespace, app, want) in [
        ("prod", "a", "workload"),
        ("prod", "b", "ns"),
        ("dev", "a", "mesh"),
    ] {
        let labels = [("app", app)].into_iter().collect();
        let target = Target {
            namespace,
            labels: &labels,
        };
        let found = policies.sidecar(target, "istio-system").unwrap();
        assert_eq!(*found.origin.name, *want, "{namespace} {app}");
    }
}
