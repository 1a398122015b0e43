//! Authorization objects that are not honoured yet: they close what they select.

use super::{Labels, Object};

/// Workloads that must refuse every request, because an object guards them in a way that is not honoured yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Closed {
    /// The object that guards them.
    pub origin: Object,
    /// The workloads; empty = the namespace, or the mesh from the root namespace.
    pub selector: Labels,
}
