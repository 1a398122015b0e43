//! Who waits for a connection of a cluster whose limit is reached, in order, over all workers.
//!
//! A connection that is given back goes to the first in line as the right to open one. A connection that becomes free goes
//! to the first who can use it as it is. Others may be passed over by that, but only so often: then the free connection
//! is closed in favour of the first in line. So connections are used again under load, and nobody starves: a pool without
//! any connection gets one beyond the limit, since those of others may be busy for ever.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::{Breakers, Gauges, Permit, Resource};
use crate::cluster::next_id;
use crate::http::route::action::Priority;

/// How often the first in line is passed over in favour of somebody who can use a free connection as it is.
const PATIENCE: u32 = 8;

/// The line for one priority.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// How many wait; read by everybody who frees a connection.
    waiting: AtomicU32,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiters: VecDeque<Waiter>,
}

/// The pool of one worker for one endpoint, as the limits see it.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    /// Its connections by priority, those that are being opened included.
    open: [AtomicU32; 2],
}

impl Holder {
    pub(super) fn add(&self, priority: Priority) {
        self.open[priority as usize].fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn remove(&self, priority: Priority) {
        self.open[priority as usize].fetch_sub(1, Ordering::SeqCst);
    }

    fn open(&self, priority: Priority) -> u32 {
        self.open[priority as usize].load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    place: Place,
    passed_over: u32,
    tell: oneshot::Sender<Grant>,
}

/// What somebody waits for.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Whose connection it is to be.
    pub(crate) pool: Arc<Holder>,
    /// The connections of that pool that are of use.
    pub(crate) takes: Takes,
}

/// Which free connections are of use to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Either.
    Any,
    /// None: only a new one will do.
    New,
}

/// What somebody in line gets.
#[derive(Debug)]
pub(crate) enum Grant {
    /// The right to open a connection.
    Open(Permit),
    /// A free connection, which the pool keeps for him.
    Free,
}

/// Who gets a connection that has become free.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Nobody waits.
    Nobody,
    /// Somebody who can use it as it is.
    For(Chosen),
    /// Somebody who needs its place: it is to be closed.
    Close,
}

/// Somebody in line whose turn it is.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// His number, which nobody else has.
    pub(crate) id: u64,
    tell: oneshot::Sender<Grant>,
}

/// A place in line; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its number, which no other place has.
    pub(crate) id: u64,
    gauges: Arc<Gauges>,
    granted: oneshot::Receiver<Grant>,
}

