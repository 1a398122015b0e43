//! Whole worlds in, all resources out: `testdata/generate/<case>/{proxy,input,expected}.yaml`. `BLESS=1` rewrites what is
//! expected.

mod incremental;
mod sidecar;
mod world;

use super::{Memo, Resource, again, generate, one};
use crate::scope::Scope;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;
use world::World;
use xds_proto::resource::ResourceKind;

const KINDS: [ResourceKind; 4] = [
    ResourceKind::Cluster,
    ResourceKind::Endpoint,
    ResourceKind::Listener,
    ResourceKind::Route,
];

fn descriptors() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(xds_proto::FILE_DESCRIPTOR_SET).expect("our own"))
}

/// The resource as canonical JSON, what is packed in it unpacked.
fn json(resource: &Resource) -> Value {
    let any = descriptors()
        .get_message_by_name("google.protobuf.Any")
        .expect("well known");
    let message = DynamicMessage::decode(any, &*resource.any).expect("just encoded");
    serde_json::to_value(message).expect("every type is described")
}

fn all(scope: &Scope) -> Vec<Value> {
    let sets = KINDS.map(|kind| generate(scope, kind));
    sets.iter()
        .flat_map(|set| set.iter().map(|(_, resource)| json(resource)))
        .collect()
}

fn check(case: &Path) {
    let world = World::read(case);
    let found = serde_json::to_string_pretty(&all(&world.scope())).expect("plain JSON");
    let path = case.join("expected.yaml");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found + "\n").expect("testdata is writable");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected
        .lines()
        .zip(found.lines())
        .position(|(a, b)| a != b);
    let line = differs.map_or("its end".to_owned(), |line| format!("line {}", line + 1));
    assert!(
        expected.trim() == found.trim(),
        "{}: differs from {line} on; if it should, run with BLESS=1",
        path.display()
    );
}

fn cases() -> Vec<std::path::PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/generate");
    let mut cases: Vec<_> = std::fs::read_dir(dir)
        .expect("testdata")
        .map(|entry| entry.expect("readable").path())
        .collect();
    cases.sort();
    cases
}

#[test]
fn generates_what_is_expected() {
    cases().iter().for_each(|case| check(case));
}

#[test]
fn equal_worlds_give_equal_bytes() {
    for case in cases() {
        let (first, second) = (World::read(&case).scope(), World::read(&case).scope());
        for kind in KINDS {
            assert_eq!(
                generate(&first, kind),
                generate(&second, kind),
                "{}: {kind}",
                case.display()
            );
        }
    }
}

#[test]
fn one_by_name_is_the_same_as_one_of_all() {
    for case in cases() {
        let world = World::read(&case);
        let scope = world.scope();
        for kind in KINDS {
            let all = generate(&scope, kind);
            for (name, resource) in all.iter() {
                // A fresh scope has not looked at anything else.
                let found = one(&world.scope(), kind, name);
                assert_eq!(
                    found.as_ref(),
                    Some(&**resource),
                    "{}: {kind} {name}",
                    case.display()
                );
            }
            assert_eq!(one(&world.scope(), kind, "no such thing"), None);
        }
    }
}

/// What proxies refuse, checked on every case.
#[test]
fn keeps_the_rules_that_proxies_enforce() {
    for case in cases() {
        let scope = World::read(&case).scope();
        for (name, table) in generate(&scope, ResourceKind::Route).iter() {
            let table = json(table);
            let domains: Vec<&Value> = table["virtualHosts"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|host| host["domains"].as_array().into_iter().flatten())
                .collect();
            let once: std::collections::HashSet<_> =
                domains.iter().map(|domain| domain.to_string()).collect();
            assert_eq!(
                once.len(),
                domains.len(),
                "{}: table {name} gives a domain away twice",
                case.display()
            );
        }
        for (name, listener) in generate(&scope, ResourceKind::Listener).iter() {
            let listener = json(listener);
            let chains = listener["filterChains"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let matches: Vec<_> = chains
                .iter()
                .map(|chain| chain["filterChainMatch"].to_string())
                .collect();
            let once: std::collections::HashSet<_> = matches.iter().collect();
            assert_eq!(
                once.len(),
                matches.len(),
                "{}: listener {name} matches twice",
                case.display()
            );
        }
    }
}
