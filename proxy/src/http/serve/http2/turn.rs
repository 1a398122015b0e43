//! The turns of a connection's task. What wakes the task during a turn only makes it look once more before the turn ends,
//! where it would otherwise run again for nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The turns of one task.
pub(super) struct Turns {
    state: Arc<State>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct State {
    running: AtomicBool,
    woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let state = Arc::<State>::default();
        let waker = Waker::from(Arc::clone(&state));
        Self { state, waker }
    }

    /// What is to be woken by what happens in turns and between them.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Begins a turn of `task`.
    pub(super) fn begin(&self, task: &Waker) {
        self.state.know(task);
        self.state.running.store(true, Ordering::SeqCst);
    }

    /// Whether something was woken since the last time that this was asked, or since long.
    pub(super) fn was_woken(&self) -> bool {
        self.state.woken.swap(false, Ordering::SeqCst)
    }

    /// Ends the turn; another one follows at once when something was woken meanwhile.
    pub(super) fn end(&self) {
        self.state.running.store(false, Ordering::SeqCst);
        if self.was_woken() {
            self.state.ring();
        }
    }
}

impl State {
    fn know(&self, task: &Waker) {
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.as_ref().is_some_and(|known| known.will_wake(task)) {
            *known = Some(task.clone());
        }
    }

    fn ring(&self) {
        let known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let task = known.clone();
        drop(known);
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Invariant: either this sees that the turn is over, or the end of the turn sees what this leaves.
    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.running.load(Ordering::SeqCst) {
            self.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_task_is_woken_between_turns_and_for_what_a_turn_leaves() {
        let count = Arc::<Count>::default();
        let task = Waker::from(Arc::clone(&count));
        let turns = Turns::new();
        let woken = || count.0.load(Ordering::SeqCst);
        turns.begin(&task);
        turns.waker().wake_by_ref();
        assert!(turns.was_woken() && woken() == 0);
        turns.end();
        assert_eq!(woken(), 0);
        turns.waker().wake_by_ref();
        assert_eq!(woken(), 1);
        turns.begin(&task);
        turns.waker().wake_by_ref();
        turns.end();
        assert_eq!(woken(), 2);
    }
}
