//! Namespaces and service accounts: what identities and policies hang on.

use super::{Labels, Name};

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// Its name.
    pub name: Name,
    /// Its labels.
    pub labels: Labels,
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}
