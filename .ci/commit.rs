//! Build script of the programs: tells the compiler the commit that `--version` prints, as `TULLE_COMMIT`.
//! Whoever builds from an archive sets that variable; else git is asked, and only for release builds, so that a commit does not
//! compile everything again during development.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=TULLE_COMMIT");
    let commit = std::env::var("TULLE_COMMIT").ok();
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match commit {
        Some(commit) => commit,
        None if release => asked_git().unwrap_or_else(|| "unknown".to_owned()),
        None => "development".to_owned(),
    };
    println!("cargo:rustc-env=TULLE_COMMIT={commit}");
}

fn asked_git() -> Option<String> {
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo:rerun-if-changed={log}");
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
