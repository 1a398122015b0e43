//! Follows the store of listeners: binds and releases sockets, gives each socket to a worker that accepts from it, and lets
//! connections of changed or removed listeners finish.

use super::active::{Active, ActiveSet};
use super::{Direction, ListenAddress, Listeners, Sockets, accept};
use crate::drain;
use crate::telemetry::metrics::Registry;
use crate::worker::Workers;
use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What acceptors on all workers look at.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) active: ArcSwap<ActiveSet>,
    pub(crate) workers: Workers,
}

/// The accept side of the process.
#[derive(Debug)]
pub struct Dispatcher {
    listeners: Arc<Listeners>,
    sockets: Arc<Sockets>,
    registry: Registry,
    shared: Arc<Shared>,
    accepting: Mutex<HashMap<ListenAddress, Accepting>>,
}

/// A socket that a worker accepts from.
#[derive(Debug)]
struct Accepting {
    /// The listener whose connections these are.
    slot: Arc<ArcSwapOption<Active>>,
    stop: drain::Switch,
}

impl Dispatcher {
    /// An accept side that accepts nothing yet.
    pub fn new(
        listeners: Arc<Listeners>,
        sockets: Arc<Sockets>,
        registry: Registry,
        workers: Workers,
    ) -> Arc<Self> {
        Arc::new(Self {
            listeners,
            sockets,
            registry,
            shared: Arc::new(Shared {
                active: ArcSwap::default(),
                workers,
            }),
            accepting: Mutex::default(),
        })
    }

    /// Follows the store until the process ends.
    pub async fn run(&self) {
        let mut changes = self.listeners.watch();
        loop {
            changes.mark_unchanged();
            self.reconcile();
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Brings sockets and acceptors in line with the store; [`Dispatcher::run`] does so after each change.
    pub fn reconcile(&self) {
        let next = self.next_set();
        let before = self.shared.active.swap(Arc::clone(&next));
        for old in before.all() {
            let kept = next
                .get(&old.listener.name)
                .is_some_and(|new| Arc::ptr_eq(new, old));
            if !kept {
                old.drain.throw();
            }
        }
        self.assign_sockets(&next);
    }

    /// Lets the connections of one direction finish and takes new ones as before, so that clients see no refusal.
    pub fn drain(&self, wanted: impl Fn(Direction) -> bool) {
        for active in self.shared.active.load().all() {
            if wanted(active.listener.direction) {
                active.drain.throw();
            }
        }
    }

    /// Connections being served by all workers.
    pub fn active_connections(&self) -> usize {
        self.shared.workers.active_connections()
    }

    fn next_set(&self) -> Arc<ActiveSet> {
        let now = self.shared.active.load();
        let snapshot = self.listeners.snapshot();
        let active = snapshot.iter().map(|(name, listener)| {
            let same = now
                .get(name)
                .filter(|active| Arc::ptr_eq(&active.listener, listener));
            let active = same.cloned();
            let new = || Arc::new(Active::new(Arc::clone(listener), &self.registry));
            (Arc::clone(name), active.unwrap_or_else(new))
        });
        Arc::new(ActiveSet::new(active.collect::<BTreeMap<_, _>>()))
    }

    fn assign_sockets(&self, set: &ActiveSet) {
        let mut accepting = self.accepting.lock();
        let mut wanted: HashMap<ListenAddress, &Arc<Active>> = HashMap::new();
        for active in set.all().filter(|active| active.listener.bind.bind_to_port) {
            if let Err(error) = self.sockets.bind(&active.listener) {
                tracing::error!(%error, "listener not bound");
            }
            let addresses = active.listener.addresses.iter();
            wanted.extend(addresses.map(|address| (*address, active)));
        }
        accepting.retain(|address, accepting| {
            let keep = wanted.contains_key(address);
            if !keep {
                accepting.stop.throw();
            }
            keep
        });
        self.sockets
            .keep_only(|address| wanted.contains_key(address));
        for (address, active) in wanted {
            match accepting.get(&address) {
                Some(accepting) => accepting.slot.store(Some(Arc::clone(active))),
                None => {
                    if let Some(begun) = self.begin(&address, active) {
                        accepting.insert(address, begun);
                    }
                }
            }
        }
    }

    fn begin(&self, address: &ListenAddress, active: &Arc<Active>) -> Option<Accepting> {
        let socket = self.sockets.get(address)?;
        let stop = drain::Switch::new();
        let slot = Arc::new(ArcSwapOption::from(Some(Arc::clone(active))));
        let acceptor = accept::Acceptor {
            socket,
            slot: Arc::clone(&slot),
            stop: stop.signal(),
            shared: Arc::clone(&self.shared),
        };
        self.shared.workers.spread(acceptor.into_job());
        Some(Accepting { slot, stop })
    }
}
