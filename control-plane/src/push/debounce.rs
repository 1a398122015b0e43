//! Wait a moment for the rest of a burst, but not long, and shorter for endpoints.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::store::{Changes, Snapshot};

/// How long to wait for more.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Publish when nothing came for this long,
    quiet: Duration,
    /// or when the oldest change is this old.
    at_most: Duration,
}

/// A changed endpoint may be failing requests right now.
const ENDPOINTS: Patience = Patience {
    quiet: Duration::from_millis(2),
    at_most: Duration::from_millis(10),
};
/// Configuration comes in bursts: one `kubectl apply` is many objects.
const CONFIG: Patience = Patience {
    quiet: Duration::from_millis(25),
    at_most: Duration::from_secs(1),
};

/// Changes that wait for the rest of their burst.
struct Burst {
    changes: Changes,
    first: Instant,
    last: Instant,
}

/// Merges what the store reports and hands it on in settled portions; returns when the store is gone.
pub(crate) async fn settle(
    mut updates: mpsc::Receiver<(Snapshot, Changes)>,
    mut publish: impl FnMut(Snapshot, Changes, Instant),
) {
    let mut newest: Option<Snapshot> = None;
    let mut burst: Option<Burst> = None;
    loop {
        let due = burst.as_ref().map(Burst::due);
        tokio::select! {
            update = updates.recv() => {
                let Some((snapshot, changes)) = update else { break };
                newest = Some(snapshot);
                burst = Some(Burst::extended(burst.take(), changes));
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if let (Some(snapshot), Some(ready)) = (&newest, burst.take()) {
                    publish(snapshot.clone(), ready.changes, ready.first);
                }
            }
        }
    }
    if let (Some(snapshot), Some(rest)) = (newest, burst) {
        publish(snapshot, rest.changes, rest.first);
    }
}

impl Burst {
    fn extended(burst: Option<Self>, more: Changes) -> Self {
        let now = Instant::now();
        match burst {
            None => Self {
                changes: more,
                first: now,
                last: now,
            },
            Some(mut burst) => {
                burst.changes.merge(more);
                burst.last = now;
                burst
            }
        }
    }

    /// Endpoints in a mixed burst do not wait for the configuration around them: it goes with them.
    fn due(&self) -> Instant {
        let patience = if self.changes.endpoints.is_empty() {
            CONFIG
        } else {
            ENDPOINTS
        };
        (self.last + patience.quiet).min(self.first + patience.at_most)
    }
}
