//! The route tables in force. One writer (the control runtime); requests read their table's cell.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::RouteTable;

/// The cell of one named table: empty until it has come.
#[derive(Debug)]
pub struct RouteHandle {
    name: Arc<str>,
    table: ArcSwapOption<RouteTable>,
}

impl RouteHandle {
    /// The name of the table.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The table now in force.
    pub fn load(&self) -> Option<Arc<RouteTable>> {
        self.table.load_full()
    }

    /// The cell, for a per-worker cache.
    pub fn cell(&self) -> &ArcSwapOption<RouteTable> {
        &self.table
    }
}

/// The store of route tables.
#[derive(Debug, Default)]
pub struct Routes {
    handles: Mutex<HashMap<Arc<str>, Arc<RouteHandle>>>,
}

impl Routes {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cell for a name, made empty where there is none yet.
    pub fn handle(&self, name: &str) -> Arc<RouteHandle> {
        let mut handles = self.handles.lock();
        if let Some(handle) = handles.get(name) {
            return Arc::clone(handle);
        }
        let name: Arc<str> = name.into();
        let handle = Arc::new(RouteHandle {
            name: Arc::clone(&name),
            table: ArcSwapOption::empty(),
        });
        handles.insert(name, Arc::clone(&handle));
        handle
    }

    /// The table with this name.
    pub fn get(&self, name: &str) -> Option<Arc<RouteTable>> {
        self.handles.lock().get(name)?.load()
    }

    /// Puts a table in force, or takes it away with `None`.
    pub fn apply(&self, name: &str, table: Option<Arc<RouteTable>>) {
        let gone = table.is_none();
        self.handle(name).table.store(table);
        if gone {
            self.sweep();
        }
    }

    /// Lets go of a table that nothing names any more. Connections that still use it keep what they hold.
    pub fn forget(&self, name: &str) {
        self.handles.lock().remove(name);
    }

    /// Drops empty cells that nobody holds, as a listener leaves them that was refused.
    pub fn sweep(&self) {
        self.handles
            .lock()
            .retain(|_, handle| handle.table.load().is_some() || Arc::strong_count(handle) > 1);
    }

    /// The tables in force, by name.
    pub fn snapshot(&self) -> Vec<Arc<RouteTable>> {
        let mut tables: Vec<_> = self
            .handles
            .lock()
            .values()
            .filter_map(|handle| handle.load())
            .collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables
    }
}
