//! New clusters that are of no use yet: the client asks for their endpoints once it knows them.

use std::collections::BTreeMap;

use tokio::time::Instant;
use xds_proto::resource::ResourceKind;

use crate::model::Name;
use crate::push::View;
use crate::xds::watch::{Held, Watch};

/// Clusters whose endpoints the client has not taken in, each with the time until which that holds up what refers to it.
#[derive(Debug, Default)]
pub(super) struct Warming(BTreeMap<Name, Instant>);

impl Warming {
    /// Whether the client has the endpoints of all clusters.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the first of them has held up others for long enough.
    pub(super) fn until(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Clusters were sent that the client did not have. Those without endpoints of their own are of use at once.
    pub(super) fn begin(&mut self, added: Vec<Name>, view: &View, until: Instant) {
        let warms = |name: &Name| view.one(ResourceKind::Endpoint, name).is_some();
        let warming = added.into_iter().filter(warms).map(|name| (name, until));
        self.0.extend(warming);
    }

    /// Lets go of what is warm, what the client refuses or does not have any more, and what has waited long enough.
    pub(super) fn look(&mut self, watches: &BTreeMap<ResourceKind, Watch>, now: Instant) {
        if self.0.is_empty() {
            return;
        }
        self.0.retain(|_, until| now < *until);
        let clusters = watches.get(&ResourceKind::Cluster);
        if clusters.is_none_or(|clusters| clusters.status.rejected.is_some()) {
            self.0.clear();
        }
        let sent = clusters.and_then(|clusters| clusters.set.as_ref());
        self.0
            .retain(|name, _| sent.is_some_and(|set| set.get(name).is_some()));
        if let Some(endpoints) = watches.get(&ResourceKind::Endpoint) {
            let unanswered = endpoints.unanswered();
            self.0.retain(|name, _| {
                let told = match endpoints.names.get(name) {
                    Some(Held::Absent | Held::Version(_)) => true,
                    Some(Held::Nothing) => false,
                    None => endpoints.wildcard,
                };
                !told || unanswered.contains(name)
            });
        }
    }
}
