//! What is known about the stream and about every resource that came over it: the source of `/config_dump`'s versions
//! and error states, of readiness and of the log's one line per refused resource.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use xds_proto::resource::ResourceKind;

/// Shared between the client, which writes, and the admin and status interfaces, which read.
#[derive(Debug, Clone, Default)]
pub struct XdsState(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    connected: bool,
    answered: BTreeMap<ResourceKind, Answered>,
    resources: BTreeMap<(ResourceKind, Arc<str>), ResourceState>,
}

/// The last response of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Version of the last response of which nothing was refused.
    pub version: String,
    /// Responses that were accepted whole.
    pub accepted: u64,
    /// Responses of which something was refused.
    pub rejected: u64,
}

/// One resource that the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceState {
    /// Version that is applied; empty if none ever was.
    pub version: String,
    /// When it was applied.
    pub updated: SystemTime,
    /// The last attempt, if it failed.
    pub error: Option<ResourceError>,
}

/// Why the last version of a resource was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceError {
    /// The version that was refused.
    pub version: String,
    /// What is wrong with it.
    pub details: String,
    /// When it was refused.
    pub at: SystemTime,
}

impl XdsState {
    /// Whether the stream is up.
    pub fn is_connected(&self) -> bool {
        self.0.lock().connected
    }

    /// Whether a first response of this type was applied, even if some of its resources were refused.
    pub fn has_answer(&self, kind: ResourceKind) -> bool {
        self.0.lock().answered.contains_key(&kind)
    }

    /// The last response of each type.
    pub fn answered(&self) -> BTreeMap<ResourceKind, Answered> {
        self.0.lock().answered.clone()
    }

    /// What became of one resource.
    pub fn resource(&self, kind: ResourceKind, name: &str) -> Option<ResourceState> {
        self.0
            .lock()
            .resources
            .get(&(kind, Arc::from(name)))
            .cloned()
    }

    /// All resources of one type with what became of them.
    pub fn resources(&self, kind: ResourceKind) -> Vec<(Arc<str>, ResourceState)> {
        let inner = self.0.lock();
        inner
            .resources
            .iter()
            .filter(|((k, _), _)| *k == kind)
            .map(|((_, name), state)| (name.clone(), state.clone()))
            .collect()
    }

    /// The stream is up, or lost.
    pub fn set_connected(&self, connected: bool) {
        self.0.lock().connected = connected;
    }

    /// A response was answered.
    pub fn record_response(&self, kind: ResourceKind, version: &str, accepted: bool) {
        let mut inner = self.0.lock();
        let answered = inner.answered.entry(kind).or_insert_with(|| Answered {
            version: String::new(),
            accepted: 0,
            rejected: 0,
        });
        if accepted {
            version.clone_into(&mut answered.version);
            answered.accepted += 1;
        } else {
            answered.rejected += 1;
        }
    }

    /// A resource took effect.
    pub fn record_applied(&self, kind: ResourceKind, name: Arc<str>, version: &str) {
        let state = ResourceState {
            version: version.to_owned(),
            updated: SystemTime::now(),
            error: None,
        };
        self.0.lock().resources.insert((kind, name), state);
    }

    /// A resource was refused; what serves stays.
    pub fn record_refused(&self, kind: ResourceKind, name: Arc<str>, version: &str, details: &str) {
        let at = SystemTime::now();
        let error = ResourceError {
            version: version.to_owned(),
            details: details.to_owned(),
            at,
        };
        let mut inner = self.0.lock();
        inner
            .resources
            .entry((kind, name))
            .and_modify(|state| state.error = Some(error.clone()))
            .or_insert_with(|| ResourceState {
                version: String::new(),
                updated: at,
                error: Some(error),
            });
    }

    /// The server took a resource away.
    pub fn record_removed(&self, kind: ResourceKind, name: &str) {
        self.0.lock().resources.remove(&(kind, Arc::from(name)));
    }

    /// Records that resources of this kind, other than these, are not asked for any more.
    pub fn retain(&self, kind: ResourceKind, names: &BTreeSet<Arc<str>>) {
        let mut state = self.0.lock();
        state
            .resources
            .retain(|(of, name), _| *of != kind || names.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_version_stands_beside_the_one_that_serves() {
        let (state, name) = (XdsState::default(), Arc::<str>::from("80"));
        state.record_applied(ResourceKind::Route, name.clone(), "1");
        state.record_refused(ResourceKind::Route, name, "2", "no");
        let route = state.resource(ResourceKind::Route, "80").unwrap();
        assert_eq!(
            (
                route.version.as_str(),
                route.error.unwrap().version.as_str()
            ),
            ("1", "2")
        );
    }
}
