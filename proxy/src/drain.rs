//! The gentle end of connections: a switch that is thrown once and the signal that connections watch.
//! It owns nothing but that one fact; what a protocol does when told to finish (`connection: close`, GOAWAY, nothing at
//! all for plain TCP) is the protocol's business.

use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// The side that decides: a listener, or the whole process at its end.
#[derive(Debug, Clone, Default)]
pub struct Switch(Arc<Shared>);

/// The side that obeys: cheap to clone, one per connection.
#[derive(Debug, Clone)]
pub struct Signal(Arc<Shared>);

/// A task that waits for a signal. It registers once, however often it is polled: connections poll with every request.
#[derive(Debug)]
pub(crate) struct Watch {
    signal: Signal,
    registered: Option<Registered>,
}

/// A task in the list of those that wait.
#[derive(Debug)]
struct Registered {
    task: Waker,
    at: usize,
}

#[derive(Debug, Default)]
struct Shared {
    /// Set before the waiters are woken; asked with every request.
    thrown: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Tasks to wake, in places that stay theirs. Nobody waits any more once the switch is thrown.
#[derive(Debug, Default)]
struct Waiting {
    tasks: Vec<Option<Waker>>,
    vacant: Vec<usize>,
}

impl Switch {
    /// A switch that has not been thrown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells every connection that holds a signal of this switch to finish; there is no way back.
    pub fn throw(&self) {
        self.0.thrown.store(true, Ordering::Release);
        let waiting = std::mem::take(&mut *self.0.waiting.lock());
        waiting.tasks.into_iter().flatten().for_each(Waker::wake);
    }

    /// A signal for one connection.
    pub fn signal(&self) -> Signal {
        Signal(Arc::clone(&self.0))
    }
}

impl Signal {
    /// A signal that never comes, for connections that nobody drains.
    pub fn never() -> Self {
        Switch::new().signal()
    }

    /// Whether the connection should finish what it does and then close.
    pub fn is_draining(&self) -> bool {
        self.0.thrown.load(Ordering::Acquire)
    }

    /// Waits until the connection should finish; for ever if that never happens.
    pub async fn draining(&self) {
        let mut watch = self.watch();
        poll_fn(|cx| watch.poll(cx)).await;
    }

    /// The same wait, for a task that looks at other things too.
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            signal: self.clone(),
            registered: None,
        }
    }
}

impl Watch {
    /// Ready when the connection should finish.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.signal.is_draining() {
            return Poll::Ready(());
        }
        let task = cx.waker();
        let registered = self.registered.as_ref();
        if registered.is_some_and(|registered| registered.task.will_wake(task)) {
            return Poll::Pending;
        }
        self.register(task)
    }

    #[cold]
    fn register(&mut self, task: &Waker) -> Poll<()> {
        let mut waiting = self.signal.0.waiting.lock();
        // Whoever throws the switch looks at the list after that: either we see it thrown, or we are seen.
        if self.signal.is_draining() {
            return Poll::Ready(());
        }
        let at = match self.registered.take() {
            Some(before) => before.at,
            None => waiting.place(),
        };
        waiting.tasks[at] = Some(task.clone());
        let task = task.clone();
        self.registered = Some(Registered { task, at });
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(registered) = self.registered.take() else {
            return;
        };
        let mut waiting = self.signal.0.waiting.lock();
        if !self.signal.is_draining() {
            waiting.leave(registered.at);
        }
    }
}

impl Waiting {
    /// A place in the list.
    fn place(&mut self) -> usize {
        self.vacant.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        })
    }

    fn leave(&mut self, at: usize) {
        self.tasks[at] = None;
        self.vacant.push(at);
        if self.vacant.len() == self.tasks.len() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thrown_switch_reaches_signals_taken_before_and_after() {
        let switch = Switch::new();
        let before = switch.signal();
        assert!(!before.is_draining());
        switch.throw();
        before.draining().await;
        assert!(switch.signal().is_draining());
    }

    #[tokio::test]
    async fn a_task_that_waits_is_woken_and_one_that_has_left_is_not_kept() {
        let switch = Switch::new();
        let signal = switch.signal();
        let mut left = signal.watch();
        assert!(left.poll(&Context::from_waker(Waker::noop())).is_pending());
        let waits = tokio::spawn(async move { signal.draining().await });
        while switch.0.waiting.lock().tasks.len() < 2 {
            tokio::task::yield_now().await;
        }
        drop(left);
        assert_eq!(switch.0.waiting.lock().vacant, [0]);
        switch.throw();
        waits.await.expect("it was woken");
        assert!(switch.0.waiting.lock().tasks.is_empty());
    }

    #[test]
    fn a_wait_stays_in_its_place_when_another_task_takes_it_over() {
        let switch = Switch::new();
        let mut watch = switch.signal().watch();
        let woken = Arc::new(Woken::default());
        let task = Waker::from(Arc::clone(&woken));
        assert!(watch.poll(&Context::from_waker(Waker::noop())).is_pending());
        assert!(watch.poll(&Context::from_waker(&task)).is_pending());
        assert_eq!(switch.0.waiting.lock().tasks.len(), 1);
        switch.throw();
        assert!(woken.0.load(Ordering::Acquire));
        assert!(watch.poll(&Context::from_waker(&task)).is_ready());
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[tokio::test]
    async fn a_signal_outlives_its_switch_without_firing() {
        let signal = Signal::never();
        let waited = tokio::select! {
            () = signal.draining() => false,
            () = tokio::task::yield_now() => true,
        };
        assert!(waited);
    }
}
