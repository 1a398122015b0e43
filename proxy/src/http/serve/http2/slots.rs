//! Slots for the streams of one connection. A slot serves one stream after the other: its future, the memory of its heads
//! and its timer are made once, and stay where they are. All slots run inside the task of their connection.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Slots without a stream that a connection keeps while it is busy.
const KEPT: usize = 64;

/// The slots of one connection, whose streams are `W`.
pub(super) struct Slots<F, W> {
    all: Vec<Option<Slot<F, W>>>,
    /// Without a stream.
    free: Vec<usize>,
    /// Places in `all` without a slot.
    vacant: Vec<usize>,
    /// Those that were polled last, kept for its memory.
    turn: Vec<usize>,
    ready: Arc<Ready>,
}

struct Slot<F, W> {
    future: Pin<Box<F>>,
    desk: Rc<Desk<W>>,
    waker: Waker,
}

/// Where a slot finds its next stream.
pub(super) struct Desk<W> {
    next: Cell<Option<W>>,
    waits: Cell<bool>,
}

impl<W> Desk<W> {
    /// The next stream.
    pub(super) fn poll_next(&self) -> Poll<W> {
        let next = self.next.take();
        self.waits.set(next.is_none());
        next.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<F: Future<Output = ()>, W> Slots<F, W> {
    pub(super) fn new() -> Self {
        Self {
            all: Vec::new(),
            free: Vec::new(),
            vacant: Vec::new(),
            turn: Vec::new(),
            ready: Arc::default(),
        }
    }

    /// Slots that serve a stream.
    pub(super) fn busy(&self) -> usize {
        self.all.len() - self.vacant.len() - self.free.len()
    }

    /// Whether one wants to run.
    pub(super) fn are_ready(&self) -> bool {
        !self.ready.lock().queue.is_empty()
    }

    /// Whether slots are kept that serve no stream.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Lets go of the slots that serve no stream.
    pub(super) fn shrink(&mut self) {
        for at in self.free.drain(..) {
            self.all[at] = None;
            self.vacant.push(at);
        }
        if self.vacant.len() == self.all.len() {
            (self.all, self.free) = (Vec::new(), Vec::new());
            (self.vacant, self.turn) = (Vec::new(), Vec::new());
        }
    }

    /// Gives `stream` to a slot, a new one made by `open` where none is free; it runs with the next [`Slots::poll`].
    pub(super) fn give(&mut self, stream: W, open: impl FnOnce(Rc<Desk<W>>) -> F) {
        let at = match self.free.pop() {
            Some(at) => at,
            None => self.open(open),
        };
        if let Some(slot) = &self.all[at] {
            slot.desk.waits.set(false);
            slot.desk.next.set(Some(stream));
            let mut ready = self.ready.lock();
            *ready.quiet(at) = false;
            ready.add(at);
        }
    }

    fn open(&mut self, open: impl FnOnce(Rc<Desk<W>>) -> F) -> usize {
        let at = self.vacant.pop().unwrap_or(self.all.len());
        if at == self.all.len() {
            self.all.push(None);
        }
        let desk = Rc::new(Desk {
            next: Cell::new(None),
            waits: Cell::new(false),
        });
        let ready = Arc::clone(&self.ready);
        self.all[at] = Some(Slot {
            future: Box::pin(open(Rc::clone(&desk))),
            desk,
            waker: Waker::from(Arc::new(Bell { at, ready })),
        });
        at
    }

    /// Runs the slots that are ready, each once. Says whether a stream has ended.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> bool {
        let mut turn = std::mem::take(&mut self.turn);
        self.ready.take(cx.waker(), &mut turn);
        let mut ended = false;
        for at in turn.drain(..) {
            // One that was let go may still be woken.
            let Some(Some(slot)) = self.all.get_mut(at) else {
                continue;
            };
            let waited = slot.desk.waits.get();
            let mut cx = Context::from_waker(&slot.waker);
            let over = slot.future.as_mut().poll(&mut cx).is_ready();
            if over || slot.desk.waits.get() && !waited {
                ended = true;
                self.end(at, over);
            }
        }
        self.turn = turn;
        ended
    }

    /// Takes note that a slot has no stream any more.
    fn end(&mut self, at: usize, over: bool) {
        if over || self.free.len() == KEPT {
            self.all[at] = None;
            self.vacant.push(at);
        } else {
            self.free.push(at);
        }
        *self.ready.lock().quiet(at) = true;
    }
}

/// Slots that want to run.
#[derive(Debug, Default)]
struct Ready(Mutex<Woken>);

#[derive(Debug, Default)]
struct Woken {
    queue: Vec<usize>,
    /// Who need not be woken: is in the queue, or has no stream.
    quiet: Vec<bool>,
    /// The task of the connection.
    task: Option<Waker>,
}

impl Woken {
    fn add(&mut self, at: usize) {
        if !std::mem::replace(self.quiet(at), true) {
            self.queue.push(at);
        }
    }

