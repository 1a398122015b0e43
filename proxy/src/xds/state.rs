//! What is known about the stream and about every resource that came over it: the source of `/config_dump`'s versions
//! and error states, of readiness and of the log's one line per refused resource.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::HashMap;
use parking_lot::Mutex;
use xds_proto::resource::ResourceKind;

/// Shared between the client, which writes, and the admin and status interfaces, which read.
#[derive(Debug, Clone, Default)]
pub struct XdsState(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    connected: bool,
    answered: BTreeMap<ResourceKind, Answered>,
    resources: BTreeMap<ResourceKind, HashMap<Arc<str>, Record>>,
}

/// [`ResourceState`] as it is kept: there is one for every resource.
#[derive(Debug)]
struct Record {
    version: Arc<str>,
    updated: SystemTime,
    error: Option<Box<ResourceError>>,
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

impl ResourceState {
    /// Whether every version so far was refused.
    pub fn was_never_applied(&self) -> bool {
        self.version.is_empty() && self.error.is_some()
    }
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
        let inner = self.0.lock();
        Some(inner.resources.get(&kind)?.get(name)?.shown())
    }

    /// All resources of one type with what became of them, by name.
    pub fn resources(&self, kind: ResourceKind) -> Vec<(Arc<str>, ResourceState)> {
        let inner = self.0.lock();
        let all = inner.resources.get(&kind).into_iter().flatten();
        let mut all: Vec<_> = all
            .map(|(name, record)| (Arc::clone(name), record.shown()))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
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
    pub fn record_applied(&self, kind: ResourceKind, name: Arc<str>, version: &Arc<str>) {
        let record = Record {
            version: Arc::clone(version),
            updated: SystemTime::now(),
            error: None,
        };
        let mut inner = self.0.lock();
        inner
            .resources
            .entry(kind)
            .or_default()
            .insert(name, record);
    }

    /// A resource was refused; what serves stays.
    pub fn record_refused(&self, kind: ResourceKind, name: Arc<str>, version: &str, details: &str) {
        let at = SystemTime::now();
        let error = Box::new(ResourceError {
            version: version.to_owned(),
            details: details.to_owned(),
            at,
        });
        let mut inner = self.0.lock();
        let of_kind = inner.resources.entry(kind).or_default();
        let record = of_kind.entry(name).or_insert_with(|| Record {
            version: "".into(),
            updated: at,
            error: None,
        });
        record.error = Some(error);
    }

    /// The server took a resource away, or it is not asked for any more.
    pub fn record_removed(&self, kind: ResourceKind, name: &str) {
        if let Some(of_kind) = self.0.lock().resources.get_mut(&kind) {
            of_kind.remove(name);
        }
    }
}

impl Record {
    fn shown(&self) -> ResourceState {
        ResourceState {
            version: self.version.to_string(),
            updated: self.updated,
            error: self.error.as_deref().cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_version_stands_beside_the_one_that_serves() {
        let (state, name) = (XdsState::default(), Arc::<str>::from("80"));
        state.record_applied(ResourceKind::Route, name.clone(), &"1".into());
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
