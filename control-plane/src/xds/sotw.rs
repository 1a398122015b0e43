//! State-of-the-world xDS: what a `DiscoveryRequest` means, and what a watch owes such a client.
//!
//! Follows the "Basic Protocol" chapter of Envoy's xDS protocol page.

use std::sync::Arc;

use xds_proto::pb::envoy::service::discovery::v3::DiscoveryRequest;
use xds_proto::resource::ResourceKind;

use crate::generate::Resource;
use crate::model::Name;
use crate::push::View;

use super::watch::{Held, Nonce, Owed, Update, Watch};

const WILDCARD: &str = "*";

/// Takes in a request: acknowledgement or rejection, new names, a repeated question.
pub(super) fn request(watch: &mut Watch, request: &DiscoveryRequest, view: &View) {
    if watch.is_fresh() || request.response_nonce.is_empty() {
        start(watch, request, view);
        return;
    }
    let rejection = request
        .error_detail
        .as_ref()
        .map(|status| status.message.as_str());
    let nonce = watch.settle(&request.response_nonce, rejection);
    if nonce == Nonce::Stale {
        return;
    }
    let renamed = rename(watch, &request.resource_names);
    // The same question again: a cluster that warms up asks for its endpoints like this.
    if nonce == Nonce::Repeated && !renamed && rejection.is_none() {
        watch.owed.answer_all = true;
    }
}

/// First request of a stream. A client that reconnects says which version it holds.
fn start(watch: &mut Watch, request: &DiscoveryRequest, view: &View) {
    let fresh = watch.is_fresh();
    rename(watch, &request.resource_names);
    let held = u64::from_str_radix(&request.version_info, 16).ok();
    if fresh && held.is_some_and(|held| held == watch.version(view)) {
        adopt(watch, view);
        return;
    }
    watch.owed.answer_all = true;
}

/// The client holds exactly the current state.
fn adopt(watch: &mut Watch, view: &View) {
    watch.owed = Owed::default();
    if watch.wildcard {
        watch.set = Some(view.set(watch.kind));
    }
    for (name, held) in &mut watch.names {
        *held = view
            .one(watch.kind, name)
            .map_or(Held::Absent, |r| Held::Version(r.version));
    }
}

/// Applies the names of a request, which are always the complete list. Whether they changed.
fn rename(watch: &mut Watch, names: &[String]) -> bool {
    watch.has_named |= !names.is_empty();
    let legacy =
        !watch.has_named && matches!(watch.kind, ResourceKind::Cluster | ResourceKind::Listener);
    let wildcard = legacy || names.iter().any(|name| name == WILDCARD);
    let mut changed = wildcard != watch.wildcard;
    if changed {
        watch.wildcard = wildcard;
        watch.set = None;
        watch.retained.clear();
        watch.owed.answer_all = true;
    }
    let wanted: std::collections::HashSet<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|n| *n != WILDCARD)
        .collect();
    let dropped: Vec<Name> = watch
        .names
        .keys()
        .filter(|name| !wanted.contains(&***name))
        .cloned()
        .collect();
    for name in dropped {
        watch.unsubscribe(&name);
        changed = true;
    }
    for name in wanted {
        if !watch.names.contains_key(name) {
            watch.subscribe(Name::from(name));
            changed = true;
        }
    }
    changed
}

/// What is owed now, or `None` when nothing differs. `hold` keeps removals for later.
pub(super) fn update(watch: &mut Watch, view: &View, hold: bool) -> Option<Update> {
    let mut update = Update::default();
    let answer = watch.owed.is_answer();
    let differs = if watch.wildcard {
        whole(watch, view, &mut update, hold)
    } else {
        named(watch, view, &mut update)
    };
    watch.owed = Owed::default();
    if !answer && !differs {
        return None;
    }
    update.version = watch.version(view);
    Some(update)
}

/// Everything, since what is missing counts as removed.
fn whole(watch: &mut Watch, view: &View, update: &mut Update, hold: bool) -> bool {
    let new = view.set(watch.kind);
    let old = watch.set.replace(new.clone());
    let same = old.as_ref().is_some_and(|old| Arc::ptr_eq(old, &new));
    let freed = !hold && !watch.retained.is_empty();
    watch
        .retained
        .retain(|name, _| hold && new.get(name).is_none());
    if let Some(old) = old.filter(|_| !same) {
        let gone = old
            .iter()
            .filter(|(name, _)| hold && new.get(name).is_none());
        watch
            .retained
            .extend(gone.map(|(name, resource)| (name.clone(), resource.clone())));
        let changed = |r: &&Arc<Resource>| {
            old.get(&r.name)
                .is_some_and(|held| held.version != r.version)
        };
        let added = |name: &&Name| old.get(name).is_none();
        update.added = new
            .iter()
            .map(|(name, _)| name)
            .filter(added)
            .cloned()
            .collect();
        update.changed = new
            .iter()
            .map(|(_, r)| r)
            .filter(changed)
            .map(|r| r.name.clone())
            .collect();
    }
    watch.unsure.clear();
    update.resources = new
        .iter()
        .map(|(_, r)| r.clone())
        .chain(watch.retained.values().cloned())
        .collect();
    !same || freed
}

/// What was asked for or differs; all names for the two types whose responses are complete by definition.
fn named(watch: &mut Watch, view: &View, update: &mut Update) -> bool {
    let mut differs = false;
    for (name, must) in watch.take_named() {
        let held = watch.names.get(&name).copied();
        let found = view.one(watch.kind, &name);
        let now = found
            .as_ref()
            .map_or(Held::Absent, |r| Held::Version(r.version));
        if held != Some(now) {
            differs = true;
            update.changed.push(name.clone());
        }
        if held != Some(now) || must {
            watch.unsure.remove(&name);
            update.resources.extend(found);
            watch.names.insert(name, now);
        }
    }
    let complete = matches!(watch.kind, ResourceKind::Cluster | ResourceKind::Listener);
    let again: Vec<Name> = if complete {
        watch.names.keys().cloned().collect()
    } else if differs {
        watch.unsure.iter().cloned().collect()
    } else {
        return false;
    };
    watch.unsure.clear();
    if complete {
        update.resources.clear();
    }
    update
        .resources
        .extend(again.iter().filter_map(|name| view.one(watch.kind, name)));
    differs
}
