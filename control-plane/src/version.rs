//! Which build this is.

/// Semantic version of the release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit of a release build.
pub const COMMIT: &str = env!("TULLE_COMMIT");
/// What `--version` prints after the name.
pub const LONG: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TULLE_COMMIT"), ")");
