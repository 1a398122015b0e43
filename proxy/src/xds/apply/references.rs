//! Names that are wanted, each for as long as a cluster or listener refers to it. It tells what came and went since it was
//! last asked, so that following what is wanted costs what changed and not what there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::xds::subscription::NameChanges;

/// Names of one type by how many refer to each.
#[derive(Debug, Default)]
pub(super) struct References {
    holders: HashMap<Arc<str>, usize>,
    /// Names that may differ since changes were last taken, and whether they were wanted then.
    touched: BTreeMap<Arc<str>, bool>,
}

impl References {
    /// One more refers to the name.
    pub(super) fn add(&mut self, name: &Arc<str>) {
        let count = self.holders.entry(Arc::clone(name)).or_insert(0);
        *count += 1;
        if *count == 1 {
            self.touched.entry(Arc::clone(name)).or_insert(false);
        }
    }

    /// One less refers to the name.
    pub(super) fn drop(&mut self, name: &Arc<str>) {
        let Some(count) = self.holders.get_mut(name) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.holders.remove(name);
            self.touched.entry(Arc::clone(name)).or_insert(true);
        }
    }

    /// Whether anything refers to the name, or did so when changes were last taken: whoever follows them has not heard of
    /// its end, and would hear of nothing if it came back before.
    pub(super) fn has(&self, name: &str) -> bool {
        self.holders.contains_key(name) || self.touched.get(name) == Some(&true)
    }

    /// The name as those hold it who refer to it: whoever keeps it need not keep another copy.
    pub(super) fn shared(&self, name: &str) -> Option<Arc<str>> {
        let (held, _) = self.holders.get_key_value(name)?;
        Some(Arc::clone(held))
    }

    /// What is different from when it was last asked.
    pub(super) fn take_changes(&mut self) -> NameChanges {
        let mut changes = NameChanges::default();
        for (name, was_wanted) in std::mem::take(&mut self.touched) {
            match (was_wanted, self.holders.contains_key(&name)) {
                (false, true) => changes.added.push(name),
                (true, false) => changes.removed.push(name),
                (true, true) | (false, false) => {}
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_wanted_while_anything_refers_to_it_and_each_change_is_told_once() {
        let (mut references, name) = (References::default(), Arc::<str>::from("80"));
        references.add(&name);
        references.add(&name);
        assert_eq!(references.take_changes().added, std::slice::from_ref(&name));
        references.drop(&name);
        assert_eq!(references.take_changes(), NameChanges::default());
        references.drop(&name);
        references.add(&name);
        assert_eq!(references.take_changes(), NameChanges::default());
        references.drop(&name);
        references.drop(&name);
        assert!(references.has(&name), "nobody was told of its end");
        assert_eq!(references.take_changes().removed, [Arc::clone(&name)]);
        assert!(!references.has(&name));
    }
}
