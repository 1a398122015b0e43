//! Listeners and their route tables.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::info;
use xds_proto::resource::ResourceKind;

use super::feeds::{Reference, secrets};
use super::{Applier, Need, Refusal};
use crate::config::source::Source;
use crate::http::route::RouteTable;
use crate::listener::Listener;

impl Applier {
    pub(super) fn take_listener(&mut self, listener: Arc<Listener>) -> Result<Arc<str>, Refusal> {
        let name = Arc::clone(&listener.name);
        self.refuse_static(ResourceKind::Listener, &name)?;
        let unbound = |error: crate::listener::BindError| (name.to_string(), error.to_string());
        self.stores.sockets.bind(&listener).map_err(unbound)?;
        self.named.log(&listener.not_honoured);
        self.listeners.insert(Arc::clone(&name));
        let same = |other: &Arc<Listener>| other.raw == listener.raw;
        if self.stores.listeners.get(&name).as_ref().is_some_and(same) {
            self.stop_warming_listener(&name);
            return Ok(name);
        }
        if self.cold_listeners.get(&name).is_some_and(same) {
            return Ok(name);
        }
        self.refer(&listener);
        let before = if self.stores.listeners.get(&name).is_some() {
            self.cold_listeners.replace(&name, listener)
        } else {
            self.cold_listeners.insert(&name, listener, Instant::now())
        };
        if let Some(before) = before {
            self.release(&before);
        }
        Ok(name)
    }

    pub(super) fn take_routes(&mut self, source: &Source, table: RouteTable) -> Arc<str> {
        self.named.log(&table.not_honoured);
        let name = Arc::clone(&table.name);
        if self.feeds.has(ResourceKind::Route, source, &name) {
            self.stores.routes.apply(source, Arc::new(table));
            let need = Need::Routes(source.clone(), Arc::clone(&name));
            self.cold_listeners.met(&need);
        }
        name
    }

    pub(super) fn remove_listener(&mut self, name: &str) {
        if !self.listeners.remove(name) {
            return;
        }
        self.stop_warming_listener(name);
        if let Some(serving) = self.stores.listeners.get(name) {
            self.release(&serving);
            self.stores.listeners.apply(&Arc::from(name), None);
        }
    }

    fn stop_warming_listener(&mut self, name: &str) {
        if let Some(cold) = self.cold_listeners.remove(name) {
            self.release(&cold);
        }
    }

    /// Puts listeners in force in place of those that serve.
    pub(super) fn serve_listeners(&mut self, ready: Vec<(Arc<str>, Arc<Listener>)>) {
        if ready.is_empty() {
            return;
        }
        for (name, _) in &ready {
            info!("xds: listener {name} is in force");
            if let Some(replaced) = self.stores.listeners.get(name) {
                self.release(&replaced);
            }
        }
        let changes = ready.into_iter();
        self.stores
            .listeners
            .apply_all(changes.map(|(name, listener)| (name, Some(listener))));
    }

    /// Wants what a listener names.
    pub(super) fn refer(&mut self, listener: &Listener) {
        self.feeds.add(references(listener));
    }

    /// Wants it no more.
    fn release(&mut self, listener: &Listener) {
        self.feeds.drop(references(listener));
    }
}

/// What a listener names: its route tables and its secrets.
fn references(listener: &Listener) -> impl Iterator<Item = Reference<'_>> {
    let tables = listener.route_handles().map(|handle| Reference {
        kind: ResourceKind::Route,
        source: handle.source(),
        name: handle.name(),
    });
    tables.chain(secrets(listener.secrets()))
}
