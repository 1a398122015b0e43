//! Arrows between crates: `proxy → xds-proto ← control-plane`, `injector → xds-proto`; `cli`, `bench` and `tests` see all.

use super::dependencies::metadata;
use super::report;

const ALLOWED: [(&str, &[&str]); 4] = [
    ("xds-proto", &[]),
    ("tulle-proxy", &["xds-proto"]),
    ("tulle-control-plane", &["xds-proto"]),
    ("tulle-injector", &["xds-proto"]),
];

/// Crates that may see every other.
const SEES_ALL: [&str; 3] = ["tulle", "tulle-bench", "tulle-tests"];

#[test]
fn crates_meet_only_in_xds_proto() {
    let metadata = metadata();
    let members: Vec<&serde_json::Value> = metadata
        .packages()
        .iter()
        .filter(|package| package["source"].is_null())
        .collect();
    let names: Vec<&str> = members
        .iter()
        .filter_map(|member| member["name"].as_str())
        .collect();
    let mut found = Vec::new();
    for member in &members {
        let name = member["name"].as_str().expect("a package has a name");
        if SEES_ALL.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            found.push(format!("{name} is not a crate of the architecture page"));
            continue;
        };
        let dependencies = member["dependencies"].as_array().expect("a list").iter();
        let own = dependencies
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|to| names.contains(to));
        found.extend(
            own.filter(|to| !allowed.contains(to))
                .map(|to| format!("{name} → {to}")),
        );
    }
    report("turn these arrows around", &found);
}
