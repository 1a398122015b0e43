//! The world of a test case.

use crate::model::Name;
use crate::registry::Event;
use crate::scope::{MeshSettings, ProxyClass, Scope};
use crate::store::{Mesh, Store};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use xds_proto::mesh::MeshConfig;
use xds_proto::node::{NodeId, NodeMetadata, ProxyKind};

/// Whose resources a case is about, and the settings of its mesh.
#[derive(Deserialize)]
struct Proxy {
    pod: String,
    namespace: String,
    ip: std::net::IpAddr,
    #[serde(default)]
    metadata: NodeMetadata,
    #[serde(default)]
    mesh: MeshConfig,
}

/// A world and one proxy in it.
pub(super) struct World {
    proxy: Proxy,
    store: Store,
}

impl World {
    /// Reads `proxy.yaml` and `input.yaml`.
    pub(super) fn read(case: &Path) -> Self {
        let text = |name: &str| {
            let path = case.join(name);
            std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        Self::of(&text("proxy.yaml"), &text("input.yaml"))
    }

    /// The world of these objects, and this proxy in it.
    pub(super) fn of(proxy: &str, objects: &str) -> Self {
        let proxy: Proxy = serde_saphyr::from_str(proxy).expect("a proxy");
        let store = Store::new(Mesh {
            root_namespace: proxy.mesh.root_namespace().into(),
            ..Mesh::default()
        });
        let mut world = Self { proxy, store };
        world.replace(objects);
        world
    }

    /// Other objects take the place of all there are.
    pub(super) fn replace(&mut self, objects: &str) {
        let documents = crate::crd::read(objects, "cluster.local").expect("objects");
        let broken = documents.iter().filter(|document| document.is_broken());
        let problems: Vec<_> = broken.flat_map(|document| &document.problems).collect();
        assert!(problems.is_empty(), "{problems:#?}");
        let objects = documents
            .into_iter()
            .filter_map(|document| document.content)
            .collect();
        self.store.apply(Event::Snapshot {
            source: Name::from("test"),
            objects,
        });
    }

    /// What the proxy sees.
    pub(super) fn scope(&self) -> Arc<Scope> {
        let id = NodeId {
            kind: ProxyKind::Sidecar,
            ip: self.proxy.ip,
            pod: self.proxy.pod.clone(),
            namespace: self.proxy.namespace.clone(),
            domain: "cluster.local".to_owned(),
        };
        let snapshot = self.store.snapshot();
        let class = ProxyClass::of(&id, &self.proxy.metadata, &snapshot);
        Scope::of(
            &snapshot,
            &Arc::new(MeshSettings::from(&self.proxy.mesh)),
            &class,
        )
    }
}
