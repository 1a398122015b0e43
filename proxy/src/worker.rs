//! A worker: one OS thread with a runtime of its own and everything that requests on it share. It owns what is local to
//! the thread and refuses to know what is done with connections.

mod clock;
mod pool;
mod thread;

pub use clock::{now, wall};
pub use pool::{Job, Workers};
pub use thread::Thread;

pub(crate) use pool::Load;

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Instant;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

/// What everything on one thread shares. Never leaves its thread.
#[derive(Debug)]
pub struct Worker {
    id: usize,
    rng: RefCell<fastrand::Rng>,
}

impl Worker {
    /// The shared part of worker `id`, counted from 0.
    pub fn new(id: usize) -> Rc<Self> {
        Rc::new(Self {
            id,
            rng: RefCell::new(fastrand::Rng::new()),
        })
    }

    /// The number of this worker, counted from 0.
    pub fn id(&self) -> usize {
        self.id
    }

    /// Random numbers for choices, not for secrets.
    pub fn with_rng<R>(&self, use_it: impl FnOnce(&mut fastrand::Rng) -> R) -> R {
        use_it(&mut self.rng.borrow_mut())
    }

    /// The time, read about once per turn of the event loop: good to a few milliseconds.
    pub fn now(&self) -> Instant {
        now()
    }
}

/// Has the task of `cx` run again once everybody else who is ready has had a turn.
pub(crate) fn step_aside(cx: &mut Context<'_>) {
    // Not a wake-up of our own, which would be served before the sockets are looked at again.
    let _pending = pin!(tokio::task::yield_now()).poll(cx);
}

/// The runtime of a worker thread: everything on it stays there, and each sleep of its event loop begins a new turn of
/// the clock.
///
/// # Errors
/// If the kernel gives no epoll instance.
pub fn runtime() -> std::io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(clock::begin_turn)
        .build_local(LocalOptions::default())
}
