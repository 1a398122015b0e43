//! A map that is cheap to copy: readers keep their copy while the one writer changes a part of it.

use crate::model::Name;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

const SHARDS: usize = 128;

/// A map by name in shards behind `Arc`: a copy costs one small array of pointers, a change copies one shard.
#[derive(Clone, Debug)]
pub(crate) struct Shards<V> {
    hasher: DefaultHashBuilder,
    shards: Arc<[Arc<HashMap<Name, V>>]>,
}

impl<V: Clone> Default for Shards<V> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Arc::default()).collect();
        Self {
            hasher: DefaultHashBuilder::default(),
            shards,
        }
    }
}

impl<V: Clone> Shards<V> {
    fn place(&self, key: &str) -> usize {
        usize::try_from(self.hasher.hash_one(key) % SHARDS as u64)
            .expect("the remainder is below 128")
    }

    fn shard_mut(&mut self, key: &str) -> &mut HashMap<Name, V> {
        let place = self.place(key);
        Arc::make_mut(&mut Arc::make_mut(&mut self.shards)[place])
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.shards[self.place(key)].get(key)
    }

    /// Sets the value of `key`.
    pub(crate) fn insert(&mut self, key: Name, value: V) {
        self.shard_mut(&key).insert(key, value);
    }

    /// Removes `key`.
    pub(crate) fn remove(&mut self, key: &str) {
        if self.get(key).is_some() {
            self.shard_mut(key).remove(key);
        }
    }

    /// All entries, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, &V)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_had() {
        let mut map = Shards::default();
        map.insert("a".into(), 1);
        let before = map.clone();
        map.insert("b".into(), 2);
        map.remove("a");
        assert_eq!((before.get("a"), before.get("b")), (Some(&1), None));
        assert_eq!(
            (map.get("a"), map.get("b"), map.iter().count()),
            (None, Some(&2), 1)
        );
    }
}