impl Breakers {
    /// Takes a connection for `pool` unless the limit is reached or others wait already.
    pub(crate) fn try_connection(&self, priority: Priority, pool: &Arc<Holder>) -> Option<Permit> {
        let gauges = self.gauges(priority);
        let limit = gauges.limits.connections;
        if gauges.line.count() == 0 && gauges.take(Resource::Connection, 1, limit) == 1 {
            return Some(gauges.permit(Resource::Connection, priority, Some(pool)));
        }
        gauges.refused[Resource::Connection as usize].fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Stands in line for a connection.
    pub(crate) fn stand_in_line(&self, priority: Priority, place: Place) -> Waiting {
        let gauges = self.gauges(priority);
        let (tell, granted) = oneshot::channel();
        let id = next_id();
        let mut queue = gauges.line.queue.lock();
        queue.waiters.push_back(Waiter {
            id,
            place,
            passed_over: 0,
            tell,
        });
        gauges.line.waiting.fetch_add(1, Ordering::SeqCst);
        drop(queue);
        // What was given back before anybody could see this place.
        serve(gauges, priority);
        Waiting {
            id,
            gauges: Arc::clone(gauges),
            granted,
        }
    }

    /// How many stand in line.
    pub(crate) fn in_line(&self, priority: Priority) -> u32 {
        self.gauges(priority).line.count()
    }

    /// How many connections there are beyond the limit.
    pub(crate) fn excess(&self, priority: Priority) -> u32 {
        let gauges = self.gauges(priority);
        gauges
            .taken(Resource::Connection)
            .saturating_sub(gauges.limits.connections)
    }

    /// Gives `pool` a connection beyond the limit if it waits for one and has none.
    pub(crate) fn serve_empty(&self, priority: Priority, pool: &Arc<Holder>) {
        serve_empty(self.gauges(priority), priority, pool);
    }

    /// Whose turn it is when a connection of `pool` is free; `kind` says which it is. One that is not `idle` cannot be
    /// closed for others, nor can the last one of a pool that waits itself.
    pub(crate) fn turn(
        &self,
        priority: Priority,
        pool: &Arc<Holder>,
        kind: Takes,
        idle: bool,
    ) -> Turn {
        let line = &self.gauges(priority).line;
        if line.count() == 0 {
            return Turn::Nobody;
        }
        let mut queue = line.queue.lock();
        let suits = |waiter: &Waiter| {
            Arc::ptr_eq(&waiter.place.pool, pool)
                && (waiter.place.takes == kind || waiter.place.takes == Takes::Any)
        };
        let Some(at) = queue.waiters.iter().position(suits) else {
            return if queue.waiters.is_empty() {
                Turn::Nobody
            } else {
                Turn::Close
            };
        };
        if at > 0 && idle && pool.open(priority) > 1 {
            let first = &mut queue.waiters[0];
            first.passed_over += 1;
            if first.passed_over > PATIENCE {
                return Turn::Close;
            }
        }
        let chosen = queue.waiters.remove(at);
        line.waiting.fetch_sub(1, Ordering::SeqCst);
        chosen.map_or(Turn::Nobody, |waiter| {
            Turn::For(Chosen {
                id: waiter.id,
                tell: waiter.tell,
            })
        })
    }
}

impl Chosen {
    /// Tells him that a connection is kept for him; false when he has gone.
    pub(crate) fn tell(self) -> bool {
        self.tell.send(Grant::Free).is_ok()
    }
}

impl Line {
    fn count(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst)
    }
}

impl Waiting {
    /// Ready with what was granted; to be polled no further then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Grant>> {
        // The sender goes only with the queue, which this place keeps.
        std::pin::Pin::new(&mut self.granted)
            .poll(cx)
            .map(Result::ok)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let line = &self.gauges.line;
        let mut queue = line.queue.lock();
        if let Some(at) = queue.waiters.iter().position(|waiter| waiter.id == self.id) {
            queue.waiters.remove(at);
            line.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        // What was granted and not fetched is dropped with the receiver, and so goes to the next in line.
    }
}

/// Gives the first in line what is left of the limit.
pub(super) fn serve(gauges: &Arc<Gauges>, priority: Priority) {
    while gauges.line.count() > 0 {
        let mut queue = gauges.line.queue.lock();
        let limit = gauges.limits.connections;
        if queue.waiters.is_empty() || gauges.take(Resource::Connection, 1, limit) == 0 {
            return;
        }
        let Some(first) = queue.waiters.pop_front() else {
            return;
        };
        grant(gauges, priority, first, queue);
    }
}

/// Gives the first in line of a pool that has no connection one beyond the limit.
pub(super) fn serve_empty(gauges: &Arc<Gauges>, priority: Priority, pool: &Arc<Holder>) {
    if gauges.line.count() == 0 {
        return;
    }
    let mut queue = gauges.line.queue.lock();
    let own = |waiter: &Waiter| Arc::ptr_eq(&waiter.place.pool, pool);
    if pool.open(priority) == 0
        && let Some(at) = queue.waiters.iter().position(own)
        && let Some(waiter) = queue.waiters.remove(at)
    {
        gauges.take(Resource::Connection, 1, u32::MAX);
        grant(gauges, priority, waiter, queue);
    }
}

/// Hands over a connection that was taken to somebody who was in line.
fn grant(gauges: &Arc<Gauges>, priority: Priority, to: Waiter, queue: MutexGuard<'_, Queue>) {
    let permit = gauges.permit(Resource::Connection, priority, Some(&to.place.pool));
    gauges.line.waiting.fetch_sub(1, Ordering::SeqCst);
    drop(queue);
    // If he has gone meanwhile, the permit comes back and serves the next.
    let _ = to.tell.send(Grant::Open(permit));
}

#[cfg(test)]
mod tests;
