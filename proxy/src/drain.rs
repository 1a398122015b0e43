//! The gentle end of connections: a switch that is thrown once and the signal that connections watch.
//! It owns nothing but that one fact; what a protocol does when told to finish (`connection: close`, GOAWAY, nothing at
//! all for plain TCP) is the protocol's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// The side that decides: a listener, or the whole process at its end.
#[derive(Debug, Clone)]
pub struct Switch {
    thrown: Arc<AtomicBool>,
    wake: Arc<watch::Sender<bool>>,
}

/// The side that obeys: cheap to clone, one per connection.
#[derive(Debug, Clone)]
pub struct Signal {
    /// Set before the waiters are woken; asked with every request.
    thrown: Arc<AtomicBool>,
    wake: watch::Receiver<bool>,
}

impl Switch {
    /// A switch that has not been thrown.
    pub fn new() -> Self {
        Self {
            thrown: Arc::default(),
            wake: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Tells every connection that holds a signal of this switch to finish; there is no way back.
    pub fn throw(&self) {
        self.thrown.store(true, Ordering::Release);
        self.wake.send_replace(true);
    }

    /// A signal for one connection.
    pub fn signal(&self) -> Signal {
        Signal {
            thrown: Arc::clone(&self.thrown),
            wake: self.wake.subscribe(),
        }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self::new()
    }
}

impl Signal {
    /// A signal that never comes, for connections that nobody drains.
    pub fn never() -> Self {
        Switch::new().signal()
    }

    /// Whether the connection should finish what it does and then close.
    pub fn is_draining(&self) -> bool {
        self.thrown.load(Ordering::Acquire)
    }

    /// Waits until the connection should finish; for ever if that never happens.
    pub async fn draining(&mut self) {
        if self.wake.wait_for(|thrown| *thrown).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thrown_switch_reaches_signals_taken_before_and_after() {
        let switch = Switch::new();
        let mut before = switch.signal();
        assert!(!before.is_draining());
        switch.throw();
        before.draining().await;
        assert!(switch.signal().is_draining());
    }

    #[tokio::test]
    async fn a_signal_outlives_its_switch_without_firing() {
        let mut signal = Signal::never();
        let waited = tokio::select! {
            () = signal.draining() => false,
            () = tokio::task::yield_now() => true,
        };
        assert!(waited);
    }
}
