//! Which known names a message may have.

use super::KnownName;

/// Known names that a message may have: most questions are about names that it has not, and need no look at its fields.
///
/// Invariant: a name that is not in the set has no field; one that is may have lost it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownSet(u128);

impl KnownSet {
    pub(super) fn has(self, known: KnownName) -> bool {
        self.0 & Self::bit(known) != 0
    }

    pub(super) fn insert(&mut self, known: Option<KnownName>) {
        self.0 |= known.map_or(0, Self::bit);
    }

    pub(super) fn remove(&mut self, known: KnownName) {
        self.0 &= !Self::bit(known);
    }

    /// Whether one of `names` is in it.
    pub(super) fn has_any(self, names: &[KnownName]) -> bool {
        let asked = names.iter().fold(0, |set, known| set | Self::bit(*known));
        self.0 & asked != 0
    }

    fn bit(known: KnownName) -> u128 {
        const { assert!(KnownName::COUNT <= 128, "a bit for each known name") };
        1 << known as u8
    }
}
