//! Where the process is in its life, for all who must know or may change it: admin and status interfaces, signals, the
//! wiring. It owns that one fact; what each phase means for connections is decided elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The phases, in order; there is no way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The first configuration is on its way.
    Initializing,
    /// Serving.
    Live,
    /// Finishing: not ready any more, inbound connections end gently.
    Draining,
    /// Leave now.
    Quitting,
}

/// A handle on the phase; clones share it.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    phase: Arc<watch::Sender<Phase>>,
    health_failed: Arc<AtomicBool>,
}

impl Lifecycle {
    /// A process that has just started.
    pub fn new() -> Self {
        Self {
            phase: Arc::new(watch::Sender::new(Phase::Initializing)),
            health_failed: Arc::default(),
        }
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes on to a later phase; an earlier one changes nothing.
    pub fn advance(&self, to: Phase) {
        self.phase
            .send_if_modified(|phase| std::mem::replace(phase, (*phase).max(to)) < to);
    }

    /// Waits for a phase or a later one.
    pub async fn reached(&self, wanted: Phase) {
        let mut phase = self.phase.subscribe();
        // the sender lives as long as this handle
        let _ = phase.wait_for(|phase| *phase >= wanted).await;
    }

    /// Whether the proxy should be sent traffic.
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Live && !self.health_failed.load(Ordering::Relaxed)
    }

    /// Makes readiness fail, or no longer fail, without touching traffic (`/healthcheck/fail`, `/healthcheck/ok`).
    pub fn fail_health(&self, fail: bool) {
        self.health_failed.store(fail, Ordering::Relaxed);
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn phases_only_go_forward() {
        let lifecycle = Lifecycle::new();
        assert!(!lifecycle.is_ready());
        lifecycle.advance(Phase::Live);
        assert!(lifecycle.is_ready());
        lifecycle.advance(Phase::Draining);
        lifecycle.advance(Phase::Live);
        assert_eq!(lifecycle.phase(), Phase::Draining);
        lifecycle.reached(Phase::Live).await;
    }

    #[test]
    fn failed_health_is_not_ready_but_still_live() {
        let lifecycle = Lifecycle::new();
        lifecycle.advance(Phase::Live);
        lifecycle.fail_health(true);
        assert!(!lifecycle.is_ready());
        assert_eq!(lifecycle.phase(), Phase::Live);
    }
}
