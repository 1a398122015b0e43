//! What wakes a task, and whether it has: a task that runs for many reasons asks again only where something has changed, and
//! what need not wake it at once waits for its next run.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// A waker that remembers that it was woken, and passes that on to a task.
#[derive(Debug)]
pub(crate) struct Bell {
    state: Arc<State>,
    waker: Waker,
    /// Whom it wakes, as known without the lock.
    known: RefCell<Waker>,
}

#[derive(Debug, Default)]
struct State {
    held: AtomicBool,
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Default for Bell {
    fn default() -> Self {
        let state = Arc::<State>::default();
        let waker = Waker::from(Arc::clone(&state));
        Self {
            state,
            waker,
            known: RefCell::new(Waker::noop().clone()),
        }
    }
}

impl Bell {
    /// For those who are to ring it.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// From now on wakes `task`.
    pub(crate) fn know(&self, task: &Waker) {
        let mut known = self.known.borrow_mut();
        if !known.will_wake(task) {
            known.clone_from(task);
            *self.state.task() = Some(task.clone());
        }
    }

    /// Forgets that it has rung; says whether it had. To be called before what rings it is asked, so that nothing is missed.
    pub(crate) fn listen(&self) -> bool {
        self.has_rung() && self.state.rung.swap(false, Ordering::SeqCst)
    }

    /// Whether it has rung since.
    pub(crate) fn has_rung(&self) -> bool {
        self.state.rung.load(Ordering::SeqCst)
    }

    /// From now on only remembers.
    pub(crate) fn hold(&self) {
        self.state.held.store(true, Ordering::SeqCst);
    }

    /// From now on wakes the task again; what was held back stays so.
    pub(crate) fn release(&self) {
        self.state.held.store(false, Ordering::SeqCst);
    }

    /// Wakes the task if it has rung since it was listened to.
    pub(crate) fn pass_on(&self) {
        if self.listen() {
            self.state.ring();
        }
    }
}

impl State {
    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        // Invariant: the waker is set in one step.
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        let task = self.task().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Invariant: either this sees that it is no longer held, or who passes on after that sees what this leaves.
    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if !self.held.load(Ordering::SeqCst) {
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
    fn the_task_is_woken_but_while_the_bell_is_held_and_then_once_when_that_is_passed_on() {
        let count = Arc::<Count>::default();
        let bell = Bell::default();
        bell.know(&Waker::from(Arc::clone(&count)));
        let ring = || bell.context().waker().wake_by_ref();
        let woken = || count.0.load(Ordering::SeqCst);
        ring();
        assert!(woken() == 1 && bell.listen() && !bell.listen());
        bell.hold();
        ring();
        assert!(woken() == 1 && bell.has_rung());
        bell.release();
        assert_eq!(woken(), 1);
        bell.pass_on();
        bell.pass_on();
        assert_eq!(woken(), 2);
        bell.hold();
        ring();
        assert!(bell.listen());
        bell.release();
        bell.pass_on();
        assert_eq!(woken(), 2);
    }
}
