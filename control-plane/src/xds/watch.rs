//! One resource type on one stream: what the client wants, what it holds, what we await an answer for.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use xds_proto::resource::ResourceKind;

use crate::generate::{Resource, ResourceSet};
use crate::model::Name;
use crate::push::{View, host_of};

use super::status::TypeStatus;

/// Answers to explicit requests may overlap up to this many unacknowledged responses.
const MAX_IN_FLIGHT: usize = 32;
/// Resource bytes in one delta response. Clients limit what they receive in one message, many of them to 4 MiB.
const PART_BYTES: usize = 2 << 20;
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

/// What the next response must or may contain.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Asked for explicitly: answered even if unchanged.
    pub(super) answer: BTreeSet<Name>,
    /// Everything subscribed was asked for explicitly.
    pub(super) answer_all: bool,
    /// May have changed: sent if it differs.
    pub(super) check: BTreeSet<Name>,
    /// Anything may have changed.
    pub(super) check_all: bool,
}

struct InFlight {
    nonce: u64,
    /// Number of the first part of the response that this is a part of.
    round: u64,
    version: u64,
    names: Vec<Name>,
}

/// What a response will say.
#[derive(Debug, Default)]
pub(super) struct Update {
    /// To add or replace.
    pub(super) resources: Vec<Arc<Resource>>,
    /// To forget (delta only).
    pub(super) removed: Vec<Name>,
    /// Those of `resources` that differ from what the client held.
    pub(super) changed: Vec<Name>,
    /// Those of `resources` that a wildcard client did not have before; none in the first answer of all.
    pub(super) added: Vec<Name>,
    /// Version of the whole subscribed state.
    pub(super) version: u64,
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

impl Owed {
    pub(super) fn is_empty(&self) -> bool {
        !self.answer_all && !self.check_all && self.answer.is_empty() && self.check.is_empty()
    }

    /// Takes out what may wait longer than the answers.
    pub(super) fn put_off(&mut self) -> Self {
        Self {
            check: std::mem::take(&mut self.check),
            check_all: std::mem::take(&mut self.check_all),
            ..Self::default()
        }
    }

    /// Puts back what was put off.
    pub(super) fn add(&mut self, other: Self) {
        self.answer.extend(other.answer);
        self.answer_all |= other.answer_all;
        self.check.extend(other.check);
        self.check_all |= other.check_all;
    }

    /// Whether the client itself waits for it.
    pub(super) fn is_answer(&self) -> bool {
        self.answer_all || !self.answer.is_empty()
    }
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

impl Update {
    /// The same in messages of bounded size (delta only). Removals go with the last one.
    pub(super) fn parts(self) -> Vec<Self> {
        self.parts_of(PART_BYTES)
    }

    fn parts_of(self, limit: usize) -> Vec<Self> {
        let Self {
            resources,
            removed,
            changed: _, // what became of these is settled before anything is sent
            added: _,
            version,
        } = self;
        let part = || Self {
            version,
            ..Self::default()
        };
        let (mut parts, mut last, mut bytes) = (Vec::new(), part(), 0);
        for resource in resources {
            let size = resource.any.len() + resource.name.len();
            if bytes > 0 && bytes + size > limit {
                parts.push(std::mem::replace(&mut last, part()));
                bytes = 0;
            }
            bytes += size;
            last.resources.push(resource);
        }
        last.removed = removed;
        parts.push(last);
        parts
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn update(sizes: &[usize]) -> Update {
        let resource = |(number, size): (usize, &usize)| {
            Arc::new(Resource {
                kind: ResourceKind::Cluster,
                name: number.to_string().into(),
                version: 1,
                any: Bytes::from(vec![0; *size]),
            })
        };
        Update {
            resources: sizes.iter().enumerate().map(resource).collect(),
            removed: vec!["gone".into()],
            version: 7,
            ..Update::default()
        }
    }

    #[test]
    fn a_large_response_goes_in_parts_of_bounded_size_and_nothing_is_lost() {
        let parts = update(&[40, 40, 40, 200, 1]).parts_of(100);
        let names = |part: &Update| -> Vec<String> {
            part.resources.iter().map(|r| r.name.to_string()).collect()
        };
        let all: Vec<_> = parts.iter().map(names).collect();
        assert_eq!(all, [vec!["0", "1"], vec!["2"], vec!["3"], vec!["4"]]);
        let removed: Vec<_> = parts.iter().map(|part| part.removed.len()).collect();
        assert_eq!(removed, [0, 0, 0, 1]);
        assert!(parts.iter().all(|part| part.version == 7));
        assert_eq!(
            update(&[]).parts_of(100).len(),
            1,
            "removals alone are a response"
        );
    }

    #[test]
    fn a_response_of_which_one_part_is_refused_is_refused() {
        let mut watch = Watch::new(ResourceKind::Cluster);
        let parts = watch.sent(update(&[60, 60, 60]).parts_of(100));
        let nonces: Vec<_> = parts
            .iter()
            .map(|(nonce, _)| format!("{nonce:x}"))
            .collect();
        watch.settle(&nonces[0], None);
        watch.settle(&nonces[1], Some("no"));
        watch.settle(&nonces[2], None);
        assert!(watch.status.rejected.is_some() && !watch.is_settled());
        let again = watch.sent(update(&[60]).parts_of(100));
        watch.settle(&format!("{:x}", again[0].0), None);
        assert!(watch.status.rejected.is_none() && watch.is_settled());
    }
}
