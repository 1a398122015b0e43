//! The listeners in force. One writer (the control runtime); the accept side watches for changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::Listener;

/// All listeners by name at one moment.
pub type ListenerSnapshot = BTreeMap<Arc<str>, Arc<Listener>>;

/// The store of listeners.
#[derive(Debug)]
pub struct Listeners {
    current: ArcSwap<ListenerSnapshot>,
    version: watch::Sender<u64>,
}

impl Listeners {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            current: ArcSwap::default(),
            version: watch::Sender::new(0),
        }
    }

    /// Puts a listener in force, or takes it away with `None`.
    pub fn apply(&self, name: &Arc<str>, listener: Option<Arc<Listener>>) {
        self.apply_all([(Arc::clone(name), listener)]);
    }

    /// Puts listeners in force and takes away those that come as `None`, all at once.
    pub fn apply_all(&self, changes: impl IntoIterator<Item = (Arc<str>, Option<Arc<Listener>>)>) {
        let mut next = ListenerSnapshot::clone(&self.current.load());
        for (name, listener) in changes {
            match listener {
                Some(listener) => next.insert(name, listener),
                None => next.remove(&name),
            };
        }
        self.current.store(Arc::new(next));
        self.version.send_modify(|version| *version += 1);
    }

    /// All listeners now in force.
    pub fn snapshot(&self) -> Arc<ListenerSnapshot> {
        self.current.load_full()
    }

    /// The listener with this name.
    pub fn get(&self, name: &str) -> Option<Arc<Listener>> {
        self.current.load().get(name).cloned()
    }

    /// A counter that grows with each change.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

impl Default for Listeners {
    fn default() -> Self {
        Self::new()
    }
}
