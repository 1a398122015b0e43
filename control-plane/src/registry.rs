//! Registries: where the world comes from.
//!
//! A registry is a task that lists and then watches one source and sends [`Event`]s of typed objects. It knows its
//! source and nothing of other registries; merging is the store's job.

pub mod file;

use crate::model::{ConfigObject, Name, Object};

/// News from one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Everything that the source holds: what it sent before and is missing here is gone.
    Snapshot {
        /// The source, as configured (`file:/etc/mesh`).
        source: Name,
        /// All its objects.
        objects: Vec<ConfigObject>,
    },
    /// An object is new or has changed.
    Upsert {
        /// The source.
        source: Name,
        /// The object.
        object: ConfigObject,
    },
    /// An object is gone.
    Remove {
        /// The source.
        source: Name,
        /// Which one.
        object: Object,
    },
}
