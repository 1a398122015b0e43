//! What one class of proxies gets, generated on demand and kept until invalidated.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use xds_proto::resource::ResourceKind;

use crate::generate::{Resource, ResourceSet};
use crate::model::Name;

type GenerateAll = Box<dyn Fn(ResourceKind) -> ResourceSet + Send + Sync>;
type GenerateOne = Box<dyn Fn(ResourceKind, &str) -> Option<Arc<Resource>> + Send + Sync>;

/// The memo in front of the generators of one class.
pub(crate) struct View {
    all: GenerateAll,
    one: GenerateOne,
    memo: Mutex<Memo>,
}

#[derive(Default)]
struct Memo {
    sets: HashMap<ResourceKind, Kept>,
    named: HashMap<ResourceKind, HashMap<Name, Arc<Resource>>>,
    /// Names of endpoint resources by the host that they belong to.
    by_host: HashMap<Name, HashSet<Name>>,
}

struct Kept {
    set: Arc<ResourceSet>,
    fresh: bool,
}

impl View {
    /// A view over two generators which always see the newest snapshot.
    pub(crate) fn new(
        all: impl Fn(ResourceKind) -> ResourceSet + Send + Sync + 'static,
        one: impl Fn(ResourceKind, &str) -> Option<Arc<Resource>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            all: Box::new(all),
            one: Box::new(one),
            memo: Mutex::default(),
        }
    }

    /// All resources of `kind`. The same `Arc` comes back for as long as the content is the same.
    pub(crate) fn set(&self, kind: ResourceKind) -> Arc<ResourceSet> {
        let mut memo = self.memo.lock();
        if let Some(kept) = memo.sets.get(&kind).filter(|kept| kept.fresh) {
            return kept.set.clone();
        }
        let new = (self.all)(kind);
        crate::metrics::generated(kind);
        let kept = memo
            .sets
            .remove(&kind)
            .map(|kept| kept.set)
            .filter(|old| **old == new);
        let set = kept.unwrap_or_else(|| Arc::new(new));
        if kind == ResourceKind::Endpoint {
            set.iter().for_each(|(name, _)| memo.index(name));
        }
        memo.sets.insert(
            kind,
            Kept {
                set: set.clone(),
                fresh: true,
            },
        );
        set
    }

    /// The resource of `kind` called `name`, if this class may see one.
    pub(crate) fn one(&self, kind: ResourceKind, name: &str) -> Option<Arc<Resource>> {
        let mut memo = self.memo.lock();
        if let Some(kept) = memo.sets.get(&kind).filter(|kept| kept.fresh)
            && let Some(resource) = kept.set.get(name)
        {
            return Some(resource.clone());
        }
        if let Some(resource) = memo.named.get(&kind).and_then(|named| named.get(name)) {
            return Some(resource.clone());
        }
        let resource = (self.one)(kind, name)?;
        crate::metrics::generated(kind);
        memo.named
            .entry(kind)
            .or_default()
            .insert(resource.name.clone(), resource.clone());
        if kind == ResourceKind::Endpoint {
            memo.index(&resource.name);
        }
        Some(resource)
    }

    /// Forgets all resources of `kinds`.
    pub(crate) fn invalidate_kinds(&self, kinds: &BTreeSet<ResourceKind>) {
        let mut memo = self.memo.lock();
        for kind in kinds {
            memo.named.remove(kind);
            if let Some(kept) = memo.sets.get_mut(kind) {
                kept.fresh = false;
            }
        }
    }

    /// Forgets the endpoints of `hosts` and returns the names of the resources which that affects.
    pub(crate) fn invalidate_hosts(&self, hosts: &BTreeSet<Name>) -> BTreeSet<Name> {
        let mut memo = self.memo.lock();
        let names: BTreeSet<Name> = hosts
            .iter()
            .filter_map(|host| memo.by_host.remove(host))
            .flatten()
            .collect();
        if names.is_empty() {
            return names;
        }
        if let Some(named) = memo.named.get_mut(&ResourceKind::Endpoint) {
            names.iter().for_each(|name| {
                named.remove(name);
            });
        }
        if let Some(kept) = memo.sets.get_mut(&ResourceKind::Endpoint) {
            kept.fresh = false;
        }
        names
    }
}

impl Memo {
    fn index(&mut self, name: &Name) {
        let host = host_of(name);
        match self.by_host.get_mut(host) {
            Some(names) => {
                names.insert(name.clone());
            }
            None => {
                self.by_host
                    .insert(host.into(), HashSet::from([name.clone()]));
            }
        }
    }
}

/// The host at the end of a cluster name such as `outbound|80|v1|reviews.default.svc.cluster.local`.
pub(crate) fn host_of(cluster: &str) -> &str {
    cluster.rsplit('|').next().unwrap_or(cluster)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::*;

    fn resource(name: &str, version: u64) -> Resource {
        Resource {
            kind: ResourceKind::Endpoint,
            name: name.into(),
            version,
            any: Bytes::new(),
        }
    }

    struct Counted {
        calls: Arc<AtomicUsize>,
        version: Arc<AtomicU64>,
        view: View,
    }

    fn counted() -> Counted {
        let (calls, version) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(1)));
        let (c1, c2, v1, v2) = (
            calls.clone(),
            calls.clone(),
            version.clone(),
            version.clone(),
        );
        let view = View::new(
            move |_| {
                c1.fetch_add(1, Ordering::Relaxed);
                [resource("outbound|80||a", v1.load(Ordering::Relaxed))]
                    .into_iter()
                    .collect()
            },
            move |_, name| {
                c2.fetch_add(1, Ordering::Relaxed);
                Some(Arc::new(resource(name, v2.load(Ordering::Relaxed))))
            },
        );
        Counted {
            calls,
            version,
            view,
        }
    }

    #[test]
    fn a_resource_is_generated_once_until_its_host_changes() {
        let Counted { calls, view, .. } = counted();
        for _ in 0..3 {
            view.one(ResourceKind::Endpoint, "outbound|80||a").unwrap();
            view.one(ResourceKind::Endpoint, "outbound|80||b").unwrap();
        }
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        let hit = view.invalidate_hosts(&BTreeSet::from(["a".into(), "c".into()]));
        assert_eq!(hit, BTreeSet::from(["outbound|80||a".into()]));
        view.one(ResourceKind::Endpoint, "outbound|80||a").unwrap();
        view.one(ResourceKind::Endpoint, "outbound|80||b").unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn an_unchanged_set_keeps_its_identity_over_an_invalidation() {
        let Counted { version, view, .. } = counted();
        let kinds = BTreeSet::from([ResourceKind::Cluster]);
        let first = view.set(ResourceKind::Cluster);
        view.invalidate_kinds(&kinds);
        assert!(Arc::ptr_eq(&first, &view.set(ResourceKind::Cluster)));
        version.store(2, Ordering::Relaxed);
        view.invalidate_kinds(&kinds);
        assert!(!Arc::ptr_eq(&first, &view.set(ResourceKind::Cluster)));
    }
}
