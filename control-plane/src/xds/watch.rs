//! One resource type on one stream: what the client wants, what it holds, what we await an answer for.

mod owed;
#[cfg(test)]
mod tests;
mod update;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use xds_proto::resource::ResourceKind;

use crate::generate::{Resource, ResourceSet};
use crate::model::Name;
use crate::push::{View, host_of};

use super::status::TypeStatus;

pub(super) use self::owed::Owed;
pub(super) use self::update::Update;

/// Answers to explicit requests may overlap up to this many unacknowledged responses.
const MAX_IN_FLIGHT: usize = 32;
/// Names that one stream may subscribe to per type; beyond it the stream is refused.
pub(super) const MAX_NAMES: usize = 200_000;

/// State of one resource type of one stream.
pub(super) struct Watch {
    pub(super) kind: ResourceKind,
    /// The client wants everything that it may see.
    pub(super) wildcard: bool,
    /// It named something once, so that naming nothing means nothing from then on.
    pub(super) has_named: bool,
    /// What it asked for by name, and what it holds of each.
    pub(super) names: HashMap<Name, Held>,
    /// What a wildcard client holds, as of the last response.
    pub(super) set: Option<Arc<ResourceSet>>,
    /// What a reconnected client said it holds (`initial_resource_versions`), until the first answer; of a wildcard what
    /// is gone since, until nothing can refer to it any more.
    pub(super) resumed: HashMap<Name, u64>,
    /// Removed from the set, but kept by the client until nothing can refer to it any more.
    pub(super) retained: HashMap<Name, Arc<Resource>>,
    /// Named and gone, but kept by the client until nothing can refer to it any more.
    pub(super) late: BTreeSet<Name>,
    /// Part of a rejected response: sent again with the next change, whatever the client holds.
    pub(super) unsure: BTreeSet<Name>,
    pub(super) owed: Owed,
    in_flight: VecDeque<InFlight>,
    last_nonce: u64,
    pub(super) status: TypeStatus,
}

/// What a client holds of a resource that it named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing that we know of.
    Nothing,
    /// It was told that there is none.
    Absent,
    /// This version.
    Version(u64),
}

struct InFlight {
    nonce: u64,
    /// Number of the first part of the response that this is a part of.
    round: u64,
    version: u64,
    names: Vec<Name>,
}

/// What a nonce turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nonce {
    /// Acknowledges or rejects a response that was waiting for it.
    Current,
    /// Repeats the newest nonce, which was answered before.
    Repeated,
    /// Of an older response or of an earlier stream.
    Stale,
}

impl Watch {
    pub(super) fn new(kind: ResourceKind) -> Self {
        Self {
            kind,
            wildcard: false,
            has_named: false,
            names: HashMap::new(),
            set: None,
            resumed: HashMap::new(),
            retained: HashMap::new(),
            late: BTreeSet::new(),
            unsure: BTreeSet::new(),
            owed: Owed::default(),
            in_flight: VecDeque::new(),
            last_nonce: 0,
            status: TypeStatus::default(),
        }
    }

    /// Whether nothing was ever sent.
    pub(super) fn is_fresh(&self) -> bool {
        self.last_nonce == 0
    }

    /// Everything that was sent was answered, nothing is waiting, nothing was rejected.
    pub(super) fn is_settled(&self) -> bool {
        self.owed.is_empty() && self.in_flight.is_empty() && self.status.rejected.is_none()
    }

    /// A push waits until the last response is acknowledged; an explicit question does not.
    pub(super) fn may_send(&self) -> bool {
        if self.owed.is_answer() {
            self.in_flight.len() < MAX_IN_FLIGHT
        } else {
            self.in_flight.is_empty()
        }
    }

    /// Whether a push is held back until the client answers.
    pub(super) fn is_blocked(&self) -> bool {
        !self.owed.is_empty() && !self.may_send()
    }

    /// What was sent and is not answered yet.
    pub(super) fn unanswered(&self) -> HashSet<&Name> {
        self.in_flight.iter().flat_map(|sent| &sent.names).collect()
    }

    /// Owes the removals that were held back. Whether there are any.
    pub(super) fn recall(&mut self) -> bool {
        let whole = !self.retained.is_empty() || self.wildcard && !self.resumed.is_empty();
        self.owed.check_all |= whole;
        let named = !self.late.is_empty();
        self.owed.check.append(&mut self.late);
        whole || named
    }

