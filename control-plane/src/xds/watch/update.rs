//! One response, and the parts in which it goes.

use std::sync::Arc;

use crate::generate::Resource;
use crate::model::Name;

/// Resource bytes in one delta response. Clients limit what they receive in one message, many of them to 4 MiB.
const PART_BYTES: usize = 2 << 20;

/// What a response will say.
#[derive(Debug, Default)]
pub(in crate::xds) struct Update {
    /// To add or replace.
    pub(in crate::xds) resources: Vec<Arc<Resource>>,
    /// To forget (delta only).
    pub(in crate::xds) removed: Vec<Name>,
    /// Those of `resources` that differ from what the client held.
    pub(in crate::xds) changed: Vec<Name>,
    /// Those of `resources` that a wildcard client did not have before; none in the first answer of all.
    pub(in crate::xds) added: Vec<Name>,
    /// Version of the whole subscribed state.
    pub(in crate::xds) version: u64,
}

impl Update {
    /// The same in messages of bounded size (delta only). Removals go with the last one.
    pub(in crate::xds) fn parts(self) -> Vec<Self> {
        self.parts_of(PART_BYTES)
    }

    pub(super) fn parts_of(self, limit: usize) -> Vec<Self> {
        let Self {
            resources,
            removed,
            changed: _, // what became of these is settled before anything is sent
            added: _,
            version,
        } = self;
        let part = || Self {
            version,
            ..Self::default()
        };
        let (mut parts, mut last, mut bytes) = (Vec::new(), part(), 0);
        for resource in resources {
            let size = resource.any.len() + resource.name.len();
            if bytes > 0 && bytes + size > limit {
                parts.push(std::mem::replace(&mut last, part()));
                bytes = 0;
            }
            bytes += size;
            last.resources.push(resource);
        }
        last.removed = removed;
        parts.push(last);
        parts
    }
}
