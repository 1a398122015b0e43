//! Registry → store → publisher.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use xds_proto::mesh::MeshConfig;

use crate::config::{Config, Registry};
use crate::flag::Flag;
use crate::mesh::MeshFile;
use crate::push::{self, Publisher};
use crate::registry::{self, Event};
use crate::scope::MeshSettings;
use crate::store::{Changes, Mesh, Snapshot, Store};

/// Events from registries, and worlds for the publisher, that may wait.
const QUEUE: usize = 256;

/// Starts the tasks that keep the publisher's world current. The second value turns true with the first world.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    config: &Config,
    mesh: &Arc<MeshFile>,
    drain: &Flag,
) -> (Arc<Publisher>, Flag) {
    let publisher = Publisher::new(Snapshot::default(), settings(&mesh.current()));
    let (ready, is_ready) = watch::channel(false);
    let (events, inbox) = mpsc::channel(QUEUE);
    let (worlds, outbox) = mpsc::channel(QUEUE);
    if let Some(path) = &config.mesh_config {
        tasks.spawn(mesh.clone().follow(path.clone(), drain.clone()));
    }
    match &config.registry {
        Registry::File(dir) => tasks.spawn(registry::file::run(dir.clone(), events, drain.clone())),
    };
    tasks.spawn(write(inbox, mesh.subscribe(), worlds));
    let (seen, mesh) = (publisher.clone(), mesh.clone());
    tasks.spawn(push::settle(outbox, move |snapshot, changes, since| {
        seen.publish(snapshot, settings(&mesh.current()), &changes, since);
        ready.send_replace(true);
    }));
    (publisher, is_ready)
}

/// The one writer of the store.
async fn write(
    mut events: mpsc::Receiver<Event>,
    mut mesh: watch::Receiver<Arc<MeshConfig>>,
    worlds: mpsc::Sender<(Snapshot, Changes)>,
) {
    let mut store = Store::new(conventions(&mesh.borrow_and_update()));
    let mut first = true;
    loop {
        let changes = tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return };
                let mut changes = store.apply(event);
                changes.full |= std::mem::take(&mut first);
                changes
            }
            Ok(()) = mesh.changed() => {
                let mut changes = store.set_mesh(conventions(&mesh.borrow_and_update()));
                changes.mesh = true;
                // Before the first event of a registry there is no world that proxies could be given.
                if first { continue } else { changes }
            }
        };
        if !changes.is_empty() && worlds.send((store.snapshot(), changes)).await.is_err() {
            return;
        }
    }
}

fn settings(mesh: &MeshConfig) -> Arc<MeshSettings> {
    Arc::new(MeshSettings::from(mesh))
}

/// What the store needs of the settings.
fn conventions(mesh: &MeshConfig) -> Mesh {
    Mesh {
        root_namespace: mesh.root_namespace().into(),
        service_export_to: mesh.default_service_export_to.clone().unwrap_or_default(),
        virtual_service_export_to: mesh
            .default_virtual_service_export_to
            .clone()
            .unwrap_or_default(),
        destination_rule_export_to: mesh
            .default_destination_rule_export_to
            .clone()
            .unwrap_or_default(),
    }
}
