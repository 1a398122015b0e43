//! What is still to be said.

use std::collections::BTreeSet;

use crate::model::Name;

/// What the next response must or may contain.
#[derive(Debug, Default)]
pub(in crate::xds) struct Owed {
    /// Asked for explicitly: answered even if unchanged.
    pub(in crate::xds) answer: BTreeSet<Name>,
    /// Everything subscribed was asked for explicitly.
    pub(in crate::xds) answer_all: bool,
    /// May have changed: sent if it differs.
    pub(in crate::xds) check: BTreeSet<Name>,
    /// Anything may have changed.
    pub(in crate::xds) check_all: bool,
}

impl Owed {
    pub(in crate::xds) fn is_empty(&self) -> bool {
        !self.answer_all && !self.check_all && self.answer.is_empty() && self.check.is_empty()
    }

    /// Takes out what may wait longer than the answers.
    pub(in crate::xds) fn put_off(&mut self) -> Self {
        Self {
            check: std::mem::take(&mut self.check),
            check_all: std::mem::take(&mut self.check_all),
            ..Self::default()
        }
    }

    /// Puts back what was put off.
    pub(in crate::xds) fn add(&mut self, other: Self) {
        self.answer.extend(other.answer);
        self.answer_all |= other.answer_all;
        self.check.extend(other.check);
        self.check_all |= other.check_all;
    }

    /// Whether the client itself waits for it.
    pub(in crate::xds) fn is_answer(&self) -> bool {
        self.answer_all || !self.answer.is_empty()
    }
}
