//! Why an environment describes no sidecar.

/// Why the environment does not describe a sidecar.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSidecar {
    /// A variable that must be there is not.
    #[error(
        "environment variable {0} is not set; an injected pod has it, elsewhere set it or start from a bootstrap file with -c FILE"
    )]
    Missing(&'static str),
    /// A variable has a value that cannot be used.
    #[error("environment variable {name}: {reason}")]
    Invalid {
        /// The variable.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern of statistics is none.
    #[error(
        "{field}: {pattern:?} is not a regular expression: {error}; correct it, or keep statistics by prefix"
    )]
    Statistics {
        /// The annotation or field.
        field: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: regex::Error,
    },
}
