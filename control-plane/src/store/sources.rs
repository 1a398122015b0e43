//! Objects by source: of two sources with one object the first by name wins.

use crate::model::{ConfigObject, Name, Object};
use crate::registry::Event;
use std::collections::{BTreeMap, BTreeSet};

/// All objects of all sources.
#[derive(Debug, Default)]
pub(super) struct Objects {
    by_name: BTreeMap<Object, BTreeMap<Name, ConfigObject>>,
    sources: BTreeSet<Name>,
}

/// An object that is different now.
pub(super) struct Replaced {
    pub(super) object: Object,
    pub(super) old: Option<ConfigObject>,
    pub(super) new: Option<ConfigObject>,
}

impl Objects {
    /// The object, as the first of its sources says.
    pub(super) fn get(&self, object: &Object) -> Option<&ConfigObject> {
        self.by_name.get(object)?.values().next()
    }

    /// Takes an event; returns what is different, and whether the source was unknown.
    pub(super) fn apply(&mut self, event: Event) -> (Vec<Replaced>, bool) {
        match event {
            Event::Snapshot { source, objects } => {
                let first = self.sources.insert(source.clone());
                (self.replace_all(&source, objects), first)
            }
            Event::Upsert { source, object } => (
                self.set(&source, object.origin(), Some(object))
                    .into_iter()
                    .collect(),
                false,
            ),
            Event::Remove { source, object } => {
                (self.set(&source, object, None).into_iter().collect(), false)
            }
        }
    }

    fn replace_all(&mut self, source: &Name, objects: Vec<ConfigObject>) -> Vec<Replaced> {
        let named: BTreeMap<Object, ConfigObject> = objects
            .into_iter()
            .map(|object| (object.origin(), object))
            .collect();
        let held = self
            .by_name
            .iter()
            .filter(|(_, sources)| sources.contains_key(source))
            .map(|(name, _)| name);
        let gone: Vec<Object> = held
            .filter(|name| !named.contains_key(*name))
            .cloned()
            .collect();
        let mut replaced: Vec<Replaced> = gone
            .into_iter()
            .filter_map(|object| self.set(source, object, None))
            .collect();
        replaced.extend(
            named
                .into_iter()
                .filter_map(|(object, new)| self.set(source, object, Some(new))),
        );
        replaced
    }

    fn set(
        &mut self,
        source: &Name,
        object: Object,
        new: Option<ConfigObject>,
    ) -> Option<Replaced> {
        let old = self.get(&object).cloned();
        let sources = self.by_name.entry(object.clone()).or_default();
        match new {
            Some(new) => drop(sources.insert(source.clone(), new)),
            None => drop(sources.remove(source)),
        }
        if sources.is_empty() {
            self.by_name.remove(&object);
        }
        let new = self.get(&object).cloned();
        (old != new).then_some(Replaced { object, old, new })
    }

    /// Objects of one kind in one namespace, sorted by name.
    pub(super) fn in_namespace(
        &self,
        kind: crate::model::Kind,
        namespace: &Name,
    ) -> impl Iterator<Item = &ConfigObject> {
        let first = Object {
            kind,
            namespace: namespace.clone(),
            name: Name::default(),
        };
        let there =
            move |object: &Object| object.kind == kind && object.namespace == first.namespace;
        let start = Object {
            kind,
            namespace: namespace.clone(),
            name: Name::default(),
        };
        self.by_name
            .range(start..)
            .take_while(move |(object, _)| there(object))
            .filter_map(|(_, sources)| sources.values().next())
    }
}
