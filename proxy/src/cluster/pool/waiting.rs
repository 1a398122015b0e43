//! What happens at the limit on connections: requests stand in line, connections that become free go to those who wait,
//! and idle ones give way, on this worker and on others.

use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use super::channel::{Channel, Idle};
use super::multiplexed::Multiplexed;
use super::{ClusterPool, EndpointPool};
use crate::cluster::circuit_breaker::{
    Asked, Grant, Overflow, Permit, Place, Resource, Takes, Turn, Waiting,
};
use crate::http::route::action::Priority;

/// How a request gets its connection.
#[derive(Debug)]
pub(super) enum Way {
    /// It may open one.
    Open(Permit),
    /// This one has become free.
    Free(Box<Channel>),
}

/// A request in line; dropping it gives up its place and what was kept for it.
#[derive(Debug)]
struct Queued<'a> {
    pool: &'a EndpointPool,
    waiting: Waiting,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(channel) = self.pool.take_kept(self.waiting.id) {
            self.pool.take_back(channel);
        }
    }
}

impl ClusterPool {
    /// Waits for its turn while the limit is reached.
    ///
    /// # Errors
    /// When there is nothing to wait for.
    pub(super) async fn way(
        &self,
        pool: &EndpointPool,
        takes: Takes,
        priority: Priority,
    ) -> Result<Way, Overflow> {
        self.hear();
        let breakers = &self.cluster.breakers;
        if let Some(permit) = breakers.try_connection(priority, &pool.holder) {
            return Ok(Way::Open(permit));
        }
        self.stats.upstream_cx_overflow.increment(&self.shard);
        let limit = breakers.limit(priority, Resource::Connection);
        let refusal = Overflow {
            resource: Resource::Connection,
            limit,
        };
        if limit == 0 {
            return Err(refusal);
        }
        let place = Place {
            pool: Arc::clone(&pool.holder),
            takes,
        };
        let waiting = breakers.stand_in_line(priority, place);
        let mut queued = Queued { pool, waiting };
        self.give_way(priority);
        breakers.serve_empty(priority, &pool.holder);
        if breakers.in_line(priority) > 0 {
            self.share.ask_others();
        }
        match poll_fn(|cx| queued.waiting.poll(cx)).await {
            Some(Grant::Open(permit)) => Ok(Way::Open(permit)),
            Some(Grant::Free) => pool
                .take_kept(queued.waiting.id)
                .map(|channel| Way::Free(Box::new(channel)))
                .ok_or(refusal),
            None => Err(refusal),
        }
    }

    /// Starts the task that hears of others who need connections, once, where there is a limit.
    fn hear(&self) {
        let unlimited =
            |priority| self.cluster.breakers.limit(priority, Resource::Connection) == u32::MAX;
        let needless = unlimited(Priority::Default) && unlimited(Priority::High);
        if needless || self.hears.replace(true) {
            return;
        }
        tokio::task::spawn_local(hear(Weak::clone(&self.this), self.share.asked()));
    }

    /// Closes idle connections for those in line, those unused for longest first.
    fn give_way(&self, priority: Priority) {
        let breakers = &self.cluster.breakers;
        let (in_line, excess) = (breakers.in_line(priority), breakers.excess(priority));
        if in_line == 0 {
            return;
        }
        for _ in 0..in_line.saturating_add(excess) {
            if !self.close_one(priority) {
                return;
            }
        }
    }

    fn close_one(&self, priority: Priority) -> bool {
        let endpoints = self.endpoints.borrow();
        let idle = endpoints
            .values()
            .filter_map(|pool| Some((pool.idle_since(priority)?, pool)));
        match idle.min_by_key(|(since, _)| *since) {
            Some((_, pool)) => {
                pool.close_one(priority);
                true
            }
            None => false,
        }
    }
}

async fn hear(cluster: Weak<ClusterPool>, asked: Asked) {
    loop {
        asked.heard().await;
        let Some(cluster) = cluster.upgrade() else {
            return;
        };
        cluster.give_way(Priority::Default);
        cluster.give_way(Priority::High);
    }
}

impl EndpointPool {
    /// Makes a free HTTP/1 connection available: to the one whose turn it is, else to whoever comes.
    pub(super) fn settle(&self, mut idle: Idle) {
        loop {
            let priority = idle.priority();
            if self.breakers.in_line(priority) == 0 {
                break;
            }
            if !idle.connection.is_quiet() {
                return;
            }
            let turn = self
                .breakers
                .turn(priority, &self.holder, Takes::Http1, true);
            match turn {
                Turn::Nobody => break,
                Turn::Close => return,
                Turn::For(chosen) => {
                    let id = chosen.id;
                    let since = idle.since;
                    self.kept.borrow_mut().push((id, idle.into_channel()));
                    if chosen.tell() {
                        return;
                    }
                    match self.take_kept(id).and_then(|kept| kept.into_idle(since)) {
                        Some(back) => idle = back,
                        None => return,
                    }
                }
            }
        }
        self.idle.borrow_mut().push(idle);
    }

    /// Looks after an HTTP/2 connection of which a stream has ended.
    pub(super) fn stream_ended(&self, connection: &Rc<Multiplexed>) {
        let is_idle = connection.idle_since().is_some();
        if is_idle && connection.is_worn() {
            return self.forget(connection);
        }
        if self.breakers.in_line(connection.priority) == 0 {
            return;
        }
        if !connection.has_room() {
            // A server that takes no stream any more must not keep others waiting.
            if is_idle {
                self.forget(connection);
            }
            return;
        }
        match self
            .breakers
            .turn(connection.priority, &self.holder, Takes::Http2, is_idle)
        {
            Turn::For(chosen) => {
                let channel = Multiplexed::channel(connection, true);
                let id = chosen.id;
                self.kept.borrow_mut().push((id, channel));
                if !chosen.tell() {
                    // Its end looks after the connection again.
                    drop(self.take_kept(id));
                }
            }
            Turn::Close if is_idle => self.forget(connection),
            Turn::Close | Turn::Nobody => {}
        }
    }

    /// Leaves a connection to its end.
    fn forget(&self, connection: &Rc<Multiplexed>) {
        self.multiplexed
            .borrow_mut()
            .retain(|one| !Rc::ptr_eq(one, connection));
    }

    fn take_kept(&self, id: u64) -> Option<Channel> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().position(|(place, _)| *place == id)?;
        Some(kept.swap_remove(at).1)
    }

    /// Since when the idle connection that was unused for longest has been so.
    fn idle_since(&self, priority: Priority) -> Option<Instant> {
        let idle = self.idle.borrow();
        let idle = idle.iter().find(|idle| idle.priority() == priority);
        let multiplexed = self.multiplexed.borrow();
        let multiplexed = multiplexed
            .iter()
            .filter(|connection| connection.priority == priority)
            .filter_map(|connection| connection.idle_since());
        idle.map(|idle| idle.since)
            .into_iter()
            .chain(multiplexed)
            .min()
    }

    /// Closes one idle connection.
    fn close_one(&self, priority: Priority) {
        let first = self
            .idle
            .borrow()
            .iter()
            .position(|idle| idle.priority() == priority);
        if let Some(at) = first {
            let closed = self.idle.borrow_mut().remove(at);
            drop(closed);
            return;
        }
        let idle = |connection: &Rc<Multiplexed>| {
            connection.priority == priority && connection.idle_since().is_some()
        };
        let mut connections = self.multiplexed.borrow_mut();
        if let Some(at) = connections.iter().position(idle) {
            connections.remove(at);
        }
    }
}