    fn quiet(&mut self, at: usize) -> &mut bool {
        if self.quiet.len() <= at {
            self.quiet.resize(at + 1, false);
        }
        &mut self.quiet[at]
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Woken> {
        // Invariant: what is done under the lock leaves the list whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves those that are ready into `turn`, which must be empty; `task` is woken for those to come.
    fn take(&self, task: &Waker, turn: &mut Vec<usize>) {
        let mut woken = self.lock();
        std::mem::swap(&mut woken.queue, turn);
        for at in turn.iter() {
            woken.quiet[*at] = false;
        }
        if !woken.task.as_ref().is_some_and(|old| old.will_wake(task)) {
            woken.task = Some(task.clone());
        }
    }
}

/// Wakes one slot.
struct Bell {
    at: usize,
    ready: Arc<Ready>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut woken = self.ready.lock();
        let first = woken.queue.is_empty();
        woken.add(self.at);
        let task = if first { woken.task.clone() } else { None };
        drop(woken);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;

    use tokio::sync::Notify;

    use super::*;

    /// Serves streams that are over at once, but those that wait for a word.
    async fn serve(desk: Rc<Desk<u32>>, served: &RefCell<Vec<u32>>, word: &Notify) {
        loop {
            let stream = poll_fn(|_| desk.poll_next()).await;
            if stream >= 100 {
                word.notified().await;
            }
            served.borrow_mut().push(stream);
        }
    }

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn a_slot_serves_one_stream_after_the_other() {
        let (served, word) = (RefCell::default(), Notify::new());
        let mut slots = Slots::new();
        for stream in [1, 2] {
            slots.give(stream, |desk| serve(desk, &served, &word));
            assert_eq!(slots.busy(), 1);
            assert!(slots.are_ready() && slots.poll(&context()));
            assert_eq!((slots.busy(), slots.all.len()), (0, 1));
        }
        assert_eq!(*served.borrow(), [1, 2]);
    }

    #[test]
    fn a_stream_that_waits_is_run_again_when_it_is_woken() {
        let (served, word) = (RefCell::default(), Notify::new());
        let mut slots = Slots::new();
        for stream in [100, 1] {
            slots.give(stream, |desk| serve(desk, &served, &word));
        }
        assert!(slots.poll(&context()));
        assert_eq!((served.borrow().as_slice(), slots.busy()), (&[1][..], 1));
        assert!(!slots.are_ready() && !slots.poll(&context()));
        word.notify_one();
        assert!(slots.poll(&context()));
        assert_eq!(
            (served.borrow().as_slice(), slots.busy()),
            (&[1, 100][..], 0)
        );
    }

    #[test]
    fn slots_without_a_stream_can_be_let_go_and_come_back() {
        let (served, word) = (RefCell::default(), Notify::new());
        let mut slots = Slots::new();
        for stream in [100, 1] {
            slots.give(stream, |desk| serve(desk, &served, &word));
        }
        slots.poll(&context());
        slots.shrink();
        assert!(!slots.has_free() && slots.busy() == 1);
        slots.give(2, |desk| serve(desk, &served, &word));
        word.notify_one();
        slots.poll(&context());
        slots.shrink();
        assert_eq!((slots.busy(), slots.all.len()), (0, 0));
        assert_eq!(served.borrow().len(), 3);
    }
}
