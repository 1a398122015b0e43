//! Incremental xDS: what a `DeltaDiscoveryRequest` means, and what a watch owes such a client.
//!
//! Follows the "Incremental xDS" chapter of Envoy's xDS protocol page.

use std::sync::Arc;

use xds_proto::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use xds_proto::resource::ResourceKind;

use crate::generate::ResourceSet;
use crate::model::Name;
use crate::push::View;

use super::watch::{Held, Update, Watch};

const WILDCARD: &str = "*";

/// Takes in a request: acknowledgement, resume, subscribe, unsubscribe.
pub(super) fn request(watch: &mut Watch, request: DeltaDiscoveryRequest) {
    let first = watch.is_fresh() && !watch.wildcard && watch.names.is_empty();
    if !request.response_nonce.is_empty() {
        let rejection = request
            .error_detail
            .as_ref()
            .map(|status| status.message.as_str());
        watch.settle(&request.response_nonce, rejection);
    }
    if first {
        resume(watch, &request);
        // The legacy wildcard: a first request that names nothing wants all, for these two types only.
        if request.resource_names_subscribe.is_empty()
            && matches!(watch.kind, ResourceKind::Cluster | ResourceKind::Listener)
        {
            start_wildcard(watch);
        }
    }
    for name in &request.resource_names_unsubscribe {
        unsubscribe(watch, name);
    }
    for name in request.resource_names_subscribe {
        subscribe(watch, &name);
    }
}

fn resume(watch: &mut Watch, request: &DeltaDiscoveryRequest) {
    let held = request.initial_resource_versions.iter();
    watch.resumed = held
        .map(|(name, version)| (Name::from(name.as_str()), parse_version(version)))
        .collect();
}

/// A version that we did not print never equals one of ours: zero is not used.
fn parse_version(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap_or(0)
}

fn start_wildcard(watch: &mut Watch) {
    watch.wildcard = true;
    // A client that resumes holds an answer already; only differences are owed.
    if watch.resumed.is_empty() {
        watch.owed.answer_all = true;
    } else {
        watch.owed.check_all = true;
    }
}

fn subscribe(watch: &mut Watch, name: &str) {
    if name == WILDCARD {
        if !watch.wildcard {
            start_wildcard(watch);
        }
        return;
    }
    let name = Name::from(name);
    match watch.resumed.remove(&name) {
        Some(version) => {
            watch.names.insert(name.clone(), Held::Version(version));
            watch.owed.check.insert(name);
        }
        None => watch.subscribe(name),
    }
}

fn unsubscribe(watch: &mut Watch, name: &str) {
    if name == WILDCARD {
        watch.wildcard = false;
        watch.set = None;
        watch.retained.clear();
        watch.resumed.clear();
        return;
    }
    watch.unsubscribe(name);
    // Still covered by the wildcard: the client has to hear that it stays.
    if watch.wildcard {
        watch.unsure.insert(Name::from(name));
        watch.owed.answer_all = true;
    }
}

/// What is owed now, or `None` when nothing differs. `hold` keeps removals for later.
pub(super) fn update(watch: &mut Watch, view: &View, hold: bool) -> Option<Update> {
    let mut update = Update::default();
    let must_answer = watch.wildcard && watch.owed.answer_all && watch.set.is_none();
    if watch.wildcard && (watch.owed.answer_all || watch.owed.check_all) {
        whole(watch, &view.set(watch.kind), &mut update, hold);
    }
    named(watch, view, &mut update, hold);
    release(watch, &mut update, hold);
    watch.owed = super::watch::Owed::default();
    let silent = update.resources.is_empty() && update.removed.is_empty() && !must_answer;
    if silent {
        return None;
    }
    once_each(&mut update);
    update.version = update
        .resources
        .iter()
        .fold(watch.status.version(), |sum, r| {
            sum.rotate_left(7) ^ r.version
        });
    Some(update)
}

/// A name that is subscribed to beside the wildcard is sent once: clients refuse a response that repeats one.
fn once_each(update: &mut Update) {
    update.resources.sort_by(|a, b| a.name.cmp(&b.name));
    update.resources.dedup_by(|a, b| a.name == b.name);
    update.removed.sort();
    update.removed.dedup();
}

fn whole(watch: &mut Watch, new: &Arc<ResourceSet>, update: &mut Update, hold: bool) {
    let old = watch.set.replace(new.clone());
    let same = old.as_ref().is_some_and(|old| Arc::ptr_eq(old, new));
    if same && !watch.owed.answer_all {
        return;
    }
    let mut resumed = std::mem::take(&mut watch.resumed);
    let first = old.is_none() && resumed.is_empty();
    let unsure = std::mem::take(&mut watch.unsure);
    for (name, resource) in new.iter() {
        let kept = watch.retained.remove(name).map(|r| r.version);
        let set = || {
            old.as_ref()
                .and_then(|old| old.get(name))
                .map(|r| r.version)
        };
        let held = kept.or_else(set).or_else(|| resumed.get(name).copied());
        if held.is_none() && !first {
            update.added.push(name.clone());
        }
        if held != Some(resource.version) {
            update.changed.push(name.clone());
            update.resources.push(resource.clone());
        } else if unsure.contains(name) {
            update.resources.push(resource.clone());
        }
    }
    let gone = |name: &Name| new.get(name).is_none() && !watch.names.contains_key(name);
    resumed.retain(|name, _| gone(name));
    watch.resumed = resumed;
    let Some(old) = old else { return };
    for (name, resource) in old.iter().filter(|(name, _)| gone(name)) {
        if hold {
            watch.retained.insert(name.clone(), resource.clone());
        } else {
            update.removed.push(name.clone());
        }
    }
}

fn named(watch: &mut Watch, view: &View, update: &mut Update, hold: bool) {
    let mut again = Vec::new();
    for (name, must) in watch.take_named() {
        let held = watch.names.get(&name).copied().unwrap_or(Held::Nothing);
        match view.one(watch.kind, &name) {
            Some(resource) => {
                let differs = held != Held::Version(resource.version);
                if differs {
                    update.changed.push(name.clone());
                }
                if differs || must {
                    watch.unsure.remove(&name);
                    watch.names.insert(name, Held::Version(resource.version));
                    update.resources.push(resource);
                } else if watch.unsure.contains(&name) {
                    again.push(resource);
                }
            }
            None if hold && !must && matches!(held, Held::Version(_)) => {
                watch.late.insert(name);
            }
            None if must || held != Held::Absent => {
                watch.names.insert(name.clone(), Held::Absent);
                update.removed.push(name);
            }
            None => {}
        }
    }
    // After a rejection the rest of that response goes along with the next real change, not by itself.
    if !update.changed.is_empty() {
        again.iter().for_each(|r| {
            watch.unsure.remove(&r.name);
        });
        update.resources.extend(again);
    }
}

/// Lets go of what was retained once nothing refers to it.
fn release(watch: &mut Watch, update: &mut Update, hold: bool) {
    if hold {
        return;
    }
    let retained = watch.retained.drain().map(|(name, _)| name);
    update.removed.extend(retained);
    if watch.wildcard {
        let resumed = watch.resumed.drain().map(|(name, _)| name);
        update.removed.extend(resumed);
    }
}
