//! What `--version` says.

/// Semantic version and, in builds that name it (`TULLE_COMMIT` at build time), the commit.
pub const VERSION: &str = match option_env!("TULLE_COMMIT") {
    Some(commit) => commit_version(commit),
    None => env!("CARGO_PKG_VERSION"),
};

/// `TULLE_COMMIT` is expected to hold the whole text, such as `0.1.0 (1a2b3c4)`; it is set by the release script.
const fn commit_version(text: &'static str) -> &'static str {
    text
}
