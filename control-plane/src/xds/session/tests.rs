use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use xds_proto::pb::google::rpc::Status as Rejection;

use super::*;
use crate::generate::Resource;
use ResourceKind::{Cluster, Endpoint, Listener, Route};

mod delta;
mod order;
mod sotw;

/// A world of resources that a test edits, and one session in it.
struct Mesh {
    world: Arc<Mutex<BTreeMap<(ResourceKind, String), u64>>>,
    view: View,
    session: Session,
}

impl Mesh {
    fn new(dialect: Dialect) -> Self {
        let world: Arc<Mutex<BTreeMap<(ResourceKind, String), u64>>> = Arc::default();
        let (all, one) = (world.clone(), world.clone());
        let view = View::new(
            move |kind| {
                let world = all.lock();
                let of_kind = world.iter().filter(|((k, _), _)| *k == kind);
                of_kind
                    .map(|((_, name), version)| resource(kind, name, *version))
                    .collect()
            },
            move |kind, name| {
                let version = *one.lock().get(&(kind, name.to_owned()))?;
                Some(Arc::new(resource(kind, name, version)))
            },
        );
        Self {
            world,
            view,
            session: Session::new(dialect),
        }
    }

    fn put(&self, kind: ResourceKind, name: &str, version: u64) {
        self.world.lock().insert((kind, name.to_owned()), version);
    }

    fn remove(&self, kind: ResourceKind, name: &str) {
        self.world.lock().remove(&(kind, name.to_owned()));
    }

    /// Publishes a change of everything and returns what goes out.
    fn publish(&mut self) -> Vec<String> {
        let kinds: BTreeSet<_> = ResourceKind::ALL.into_iter().collect();
        self.view.invalidate_kinds(&kinds);
        self.session.on_push(&Pending {
            kinds,
            ..Pending::default()
        });
        self.flush()
    }

    fn flush(&mut self) -> Vec<String> {
        self.flush_at(Instant::now())
    }

    fn flush_at(&mut self, now: Instant) -> Vec<String> {
        let responses = self.session.flush(&self.view, now);
        responses.iter().map(print).collect()
    }

    fn delta(&mut self, kind: ResourceKind, request: DeltaDiscoveryRequest) -> Vec<String> {
        self.session.on_delta(kind, request).unwrap();
        self.flush()
    }

    fn sotw(&mut self, kind: ResourceKind, request: &DiscoveryRequest) -> Vec<String> {
        self.session.on_sotw(kind, request, &self.view).unwrap();
        self.flush()
    }

    fn ack(&mut self, kind: ResourceKind, nonce: &str) -> Vec<String> {
        self.delta(
            kind,
            DeltaDiscoveryRequest {
                response_nonce: nonce.into(),
                ..Default::default()
            },
        )
    }

    fn nack(&mut self, kind: ResourceKind, nonce: &str) -> Vec<String> {
        let error_detail = Some(Rejection {
            message: "bad".into(),
            ..Default::default()
        });
        self.delta(
            kind,
            DeltaDiscoveryRequest {
                response_nonce: nonce.into(),
                error_detail,
                ..Default::default()
            },
        )
    }

    fn sotw_ack(&mut self, kind: ResourceKind, nonce: &str, names: &[&str]) -> Vec<String> {
        self.sotw(
            kind,
            &DiscoveryRequest {
                response_nonce: nonce.into(),
                resource_names: owned(names),
                ..Default::default()
            },
        )
    }
}

fn resource(kind: ResourceKind, name: &str, version: u64) -> Resource {
    Resource {
        kind,
        name: name.into(),
        version,
        any: Bytes::new(),
    }
}

/// `CDS#1 +a@1 -b`
fn print(response: &Response) -> String {
    let mut text = format!("{}#{:x}", response.kind, response.nonce);
    for r in &response.update.resources {
        text += &format!(" +{}@{:x}", r.name, r.version);
    }
    for name in &response.update.removed {
        text += &format!(" -{name}");
    }
    text
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn subscribe(names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        resource_names_subscribe: owned(names),
        ..Default::default()
    }
}

/// What a client says that reconnects.
fn resume(names: &[&str], held: &[(&str, &str)]) -> DeltaDiscoveryRequest {
    let held = held.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    DeltaDiscoveryRequest {
        initial_resource_versions: held.collect(),
        ..subscribe(names)
    }
}

fn names(names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        resource_names: owned(names),
        ..Default::default()
    }
}

fn none() -> Vec<String> {
    Vec::new()
}
