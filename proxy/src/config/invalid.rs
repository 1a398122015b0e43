//! Resources that are refused: what becomes the NACK of that one resource.

use std::fmt::Display;

/// One field that makes its resource unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct InvalidField {
    /// Its path inside the resource.
    pub path: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl InvalidField {
    /// A field and what is wrong with it.
    pub fn new(path: impl Into<String>, reason: impl Display) -> Self {
        Self {
            path: path.into(),
            reason: reason.to_string(),
        }
    }

    /// The same field seen from the message around it.
    #[must_use]
    pub fn within(mut self, outer: impl Display) -> Self {
        self.path = if self.path.is_empty() {
            outer.to_string()
        } else if self.path.starts_with('[') {
            format!("{outer}{}", self.path)
        } else {
            format!("{outer}.{}", self.path)
        };
        self
    }
}

macro_rules! refused {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("{} {name:?} is refused: {field}", $kind)]
        pub struct $name {
            /// The resource.
            pub name: String,
            /// What is wrong.
            pub field: InvalidField,
        }

        impl $name {
            pub(crate) fn of(name: &str) -> impl FnOnce(InvalidField) -> Self + use<> {
                let name = name.to_owned();
                move |field| Self { name, field }
            }
        }
    )+};
}

refused! {
    /// A listener that is refused.
    InvalidListener = "listener";
    /// A route table that is refused.
    InvalidRoute = "route configuration";
    /// A cluster that is refused.
    InvalidCluster = "cluster";
    /// Endpoints that are refused.
    InvalidEndpoints = "cluster load assignment";
}
