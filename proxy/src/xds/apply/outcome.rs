//! What became of a response.

use std::fmt;
use std::sync::Arc;

use xds_proto::resource::ResourceKind;

/// What became of a response.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Names and versions of the resources that were applied.
    pub(crate) accepted: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) rejected: Vec<Rejected>,
}

/// A resource that was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) kind: ResourceKind,
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.short_name();
        write!(f, "{kind} {}: {}", self.name, self.reason)
    }
}
