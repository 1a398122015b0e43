//! Which build this is.

/// Semantic version of the release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit of the build, from the environment of the compiler (`TULLE_COMMIT`).
pub const COMMIT: &str = match option_env!("TULLE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
/// What `--version` prints after the name.
pub const LONG: &str = match option_env!("TULLE_VERSION_LONG") {
    Some(long) => long,
    None => concat!(env!("CARGO_PKG_VERSION"), " (commit unknown)"),
};
