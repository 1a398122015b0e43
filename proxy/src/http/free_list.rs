//! What a worker keeps for the next taker: as much as was in use at once of late.

use std::cell::{Cell, RefCell};
use std::fmt;

/// Free things of one kind, and how many of them nobody has needed since the last sweep.
pub(crate) struct FreeList<T> {
    free: RefCell<Vec<T>>,
    /// The fewest that were free since then.
    least: Cell<usize>,
}

impl<T> FreeList<T> {
    /// The one that was given back last; nothing where none is free.
    pub(crate) fn take(&self) -> Option<T> {
        let mut free = self.free.borrow_mut();
        let taken = free.pop()?;
        self.least.set(self.least.get().min(free.len()));
        Some(taken)
    }

    /// Keeps `given` for the next taker.
    pub(crate) fn give(&self, given: T) {
        self.free.borrow_mut().push(given);
    }

    /// Lets go of as many as were free all the time since the last call: those that are kept were in use at once.
    pub(crate) fn sweep(&self) {
        let mut free = self.free.borrow_mut();
        let needed = free.len() - self.least.get().min(free.len());
        free.truncate(needed);
        if free.capacity() > 2 * needed.max(8) {
            free.shrink_to_fit();
        }
        self.least.set(needed);
    }

    /// How many are free.
    pub(crate) fn len(&self) -> usize {
        self.free.borrow().len()
    }
}

impl<T> Default for FreeList<T> {
    fn default() -> Self {
        Self {
            free: RefCell::default(),
            least: Cell::default(),
        }
    }
}

impl<T> fmt::Debug for FreeList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} free", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `count` at once and gives them back.
    fn use_at_once(list: &FreeList<usize>, count: usize) {
        let taken: Vec<_> = (0..count).map(|_| list.take().unwrap_or(0)).collect();
        taken.into_iter().for_each(|one| list.give(one));
    }

    #[test]
    fn what_nobody_has_needed_since_the_last_sweep_is_let_go() {
        let list = FreeList::default();
        use_at_once(&list, 20);
        list.sweep();
        assert_eq!(list.len(), 20, "all were in use at once");
        use_at_once(&list, 3);
        list.sweep();
        assert_eq!(list.len(), 3);
        list.sweep();
        assert_eq!(list.len(), 0);
    }
}
