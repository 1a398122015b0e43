//! Why a pod or a file cannot be injected.

/// Why injection was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// The object is not shaped like a pod.
    #[error("{object}: {problem}")]
    NotAPod {
        /// Kind and name.
        object: String,
        /// What is missing or of the wrong type.
        problem: String,
    },
    /// An annotation has a value that cannot be used.
    #[error("annotation {annotation}: {value:?} is invalid: {problem}")]
    InvalidAnnotation {
        /// Name of the annotation.
        annotation: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        problem: String,
    },
    /// An annotation asks for something that the sidecar would have to do and does not.
    #[error("annotation {annotation} is not supported: {hint}")]
    UnsupportedAnnotation {
        /// Name of the annotation.
        annotation: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// One object of several is at fault.
    #[error("{object}: {cause}")]
    InObject {
        /// Kind, namespace and name.
        object: String,
        /// What is wrong with it.
        cause: Box<InjectError>,
    },
    /// The mesh configuration cannot be read.
    #[error("mesh configuration: {problem}")]
    InvalidMeshConfig {
        /// What is wrong and where.
        problem: String,
    },
    /// The input is not YAML or JSON.
    #[error("input: {0}")]
    Syntax(String),
}
