//! Something that is not complete yet, and how long it may stay so.

use tokio::time::Instant;
use tracing::warn;

/// A resource that waits for others.
#[derive(Debug)]
pub(super) struct Warming<T> {
    pub(super) value: T,
    pub(super) until: Instant,
}

impl<T> Warming<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            value,
            until: Instant::now() + super::WARMING_LIMIT,
        }
    }

    /// Whether the wait is over; says so in the log.
    pub(super) fn is_over(&self, now: Instant, name: &str) -> bool {
        let over = now >= self.until;
        if over {
            warn!(
                "xds: {name} takes effect although what it names has not come within {:?}",
                super::WARMING_LIMIT
            );
        }
        over
    }
}
