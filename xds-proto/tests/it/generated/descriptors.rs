//! One descriptor set for JSON: Envoy's messages as `envoy-types` ships them, and ours.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use prost::Message;
use protox::prost_reflect::prost_types::FileDescriptorSet;

/// Envoy's files, without comments and options that only matter to code generators, followed by our own.
pub(super) fn merged(own: &FileDescriptorSet) -> FileDescriptorSet {
    let shipped = std::fs::read(envoy_types_dir().join("src/generated/types.bin"));
    let mut all = FileDescriptorSet::decode(shipped.expect("envoy-types ships it").as_slice())
        .expect("envoy-types ships a descriptor set");
    let present: BTreeSet<String> = all.file.iter().map(|file| file.name().to_owned()).collect();
    all.file.extend(
        own.file
            .iter()
            .filter(|file| !present.contains(file.name()))
            .cloned(),
    );
    for file in &mut all.file {
        file.source_code_info = None;
        file.options = None;
    }
    all
}

fn envoy_types_dir() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version=1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let package = packages
        .iter()
        .find(|package| package["name"] == "envoy-types")
        .expect("we depend on it");
    let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
    manifest
        .parent()
        .expect("a manifest lies in a folder")
        .to_owned()
}
