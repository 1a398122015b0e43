//! The limit on requests without a counter that all workers write: each takes some of it for itself, a handful at a time,
//! and uses and frees those on a cache line of its own. A worker that finds nothing left takes what another one holds
//! unused, so that a request is refused only when the limit is in use.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Breakers, Overflow, Resource};
use crate::http::route::action::Priority;

/// Requests that a worker takes for itself at a time, as long as there are many.
const BATCH: u32 = 32;

/// All workers that use a cluster.
#[derive(Debug, Default)]
pub(super) struct Workers(Mutex<Vec<Arc<Own>>>);

/// What one worker has for itself, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Own {
    /// Requests taken and not in use, by priority.
    unused: [AtomicU32; 2],
    /// Somebody needs a connection.
    asked: Notify,
}

/// One worker's part of a cluster's limits.
#[derive(Debug)]
pub(crate) struct Share {
    breakers: Arc<Breakers>,
    own: Arc<Own>,
}

/// One request in use; dropping it gives it back to its worker.
#[derive(Debug)]
pub(crate) struct RequestPermit {
    share: Rc<Share>,
    priority: Priority,
}

/// Hears of those who need a connection, until its worker's share is gone.
#[derive(Debug)]
pub(crate) struct Asked(Arc<Own>);

impl Asked {
    /// Waits until somebody asks, or the share is gone.
    pub(crate) async fn heard(&self) {
        self.0.asked.notified().await;
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.share.own.unused[self.priority as usize].fetch_add(1, Ordering::Release);
    }
}

impl Share {
    /// The part of one more worker; nothing is taken yet.
    pub(crate) fn new(breakers: &Arc<Breakers>) -> Rc<Self> {
        let own = Arc::new(Own::default());
        breakers.workers.0.lock().push(Arc::clone(&own));
        Rc::new(Self {
            breakers: Arc::clone(breakers),
            own,
        })
    }

    /// Takes a request.
    ///
    /// # Errors
    /// When the limit is reached.
    pub(crate) fn acquire_request(
        self: &Rc<Self>,
        priority: Priority,
    ) -> Result<RequestPermit, Overflow> {
        if !self.own.take_one(priority) && !self.refill(priority) {
            return Err(self.breakers.refuse(priority, Resource::Request));
        }
        Ok(RequestPermit {
            share: Rc::clone(self),
            priority,
        })
    }

    /// Takes one from those that nobody has, with some more for later, else from another worker.
    #[cold]
    fn refill(&self, priority: Priority) -> bool {
        let gauges = self.breakers.gauges(priority);
        let limit = gauges.limits.requests;
        let left = limit.saturating_sub(gauges.taken(Resource::Request));
        let wanted = (left / 4).clamp(1, BATCH);
        match gauges.take(Resource::Request, wanted, limit) {
            0 => self.breakers.workers.take_one(priority),
            taken => {
                self.own.unused[priority as usize].fetch_add(taken - 1, Ordering::Release);
                true
            }
        }
    }

    /// Asks every other worker to close an idle connection of the cluster.
    pub(crate) fn ask_others(&self) {
        let workers = self.breakers.workers.0.lock();
        for other in workers.iter().filter(|one| !Arc::ptr_eq(one, &self.own)) {
            other.asked.notify_one();
        }
    }

    /// Hears when others ask.
    pub(crate) fn asked(&self) -> Asked {
        Asked(Arc::clone(&self.own))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut workers = self.breakers.workers.0.lock();
        workers.retain(|one| !Arc::ptr_eq(one, &self.own));
        drop(workers);
        for priority in [Priority::Default, Priority::High] {
            let unused = self.own.unused[priority as usize].swap(0, Ordering::AcqRel);
            let gauges = self.breakers.gauges(priority);
            gauges.give_back(Resource::Request, unused);
        }
        self.own.asked.notify_one();
    }
}

impl Workers {
    /// Requests that workers hold unused.
    pub(super) fn unused(&self, priority: Priority) -> u32 {
        let workers = self.0.lock();
        let unused = workers
            .iter()
            .map(|own| own.unused[priority as usize].load(Ordering::Acquire));
        unused.fold(0, u32::saturating_add)
    }

    fn take_one(&self, priority: Priority) -> bool {
        self.0.lock().iter().any(|own| own.take_one(priority))
    }
}

impl Own {
    fn take_one(&self, priority: Priority) -> bool {
        self.unused[priority as usize]
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |unused| {
                unused.checked_sub(1)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BreakerLimits, Limits};
    use super::*;

    fn breakers(requests: u32) -> Arc<Breakers> {
        let default = Limits {
            requests,
            ..Limits::default()
        };
        Arc::new(Breakers::new(&BreakerLimits {
            default,
            ..BreakerLimits::default()
        }))
    }

    #[test]
    fn workers_together_get_exactly_the_limit() {
        for limit in [0, 1, 2, 7, 100, 1_000] {
            let breakers = breakers(limit);
            let shares = [Share::new(&breakers), Share::new(&breakers)];
            let mut held = Vec::new();
            for turn in 0.. {
                match shares[turn % 2].acquire_request(Priority::Default) {
                    Ok(permit) => held.push(permit),
                    Err(_) => break,
                }
            }
            assert_eq!(held.len(), limit as usize);
            let in_use = || breakers.in_use(Priority::Default, Resource::Request);
            assert_eq!(in_use(), limit);
            held.truncate(held.len() / 2);
            assert_eq!(in_use() as usize, held.len());
        }
    }

    #[test]
    fn what_one_worker_holds_unused_another_takes() {
        let breakers = breakers(1);
        let (one, other) = (Share::new(&breakers), Share::new(&breakers));
        drop(one.acquire_request(Priority::Default));
        let held = other.acquire_request(Priority::Default);
        assert!(held.is_ok());
        assert!(one.acquire_request(Priority::Default).is_err());
        assert_eq!(breakers.refused(Priority::Default, Resource::Request), 1);
        assert!(one.acquire_request(Priority::High).is_ok());
    }

    #[test]
    fn a_worker_that_goes_gives_back_what_it_took() {
        let breakers = breakers(8);
        let share = Share::new(&breakers);
        drop(share.acquire_request(Priority::Default));
        drop(share);
        let gauges = breakers.gauges(Priority::Default);
        assert_eq!(gauges.taken(Resource::Request), 0);
    }
}
