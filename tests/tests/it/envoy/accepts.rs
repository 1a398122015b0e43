//! Envoy takes every resource that is generated for a mesh that uses everything.

use std::collections::BTreeSet;
use std::path::Path;

use xds_proto::resource::ResourceKind;

use super::prepare;
use crate::mesh::admin::{self, InForce};
use crate::mesh::bootstrap::Ads;
use crate::mesh::client::offered;
use crate::mesh::envoy::Envoy;
use crate::mesh::http::until;
use crate::mesh::node::{Node, Pod};
use crate::mesh::sidecar::serve_secrets;

/// A service that comes later.
const LATER: &str = "
apiVersion: v1
kind: Service
metadata: {name: later}
spec:
  clusterIP: 10.96.9.9
  ports: [{name: http, port: 9191}]
";

#[test]
fn envoy_accepts_everything_by_delta() {
    accepts_everything("envoy_accepts_everything_by_delta", Ads::Delta);
}

#[test]
fn envoy_accepts_everything_by_state_of_the_world() {
    accepts_everything(
        "envoy_accepts_everything_by_state_of_the_world",
        Ads::StateOfTheWorld,
    );
}

fn accepts_everything(test: &str, ads: Ads) {
    let Some((program, node)) = prepare(test, "everything") else {
        return;
    };
    let pod = node.pod("web-1", "web", 1);
    let _secrets = serve_secrets(&node, &pod);
    let envoy = Envoy::start(&program, &node, &pod, ads);
    admin::ready(&pod);
    assert_in_force(&node, &pod, &envoy);
    assert_expected(&admin::in_force(&pod));

    node.plane.write("later.yaml", LATER);
    until("Envoy has the new service", &pod.namespace, || {
        let names = admin::in_force(&pod);
        let there = names
            .clusters
            .contains("outbound|9191||later.default.svc.cluster.local")
            && names.listeners.contains("0.0.0.0_9191")
            && names.routes.contains("9191");
        there.then_some(())
    });
    assert_in_force(&node, &pod, &envoy);
}

/// Everything that the control plane has is what Envoy runs; it refused nothing, and both sides agree on that.
fn assert_in_force(node: &Node, pod: &Pod, envoy: &Envoy<'_>) {
    let names = admin::settled(pod);
    assert_same(
        "clusters",
        &names.clusters,
        &offered(node, pod, ResourceKind::Cluster),
    );
    assert_same(
        "listeners",
        &names.listeners,
        &offered(node, pod, ResourceKind::Listener),
    );
    assert_same("routes", &names.routes, &names.wanted_routes);
    envoy.assert_nothing_was_refused();
    node.plane.assert_acknowledged(&node.hub, &pod.name);
}

/// Envoy runs what stands in `testdata/everything.txt`, so that nothing can get lost on both sides at once;
/// `BLESS=1` rewrites it.
fn assert_expected(names: &InForce) {
    let mut found = String::new();
    for (kind, names) in [
        ("cluster", &names.clusters),
        ("listener", &names.listeners),
        ("route", &names.routes),
        ("endpoints", &names.endpoints),
    ] {
        for name in names {
            found.push_str(&format!("{kind} {name}\n"));
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/everything.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect();
    assert_same("names", &lines(&found), &lines(&expected));
}

fn assert_same(what: &str, envoy: &BTreeSet<String>, ours: &BTreeSet<String>) {
    let missing: Vec<_> = ours.difference(envoy).collect();
    let surplus: Vec<_> = envoy.difference(ours).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{what}: Envoy lacks {missing:#?} and has {surplus:#?} too"
    );
    assert!(!ours.is_empty(), "there are no {what}");
}