    /// Settles the response that `nonce` answers, together with all before it.
    pub(super) fn settle(&mut self, nonce: &str, rejection: Option<&str>) -> Nonce {
        let Ok(nonce) = u64::from_str_radix(nonce, 16) else {
            return Nonce::Stale;
        };
        if !self.in_flight.iter().any(|sent| sent.nonce == nonce) {
            return if nonce == self.last_nonce {
                Nonce::Repeated
            } else {
                Nonce::Stale
            };
        }
        while let Some(sent) = self.in_flight.pop_front() {
            if sent.nonce != nonce {
                continue;
            }
            match rejection {
                // One refused part is a refused response, whatever becomes of the others.
                None if self.status.rejected_since(sent.round) => {}
                None => self.status.accept(nonce, sent.version),
                Some(reason) => {
                    self.status.reject(nonce, reason);
                    self.unsure.extend(sent.names);
                }
            }
            break;
        }
        Nonce::Current
    }

    /// Notes that the parts of a response go out and gives each its nonce.
    pub(super) fn sent(&mut self, parts: Vec<Update>) -> Vec<(u64, Update)> {
        let round = self.last_nonce + 1;
        let number = |part| (self.sent_part(&part, round), part);
        parts.into_iter().map(number).collect()
    }

    fn sent_part(&mut self, update: &Update, round: u64) -> u64 {
        self.last_nonce += 1;
        let names = update.resources.iter().map(|r| r.name.clone()).collect();
        self.in_flight.push_back(InFlight {
            nonce: self.last_nonce,
            round,
            version: update.version,
            names,
        });
        self.status.send(self.last_nonce, update.version);
        self.last_nonce
    }

    /// Something that this watch may cover changed.
    pub(super) fn check(&mut self, change: &Change) {
        match change {
            Change::Everything => self.owed.check_all = true,
            Change::Endpoints { names, hosts } => {
                self.owed.check_all |= self.wildcard;
                let subscribed = names.iter().filter(|name| self.names.contains_key(*name));
                self.owed.check.extend(subscribed.cloned());
                if !hosts.is_empty() {
                    let of_host = self
                        .names
                        .keys()
                        .filter(|name| hosts.contains(host_of(name)));
                    self.owed.check.extend(of_host.cloned());
                }
            }
        }
    }

    /// The client holds `name` and must get it again: whatever refers to it was just replaced.
    pub(super) fn refresh(&mut self, name: &Name) {
        if self.names.contains_key(name) {
            self.owed.answer.insert(name.clone());
        } else if self.wildcard && self.set.as_ref().is_some_and(|set| set.get(name).is_some()) {
            self.unsure.insert(name.clone());
            self.owed.answer_all = true;
        }
    }

    pub(super) fn subscribe(&mut self, name: Name) {
        self.names.insert(name.clone(), Held::Nothing);
        self.owed.answer.insert(name);
    }

    pub(super) fn unsubscribe(&mut self, name: &str) {
        self.names.remove(name);
        self.owed.answer.remove(name);
        self.owed.check.remove(name);
        self.late.remove(name);
        self.unsure.remove(name);
    }

    /// Names to look at now, empties what is owed by name.
    pub(super) fn take_named(&mut self) -> Vec<(Name, bool)> {
        let answer = std::mem::take(&mut self.owed.answer);
        let check = std::mem::take(&mut self.owed.check);
        if self.owed.check_all || self.owed.answer_all {
            let must = |name: &Name| self.owed.answer_all || answer.contains(name);
            return self
                .names
                .keys()
                .map(|name| (name.clone(), must(name)))
                .collect();
        }
        let rest = check
            .into_iter()
            .filter(|name| !answer.contains(name))
            .map(|name| (name, false));
        let named: Vec<_> = rest.collect();
        answer
            .into_iter()
            .map(|name| (name, true))
            .chain(named)
            .collect()
    }

    /// Hash over everything that the client is subscribed to, in its current version.
    pub(super) fn version(&self, view: &View) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let one = |name: &str, version: u64| {
            let mut hasher = DefaultHasher::new();
            (name, version).hash(&mut hasher);
            hasher.finish()
        };
        if self.wildcard {
            let set = view.set(self.kind);
            let kept = self
                .retained
                .values()
                .filter(|r| set.get(&r.name).is_none());
            let all = set.iter().map(|(_, r)| r).chain(kept);
            return all.fold(1, |sum: u64, r| sum.wrapping_add(one(&r.name, r.version)));
        }
        self.names.keys().fold(1, |sum: u64, name| {
            let version = view.one(self.kind, name).map_or(0, |r| r.version);
            sum.wrapping_add(one(name, version))
        })
    }
}

/// What a push may have changed for a watch.
#[derive(Debug)]
pub(super) enum Change {
    /// Anything.
    Everything,
    /// These names, and all names of these hosts.
    Endpoints {
        names: BTreeSet<Name>,
        hosts: BTreeSet<Name>,
    },
}
