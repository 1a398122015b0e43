//! One class of proxies: its view and the streams that look through it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::generate;
use crate::scope::{MeshSettings, ProxyClass, Scope};
use crate::store::Snapshot;

use super::impact::Impact;
use super::mailbox::{Mailbox, Pending};
use super::view::View;

/// The world that generators see.
pub(crate) struct World {
    /// Objects of all registries.
    pub(crate) snapshot: Snapshot,
    /// Settings of the mesh.
    pub(crate) mesh: Arc<MeshSettings>,
}

/// A class that at least one stream is of.
pub(crate) struct Class {
    pub(super) key: ProxyClass,
    pub(super) view: View,
    mailboxes: Mutex<HashMap<u64, Arc<Mailbox>>>,
}

/// The scope of a class, renewed when the world is another one.
struct Scoped {
    class: ProxyClass,
    world: Arc<ArcSwap<World>>,
    current: Mutex<Option<(Arc<World>, Arc<Scope>)>>,
}

impl Class {
    pub(super) fn new(key: ProxyClass, world: Arc<ArcSwap<World>>) -> Self {
        let scoped = Arc::new(Scoped {
            class: key.clone(),
            world,
            current: Mutex::new(None),
        });
        let named = scoped.clone();
        let memo = Mutex::new(generate::Memo::default());
        let view = View::new(
            move |kind| generate::again(&scoped.get(), kind, &mut memo.lock()),
            move |kind, name| generate::one(&named.get(), kind, name).map(Arc::new),
        );
        Self {
            key,
            view,
            mailboxes: Mutex::default(),
        }
    }

    pub(super) fn join(&self, stream: u64, mailbox: Arc<Mailbox>) {
        self.mailboxes.lock().insert(stream, mailbox);
    }

    /// Whether nobody is left.
    pub(super) fn leave(&self, stream: u64) -> bool {
        let mut mailboxes = self.mailboxes.lock();
        mailboxes.remove(&stream);
        mailboxes.is_empty()
    }

    pub(super) fn has(&self, stream: u64) -> bool {
        self.mailboxes.lock().contains_key(&stream)
    }

    /// Invalidates what `impact` reaches and tells the streams, if it reaches anything that was generated.
    pub(super) fn publish(&self, impact: &Impact, base: &Pending) {
        self.view.invalidate_kinds(&impact.kinds);
        let hosts: BTreeSet<_> = impact.endpoints.union(&impact.hosts).cloned().collect();
        let endpoints = self.view.invalidate_hosts(&hosts);
        let mark = Pending {
            kinds: impact.kinds.clone(),
            endpoints,
            hosts: impact.hosts.clone(),
            ..base.clone()
        };
        if mark.is_empty() {
            return;
        }
        let mailboxes: Vec<_> = self.mailboxes.lock().values().cloned().collect();
        mailboxes.iter().for_each(|mailbox| mailbox.put(&mark));
    }
}

impl Scoped {
    fn get(&self) -> Arc<Scope> {
        let world = self.world.load_full();
        let mut current = self.current.lock();
        if let Some((seen, scope)) = &*current
            && Arc::ptr_eq(seen, &world)
        {
            return scope.clone();
        }
        let scope = Scope::of(&world.snapshot, &world.mesh, &self.class);
        *current = Some((world, scope.clone()));
        scope
    }
}
