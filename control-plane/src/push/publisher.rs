//! The switchboard between the one world and all streams.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::time::Instant;
use xds_proto::node::{NodeId, NodeMetadata};
use xds_proto::resource::ResourceKind;

use crate::generate::{self, ResourceSet};
use crate::model::Name;
use crate::scope::{MeshSettings, ProxyClass, Scope};
use crate::store::{Changes, Snapshot};

use super::class::{Class, World};
use super::impact::Impact;
use super::mailbox::{Mailbox, Pending};
use super::view::View;

/// Publishes worlds to streams.
pub(crate) struct Publisher {
    world: Arc<ArcSwap<World>>,
    classes: Mutex<HashMap<ProxyClass, Arc<Class>>>,
    /// Streams by the workload (namespace, name) that they speak for.
    workloads: Mutex<HashMap<Workload, HashMap<u64, Arc<Mailbox>>>>,
    next: AtomicU64,
}

type Workload = (Name, Name);

/// Who a stream speaks for.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) id: NodeId,
    pub(crate) metadata: NodeMetadata,
}

/// The place of one stream: what it sees and where its marks arrive. Dropping it is the clean-up.
pub(crate) struct Seat {
    pub(crate) stream: u64,
    pub(crate) mailbox: Arc<Mailbox>,
    proxy: Proxy,
    workload: Workload,
    class: Arc<Class>,
    publisher: Arc<Publisher>,
}

impl Publisher {
    /// Starts with a world.
    pub(crate) fn new(snapshot: Snapshot, mesh: Arc<MeshSettings>) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::new(ArcSwap::from_pointee(World { snapshot, mesh })),
            classes: Mutex::default(),
            workloads: Mutex::default(),
            next: AtomicU64::new(1),
        })
    }

    /// Makes a new world visible and tells the streams that it concerns. `since` is when it changed.
    pub(crate) fn publish(
        &self,
        snapshot: Snapshot,
        mesh: Arc<MeshSettings>,
        changes: &Changes,
        since: Instant,
    ) {
        let impact = Impact::of(changes, &snapshot);
        self.world.store(Arc::new(World { snapshot, mesh }));
        let base = Pending {
            since: Some(since.into_std()),
            ..Pending::default()
        };
        let all = changes.full || changes.mesh || !changes.services.is_empty();
        let base = Pending {
            reclassify: all,
            ..base
        };
        let classes: Vec<_> = self.classes.lock().values().cloned().collect();
        classes
            .iter()
            .for_each(|class| class.publish(&impact, &base));
        self.reclassify(changes);
        crate::metrics::published(classes.len());
    }

    /// A stream for `proxy` begins.
    pub(crate) fn join(self: &Arc<Self>, proxy: Proxy) -> Seat {
        let stream = self.next.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox::default());
        let workload = (Name::from(&*proxy.id.namespace), Name::from(&*proxy.id.pod));
        self.workloads
            .lock()
            .entry(workload.clone())
            .or_default()
            .insert(stream, mailbox.clone());
        let class = self.sit(self.classify(&proxy), stream, &mailbox);
        Seat {
            stream,
            mailbox,
            proxy,
            workload,
            class,
            publisher: self.clone(),
        }
    }

    /// What a proxy should have of a kind in this world; for questions of people, not for streams.
    pub(crate) fn generate(&self, proxy: &Proxy, kind: ResourceKind) -> ResourceSet {
        let world = self.world.load();
        let class = ProxyClass::of(&proxy.id, &proxy.metadata, &world.snapshot);
        generate::generate(&Scope::of(&world.snapshot, &world.mesh, &class), kind)
    }

    fn classify(&self, proxy: &Proxy) -> ProxyClass {
        ProxyClass::of(&proxy.id, &proxy.metadata, &self.world.load().snapshot)
    }

    fn sit(&self, key: ProxyClass, stream: u64, mailbox: &Arc<Mailbox>) -> Arc<Class> {
        let mut classes = self.classes.lock();
        let class = classes
            .entry(key)
            .or_insert_with_key(|key| Arc::new(Class::new(key.clone(), self.world.clone())));
        class.join(stream, mailbox.clone());
        class.clone()
    }

    fn stand(&self, class: &Arc<Class>, stream: u64) {
        let mut classes = self.classes.lock();
        if class.leave(stream) {
            classes.remove(&class.key);
        }
    }

    /// Streams of workloads that changed look at themselves again.
    fn reclassify(&self, changes: &Changes) {
        let mark = Pending {
            reclassify: true,
            ..Pending::default()
        };
        let named: HashSet<Workload> = changes
            .workloads
            .iter()
            .map(|object| (object.namespace.clone(), object.name.clone()))
            .collect();
        let workloads = self.workloads.lock();
        for mailboxes in named.iter().filter_map(|name| workloads.get(name)) {
            mailboxes.values().for_each(|mailbox| mailbox.put(&mark));
        }
    }
}

impl Seat {
    /// What this stream's proxy gets.
    pub(crate) fn view(&self) -> &View {
        &self.class.view
    }

    /// Who the stream speaks for.
    pub(crate) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Moves to the class that fits the proxy now. Whether that is another one.
    pub(crate) fn reclassify(&mut self) -> bool {
        let key = self.publisher.classify(&self.proxy);
        if key == self.class.key && self.class.has(self.stream) {
            return false;
        }
        let class = self.publisher.sit(key, self.stream, &self.mailbox);
        let old = std::mem::replace(&mut self.class, class);
        self.publisher.stand(&old, self.stream);
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.publisher.stand(&self.class, self.stream);
        let mut workloads = self.publisher.workloads.lock();
        if let Some(streams) = workloads.get_mut(&self.workload) {
            streams.remove(&self.stream);
            if streams.is_empty() {
                workloads.remove(&self.workload);
            }
        }
    }
}
