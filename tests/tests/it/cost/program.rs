//! The program that is measured.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// How the proxy's crate is built for this: as in a release, and in one unit, so that what is inlined does not hang on how
/// the compiler splits the crate.
const PROFILE: [&str; 4] = [
    "opt-level=3",
    "codegen-units=1",
    "debug-assertions=false",
    "overflow-checks=false",
];

/// Builds `tulle-proxy` optimised, and says where it is.
pub(super) fn optimised() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // Of the whole workspace, so that all crates have the features that other tests build them with.
    cargo.args([
        "build",
        "--workspace",
        "--bin",
        "tulle-proxy",
        "--message-format=json-render-diagnostics",
    ]);
    for setting in PROFILE {
        cargo.args([
            "--config",
            &format!("profile.dev.package.tulle-proxy.{setting}"),
        ]);
    }
    let output = cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo build failed: {}",
        output.status
    );
    let messages = String::from_utf8(output.stdout).unwrap();
    let program = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    program.expect("cargo names the program it built")
}
