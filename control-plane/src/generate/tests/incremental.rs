//! What a change costs: resources that are made, counted.

use super::*;
use std::sync::Arc;

const PROXY: &str = "{pod: a, namespace: default, ip: 10.0.0.1}";
const SERVICES: usize = 200;

/// So many services with two ports each; `port` is that of the one in the middle.
fn services(port: u16) -> String {
    let service = |number: usize| {
        let web = if number == SERVICES / 2 { port } else { 80 };
        let (high, low) = (number / 250, number % 250 + 1);
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec:\n  clusterIP: 10.96.{high}.{low}\n  \
             ports: [{{name: http, port: {web}}}, {{name: other, port: 90}}]\n"
        )
    };
    (0..SERVICES).map(service).collect()
}

/// How many resources of the second generation were made for it.
fn made(world: &mut World, memo: &mut Memo, kind: ResourceKind, change: &str) -> usize {
    let before = again(&world.scope(), kind, memo);
    world.replace(change);
    let after = again(&world.scope(), kind, memo);
    assert_eq!(
        after,
        generate(&world.scope(), kind),
        "{kind}: as if made anew"
    );
    let same = |name: &str, resource: &Arc<Resource>| {
        before
            .get(name)
            .is_some_and(|old| Arc::ptr_eq(old, resource))
    };
    let new = after
        .iter()
        .filter(|(name, resource)| !same(name, resource));
    new.count()
}

#[test]
fn a_changed_service_makes_its_own_clusters_and_no_others() {
    let mut world = World::of(PROXY, &services(80));
    let made = made(
        &mut world,
        &mut Memo::default(),
        ResourceKind::Cluster,
        &services(81),
    );
    // its two ports and the two fixed clusters and whatever is inbound
    assert!((2..=5).contains(&made), "{made} of {} made", 2 * SERVICES);
}

#[test]
fn a_changed_service_makes_its_own_tables_and_the_shared_ones() {
    let mut world = World::of(PROXY, &services(80));
    let made = made(
        &mut world,
        &mut Memo::default(),
        ResourceKind::Route,
        &services(81),
    );
    // of 80, 81, and its undeclared port
    assert!((2..=3).contains(&made), "{made} of {} made", SERVICES);
}

#[test]
fn a_policy_makes_everything_anew() {
    let mut world = World::of(PROXY, &services(80));
    let policy = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: default}\nspec: {mtls: {mode: STRICT}}\n";
    let change = services(80) + policy;
    let made = made(
        &mut world,
        &mut Memo::default(),
        ResourceKind::Cluster,
        &change,
    );
    assert!(made >= 2 * SERVICES, "{made}");
}

#[test]
fn what_is_kept_never_differs_from_what_would_be_made() {
    let cases = cases();
    for pair in cases.windows(2) {
        let text =
            |case: &Path, name: &str| std::fs::read_to_string(case.join(name)).expect("testdata");
        let mut world = World::of(&text(&pair[0], "proxy.yaml"), &text(&pair[0], "input.yaml"));
        let mut memo = Memo::default();
        let both = text(&pair[0], "input.yaml") + "\n---\n" + &text(&pair[1], "input.yaml");
        for objects in [both.as_str(), &text(&pair[1], "input.yaml"), both.as_str()] {
            world.replace(objects);
            for kind in KINDS {
                let kept = again(&world.scope(), kind, &mut memo);
                assert_eq!(
                    kept,
                    generate(&world.scope(), kind),
                    "{} {kind}",
                    pair[1].display()
                );
            }
        }
    }
}
