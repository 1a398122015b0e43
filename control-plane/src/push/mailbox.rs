//! What waits for one stream: one merged mark, never a queue.

use std::collections::BTreeSet;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;
use xds_proto::resource::ResourceKind;

use crate::model::Name;

/// Endpoint names in one mark; beyond it all endpoints are looked at.
const MAX_NAMES: usize = 4096;

/// What publications may have changed for a stream since it last looked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    /// Types of which anything may have changed.
    pub(crate) kinds: BTreeSet<ResourceKind>,
    /// Endpoint resources that may have changed, by name.
    pub(crate) endpoints: BTreeSet<Name>,
    /// Hosts of which endpoint resources may have come or gone.
    pub(crate) hosts: BTreeSet<Name>,
    /// The proxy itself may be of another class now.
    pub(crate) reclassify: bool,
    /// When the oldest of these changes happened.
    pub(crate) since: Option<Instant>,
}

/// The mark of one stream and its bell.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    pending: Mutex<Pending>,
    bell: Notify,
}

impl Pending {
    /// Nothing happened.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
            && self.endpoints.is_empty()
            && self.hosts.is_empty()
            && !self.reclassify
    }

    fn merge(&mut self, more: &Self) {
        self.kinds.extend(&more.kinds);
        self.endpoints.extend(more.endpoints.iter().cloned());
        self.hosts.extend(more.hosts.iter().cloned());
        if self.endpoints.len() + self.hosts.len() > MAX_NAMES {
            self.kinds.insert(ResourceKind::Endpoint);
        }
        if self.kinds.contains(&ResourceKind::Endpoint) {
            self.endpoints.clear();
            self.hosts.clear();
        }
        self.reclassify |= more.reclassify;
        self.since = self.since.into_iter().chain(more.since).min();
    }
}

impl Mailbox {
    /// Adds to the mark and rings.
    pub(crate) fn put(&self, more: &Pending) {
        if more.is_empty() {
            return;
        }
        self.pending.lock().merge(more);
        self.bell.notify_one();
    }

    /// Waits for a mark and takes it. Dropping the future loses nothing.
    pub(crate) async fn take(&self) -> Pending {
        loop {
            let pending = std::mem::take(&mut *self.pending.lock());
            if !pending.is_empty() {
                return pending;
            }
            self.bell.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn marks_merge_into_one() {
        let mailbox = Mailbox::default();
        for name in ["a", "b", "a"] {
            mailbox.put(&Pending {
                endpoints: BTreeSet::from([name.into()]),
                ..Pending::default()
            });
        }
        assert_eq!(mailbox.take().await.endpoints.len(), 2);
        assert!(mailbox.pending.lock().is_empty());
    }

    #[tokio::test]
    async fn too_many_names_become_the_whole_type() {
        let mailbox = Mailbox::default();
        let endpoints = (0..=MAX_NAMES).map(|i| Name::from(i.to_string())).collect();
        mailbox.put(&Pending {
            endpoints,
            ..Pending::default()
        });
        let pending = mailbox.take().await;
        assert!(pending.kinds.contains(&ResourceKind::Endpoint) && pending.endpoints.is_empty());
    }
}
