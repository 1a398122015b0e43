//! The route tables in force. One writer (the control runtime); requests read their table's cell.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::RouteTable;
use crate::config::source::Source;

/// The cell of one named table: empty until it has come.
#[derive(Debug)]
pub struct RouteHandle {
    source: Source,
    name: Arc<str>,
    table: ArcSwapOption<RouteTable>,
}

impl RouteHandle {
    /// Where the table comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The name of the table.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The table now in force.
    pub fn load(&self) -> Option<Arc<RouteTable>> {
        self.table.load_full()
    }

    /// Looks into the table now in force, without a count that all workers share.
    pub(crate) fn look<T>(&self, look: impl FnOnce(Option<&RouteTable>) -> T) -> T {
        look(self.table.load().as_deref())
    }
}

/// Tables of one name from two sources are two tables.
type Key = (Source, Arc<str>);

/// The store of route tables.
#[derive(Debug, Default)]
pub struct Routes {
    handles: Mutex<HashMap<Key, Arc<RouteHandle>>>,
}

impl Routes {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cell for a name from a source, made empty where there is none yet.
    pub fn handle(&self, source: &Source, name: &str) -> Arc<RouteHandle> {
        let name: Arc<str> = name.into();
        let mut handles = self.handles.lock();
        let handle = handles
            .entry((source.clone(), Arc::clone(&name)))
            .or_insert_with(|| {
                Arc::new(RouteHandle {
                    source: source.clone(),
                    name,
                    table: ArcSwapOption::empty(),
                })
            });
        Arc::clone(handle)
    }

    /// The table with this name from a source.
    pub fn get(&self, source: &Source, name: &str) -> Option<Arc<RouteTable>> {
        let key = (source.clone(), name.into());
        self.handles.lock().get(&key)?.load()
    }

    /// Puts a table in force.
    pub fn apply(&self, source: &Source, table: Arc<RouteTable>) {
        self.handle(source, &table.name).table.store(Some(table));
    }

    /// Lets go of a table that nothing names any more. Connections that still use it keep what they hold.
    pub fn forget(&self, source: &Source, name: &str) {
        self.handles.lock().remove(&(source.clone(), name.into()));
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
