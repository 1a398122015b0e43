//! Tests that cannot run here say so, and are counted.

use std::fs;
use std::path::{Path, PathBuf};

/// Records that the test `name` does not run because of `reason`, and says so on standard error.
///
/// `.ci/test` lists every record at its end. Return from the test right after the call.
///
/// # Panics
/// Where the variable `CI` is set: there, nothing may be skipped.
pub fn skip(name: &str, reason: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{name} would be skipped in CI: {reason}"
    );
    eprintln!("SKIPPED {name}: {reason}");
    let folder = folder();
    fs::create_dir_all(&folder).expect("the target folder is writable");
    fs::write(folder.join(file_name(name)), format!("{name}: {reason}\n"))
        .expect("the target folder is writable");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/skips")
}

fn file_name(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}
