//! The switchboard between the one world and all streams.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
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
use super::moved;
use super::view::View;

/// Publishes worlds to streams.
pub(crate) struct Publisher {
    world: Arc<ArcSwap<World>>,
    classes: Mutex<HashMap<ProxyClass, Arc<Class>>>,
    /// Streams by the workload (namespace, name) that they speak for.
    workloads: Mutex<HashMap<Workload, HashMap<u64, Stream>>>,
    next: AtomicU64,
}

type Workload = (Name, Name);

/// A stream that may have to look at itself again.
struct Stream {
    mailbox: Arc<Mailbox>,
    /// The addresses of its workload.
    ips: Vec<IpAddr>,
}

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
        let old = self.world.load_full();
        let moved = moved::addresses(&changes.endpoints, &old.snapshot, &snapshot);
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
        self.reclassify(changes, &moved);
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
            .insert(
                stream,
                Stream {
                    mailbox: mailbox.clone(),
                    ips: ProxyClass::addresses(&proxy.id, &proxy.metadata),
                },
            );
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

    /// Streams of workloads that changed, and of those whose addresses moved, look at themselves again.
    fn reclassify(&self, changes: &Changes, moved: &HashSet<IpAddr>) {
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
        for streams in named.iter().filter_map(|name| workloads.get(name)) {
            streams
                .values()
                .for_each(|stream| stream.mailbox.put(&mark));
        }
        if moved.is_empty() {
            return;
        }
        for stream in workloads.values().flat_map(HashMap::values) {
            if stream.ips.iter().any(|ip| moved.contains(ip)) {
                stream.mailbox.put(&mark);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Event;
    use crate::store::{Mesh, Store};
    use xds_proto::node::ProxyKind;

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {clusterIP: 10.96.0.1, ports: [{name: tcp, port: 5432}]}\n---\n";

    fn slice(addresses: &[&str]) -> String {
        let endpoints: Vec<_> = addresses
            .iter()
            .map(|address| format!("{{addresses: [{address}]}}"))
            .collect();
        format!(
            "{SERVICE}apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n\
             metadata: {{name: db-1, labels: {{kubernetes.io/service-name: db}}}}\n\
             ports: [{{name: tcp, port: 9090}}]\nendpoints: [{}]\n",
            endpoints.join(", ")
        )
    }

    fn apply(store: &mut Store, yaml: &str) -> Changes {
        let documents = crate::crd::read(yaml, "cluster.local").unwrap();
        store.apply(Event::Snapshot {
            source: "test".into(),
            objects: documents.into_iter().map(|d| d.content.unwrap()).collect(),
        })
    }

    fn proxy(ip: &str) -> Proxy {
        Proxy {
            id: NodeId {
                kind: ProxyKind::Sidecar,
                ip: ip.parse().unwrap(),
                pod: format!("pod-{ip}"),
                namespace: "default".to_owned(),
                domain: "cluster.local".to_owned(),
            },
            metadata: NodeMetadata::default(),
        }
    }

    #[tokio::test]
    async fn a_pod_that_a_slice_gains_or_loses_looks_at_itself_again_and_others_do_not() {
        let mut store = Store::new(Mesh::default());
        apply(&mut store, &slice(&["10.1.0.9"]));
        let mesh = Arc::new(MeshSettings::default());
        let publisher = Publisher::new(store.snapshot(), mesh.clone());
        let mut gained = publisher.join(proxy("10.1.0.1"));
        let kept = publisher.join(proxy("10.1.0.9"));
        let both = ["10.1.0.9", "10.1.0.1"];
        for (addresses, ports) in [(&both[..], 1), (&both[..1], 0)] {
            let changes = apply(&mut store, &slice(addresses));
            assert!(changes.is_endpoints_only(), "{changes:?}");
            publisher.publish(store.snapshot(), mesh.clone(), &changes, Instant::now());
            assert!(gained.mailbox.take().await.reclassify);
            assert!(gained.reclassify());
            assert_eq!(gained.class.key.inbound.len(), ports);
        }
        kept.mailbox.put(&Pending {
            kinds: ResourceKind::ALL.into_iter().collect(),
            ..Pending::default()
        });
        assert!(!kept.mailbox.take().await.reclassify);
    }
}
