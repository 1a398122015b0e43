//! What `--version` says.

/// Semantic version and, in brackets, the commit of a release build.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TULLE_COMMIT"), ")");
