//! Slots for the streams of one connection. A slot serves one stream after the other: its future, the memory of its heads
//! and its timer are made once, and stay where they are. All slots run inside the task of their connection.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::http::deadline::Deadline;

/// Slots without a stream that a connection keeps while it is busy.
const KEPT: usize = 64;

/// A connection on which no stream has ended for so long keeps no memory for more streams than there are.
const REST: Duration = Duration::from_secs(1);

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
    rest: Deadline,
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
            rest: Deadline::default(),
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

    /// Lets go of the slots that serve no stream, once none has ended for a while since `last`.
    pub(super) fn rest(&mut self, cx: &mut Context<'_>, last: Instant) {
        if self.free.is_empty() || self.rest.poll(cx, Some(last + REST)).is_pending() {
            return;
        }
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
        self.ready.lock().hush(at);
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
    /// Queues a slot that is not quiet. Says whether it is the first.
    fn add(&mut self, at: usize) -> bool {
        let heard = !std::mem::replace(self.quiet(at), true);
        if heard {
            self.queue.push(at);
        }
        heard && self.queue.len() == 1
    }

    /// A slot need not run any more, not even where something has woken it during its last run.
    fn hush(&mut self, at: usize) {
        if std::mem::replace(self.quiet(at), true)
            && let Some(place) = self.queue.iter().rposition(|queued| *queued == at)
        {
            self.queue.remove(place);
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
        // A stream that has ended is still told of what becomes of it; that is no reason to run.
        let first = woken.add(self.at);
        let task = if first { woken.task.clone() } else { None };
        drop(woken);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests;
