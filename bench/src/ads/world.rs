//! What the server offers.

use std::collections::{BTreeMap, HashMap};

use xds_proto::pb::google::protobuf::Any;
use xds_proto::resource::{Resource, ResourceKind, pack};

/// One resource in its newest version.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) version: u64,
    pub(super) any: Any,
}

/// Resources by kind and name.
#[derive(Debug, Default)]
pub(crate) struct World {
    version: u64,
    kinds: BTreeMap<ResourceKind, HashMap<String, Offered>>,
}

impl World {
    /// Offers a resource, in place of the one with its name if there is one.
    pub(crate) fn offer<R: Resource>(&mut self, resource: &R) {
        self.version += 1;
        let offered = Offered {
            version: self.version,
            any: pack(resource),
        };
        let kind = self.kinds.entry(R::KIND).or_default();
        kind.insert(resource.name().to_owned(), offered);
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn of(&self, kind: ResourceKind) -> impl Iterator<Item = (&String, &Offered)> {
        self.kinds.get(&kind).into_iter().flatten()
    }

    pub(super) fn find(&self, kind: ResourceKind, name: &str) -> Option<&Offered> {
        self.kinds.get(&kind)?.get(name)
    }

    /// How many resources there are of each kind.
    pub(super) fn sizes(&self) -> BTreeMap<ResourceKind, usize> {
        let sizes = self.kinds.iter();
        sizes.map(|(kind, all)| (*kind, all.len())).collect()
    }
}
