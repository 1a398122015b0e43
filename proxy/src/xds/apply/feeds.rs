//! What is wanted of which source.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use xds_proto::resource::ResourceKind;

use super::references::References;
use crate::config::source::Source;
use crate::secret::SecretCell;
use crate::xds::subscription::NameChanges;

/// One type of resource from one source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Feed {
    pub(crate) source: Source,
    pub(crate) kind: ResourceKind,
}

/// A name that a resource refers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference<'a> {
    pub(super) kind: ResourceKind,
    pub(super) source: &'a Source,
    pub(super) name: &'a Arc<str>,
}

/// The secrets among `cells` that come from elsewhere.
pub(super) fn secrets<'a>(
    cells: impl Iterator<Item = &'a Arc<SecretCell>>,
) -> impl Iterator<Item = Reference<'a>> {
    cells.filter_map(|cell| {
        Some(Reference {
            kind: ResourceKind::Secret,
            source: cell.source()?,
            name: cell.name(),
        })
    })
}

/// Names that are wanted, by feed.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    names: BTreeMap<ResourceKind, HashMap<Source, References>>,
    /// Feeds that nobody follows yet; the aggregated stream is followed as a whole.
    new: Vec<Feed>,
}

impl Feeds {
    /// A feed is to be followed, whatever its names.
    pub(super) fn begin(&mut self, kind: ResourceKind, source: &Source) -> &mut References {
        let of_kind = self.names.entry(kind).or_default();
        if !of_kind.contains_key(source) && *source != Source::Ads {
            self.new.push(Feed {
                source: source.clone(),
                kind,
            });
        }
        of_kind.entry(source.clone()).or_default()
    }

    /// One more refers to these names.
    pub(super) fn add<'a>(&mut self, names: impl Iterator<Item = Reference<'a>>) {
        for Reference { kind, source, name } in names {
            self.begin(kind, source).add(name);
        }
    }

    /// One less refers to these names.
    pub(super) fn drop<'a>(&mut self, names: impl Iterator<Item = Reference<'a>>) {
        for Reference { kind, source, name } in names {
            if let Some(references) = self.of(kind, source) {
                references.drop(name);
            }
        }
    }

    /// Whether anything refers to a name, or did so when changes were last taken.
    pub(super) fn has(&mut self, kind: ResourceKind, source: &Source, name: &str) -> bool {
        self.of(kind, source)
            .is_some_and(|references| references.has(name))
    }

    /// The name as those hold it who refer to it, else as it is.
    pub(super) fn shared(
        &mut self,
        kind: ResourceKind,
        source: &Source,
        name: Arc<str>,
    ) -> Arc<str> {
        let held = self
            .of(kind, source)
            .and_then(|references| references.shared(&name));
        held.unwrap_or(name)
    }

    pub(super) fn take_changes(&mut self, kind: ResourceKind, source: &Source) -> NameChanges {
        let changes = self.of(kind, source).map(References::take_changes);
        changes.unwrap_or_default()
    }

    pub(super) fn take_new(&mut self) -> Vec<Feed> {
        std::mem::take(&mut self.new)
    }

    fn of(&mut self, kind: ResourceKind, source: &Source) -> Option<&mut References> {
        self.names.get_mut(&kind)?.get_mut(source)
    }
}
