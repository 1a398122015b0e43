//! The world: one writer, immutable snapshots.
//!
//! [`Store::apply`] takes an event, works out what it changes, and publishes a new [`Snapshot`]; an event that changes
//! nothing is silent. The store owns merging of sources, virtual addresses and the join of services with endpoints.
//! It knows nothing of proxies.

mod addresses;
mod changes;
mod destination_rules;
mod edit;
pub mod hosts;
mod join;
mod policies;
mod services;
mod shards;
mod snapshot;
mod sources;
mod virtual_services;
mod workloads;

pub use changes::Changes;
pub use destination_rules::Call;
pub use policies::Target;
pub use snapshot::{Generations, Mesh, Snapshot};

use crate::registry::Event;
use addresses::Addresses;
use edit::Edit;
use sources::Objects;
use std::sync::Arc;

/// The one writer of the world.
#[derive(Debug, Default)]
pub struct Store {
    objects: Objects,
    addresses: Addresses,
    snapshot: Snapshot,
}

impl Store {
    /// An empty world with these settings.
    #[must_use]
    pub fn new(mesh: Mesh) -> Self {
        let snapshot = Snapshot {
            mesh: Arc::new(mesh),
            ..Snapshot::default()
        };
        Self {
            snapshot,
            ..Self::default()
        }
    }

    /// The world as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// Takes news from a registry. Empty changes = nothing is different.
    pub fn apply(&mut self, event: Event) -> Changes {
        let (replaced, first) = self.objects.apply(event);
        let mut changes = Edit::new(self).run(replaced);
        changes.full |= first && !changes.is_empty();
        self.count(&changes);
        changes
    }

    /// Takes new settings of the mesh.
    pub fn set_mesh(&mut self, mesh: Mesh) -> Changes {
        if *self.snapshot.mesh == mesh {
            return Changes::default();
        }
        self.snapshot.mesh = Arc::new(mesh);
        let changes = Changes {
            mesh: true,
            full: true,
            ..Changes::default()
        };
        self.count(&changes);
        changes
    }

    fn count(&mut self, changes: &Changes) {
        let generations = &mut self.snapshot.generations;
        generations.services += u64::from(!changes.services.is_empty());
        generations.endpoints += u64::from(!changes.endpoints.is_empty());
        generations.routes += u64::from(!changes.routes.is_empty());
        generations.destination_rules += u64::from(!changes.destination_rules.is_empty());
        generations.policies += u64::from(!changes.policies.is_empty());
        generations.workloads += u64::from(!changes.workloads.is_empty());
        generations.namespaces += u64::from(!changes.namespaces.is_empty());
        generations.mesh += u64::from(changes.mesh);
    }
}

#[cfg(test)]
mod tests;
