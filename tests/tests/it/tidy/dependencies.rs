//! Licences, bans and sources of what we depend on, as `deny.toml` has them. `cargo deny` reads the same file; this test
//! needs nothing installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{report, source};

mod licence;

/// Crates of which the build has one version at most.
const SINGLE: [&str; 12] = [
    "axum",
    "h2",
    "http",
    "hyper",
    "hyper-util",
    "prost",
    "rustls",
    "tokio",
    "tonic",
    "tower",
    "tower-http",
    "kube",
];

/// The dependency graph, as cargo sees it on Linux.
pub(super) struct Metadata(Value);

impl Metadata {
    /// Every package of the graph.
    pub(super) fn packages(&self) -> &[Value] {
        self.0["packages"].as_array().expect("cargo lists packages")
    }

    /// Packages that are built, in some configuration of features.
    fn resolved(&self) -> impl Iterator<Item = &Value> {
        let nodes = self.0["resolve"]["nodes"]
            .as_array()
            .expect("cargo resolves");
        let ids: BTreeSet<&str> = nodes
            .iter()
            .filter_map(|node| node["id"].as_str())
            .collect();
        self.packages()
            .iter()
            .filter(move |package| package["id"].as_str().is_some_and(|id| ids.contains(id)))
    }
}

/// Asks cargo.
pub(super) fn metadata() -> Metadata {
    let printed = cargo(&[
        "metadata",
        "--offline",
        "--locked",
        "--format-version=1",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ]);
    Metadata(serde_json::from_str(&printed).expect("cargo prints JSON"))
}

/// Versions of every crate that is really built, by name: unlike the graph, cargo's tree leaves out what no feature asks for.
fn built() -> BTreeMap<String, BTreeSet<String>> {
    let tree = cargo(&[
        "tree",
        "--offline",
        "--locked",
        "--workspace",
        "--prefix=none",
        "--format={p}",
    ]);
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions
                .entry(name.to_owned())
                .or_default()
                .insert(version.to_owned());
        }
    }
    assert!(
        versions.contains_key("xds-proto"),
        "cargo tree prints the workspace"
    );
    versions
}

/// What cargo prints.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(source::top())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", arguments[0]);
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Texts of the list `key` in `deny.toml`.
fn deny(key: &str) -> Vec<String> {
    let text = fs::read_to_string(source::top().join("deny.toml")).expect("deny.toml is there");
    let start = text
        .find(&format!("\n{key} = ["))
        .unwrap_or_else(|| panic!("deny.toml has a list `{key}`"));
    let list = text[start..].split_once('[').expect("found above").1;
    let list = list.split("\n]").next().expect("a split has a first part");
    let lines = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .collect()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or("")
}

#[test]
fn licences_are_allowed() {
    let allowed = deny("allow");
    let metadata = metadata();
    let found: Vec<_> = metadata
        .resolved()
        .filter(|package| !licence::satisfied(text(package, "license"), &allowed))
        .map(|package| format!("{}: `{}`", text(package, "name"), text(package, "license")))
        .collect();
    report("licences that deny.toml does not allow", &found);
}

#[test]
fn banned_crates_are_not_built() {
    let banned = deny("deny");
    let built = built().into_keys();
    let found: Vec<_> = built.filter(|name| banned.contains(name)).collect();
    report("crates that deny.toml bans", &found);
}

#[test]
fn everything_comes_from_the_registry() {
    let allowed = deny("allow-registry");
    let known = |source: &str| {
        allowed
            .iter()
            .any(|registry| source.ends_with(registry.as_str()))
    };
    let metadata = metadata();
    let found: Vec<_> = metadata
        .resolved()
        .filter(|package| !package["source"].is_null() && !known(text(package, "source")))
        .map(|package| format!("{} from {}", text(package, "name"), text(package, "source")))
        .collect();
    report("sources that deny.toml does not allow", &found);
}

#[test]
fn the_foundations_have_one_version() {
    let versions = built();
    let doubled = SINGLE
        .iter()
        .filter_map(|name| Some((name, versions.get(*name).filter(|found| found.len() > 1)?)));
    let found: Vec<_> = doubled
        .map(|(name, versions)| format!("{name}: {versions:?}"))
        .collect();
    report("agree on one version", &found);
}
