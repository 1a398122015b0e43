//! From the body of a resource to what the stores hold. Errors carry the name, as far as it is known, and the reason.

use std::sync::Arc;

use bytes::Bytes;
use xds_proto::pb::envoy::config::cluster::v3 as cluster_pb;
use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use xds_proto::pb::envoy::config::listener::v3 as listener_pb;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as tls_pb;
use xds_proto::resource::{Resource, ResourceKind, message_name, unpack_bytes};

use super::Stores;
use crate::cluster::{Cluster, ClusterConfig, EndpointSet};
use crate::config::not_honoured::NotHonouredFields;
use crate::config::source::Source;
use crate::config::wire::Conversion;
use crate::http::route::{RouteTable, Sliced};
use crate::listener::Listener;
use crate::secret::Secret;
use crate::secret::files::Files;
use crate::transport::tls::proto as tls;
use crate::xds::wire::Body;

/// Name of the resource, empty where not even that can be read, and what is wrong with it.
pub(super) type Refusal = (String, String);

fn decode<R: Resource>(body: &Body) -> Result<R, Refusal> {
    unpack_bytes(&body.type_url, &body.value).map_err(|error| (String::new(), error.to_string()))
}

/// Bytes of their own: those of a body hold the whole response that they came in.
fn own(body: &Body) -> Bytes {
    Bytes::copy_from_slice(&body.value)
}

fn conversion<'a>(stores: &'a Stores, kind: &'static str, name: &str) -> Conversion<'a> {
    Conversion {
        secrets: &stores.secrets,
        routes: &stores.routes,
        notes: NotHonouredFields::of(kind, name),
    }
}

pub(crate) fn cluster(body: &Body, stores: &Stores) -> Result<Cluster, Refusal> {
    let message: cluster_pb::Cluster = decode(body)?;
    let name = message.name.clone();
    let cx = conversion(stores, "cluster", &name);
    let (mut config, endpoints) = ClusterConfig::from_proto(message, own(body), cx)
        .map_err(|error| (name, error.field.to_string()))?;
    config.socket.mark = config.socket.mark.or(stores.mark);
    let cluster = Cluster::new(config);
    if let Some(endpoints) = endpoints {
        cluster.apply_endpoints(endpoints);
    }
    Ok(cluster)
}

pub(crate) fn listener(body: &Body, stores: &Stores) -> Result<Listener, Refusal> {
    let message: listener_pb::Listener = decode(body)?;
    let name = message.name.clone();
    let cx = conversion(stores, "listener", &name);
    Listener::from_proto(message, own(body), cx).map_err(|error| (name, error.field.to_string()))
}

/// A table takes over the virtual hosts of the one that serves, where their bytes are the same. One that is `alone` in its
/// response is all of it but for some words, and keeps it.
pub(super) fn routes(
    source: &Source,
    body: &Body,
    alone: bool,
    stores: &Stores,
) -> Result<RouteTable, Refusal> {
    let found = message_name(&body.type_url);
    if found != message_name(ResourceKind::Route.type_url()) {
        return Err((String::new(), format!("{found} is no route configuration")));
    }
    let raw = match alone {
        true => body.value.clone(),
        false => own(body),
    };
    let sliced = Sliced::read(raw).map_err(|error| (String::new(), error.to_string()))?;
    let name = sliced.name().to_owned();
    let cx = conversion(stores, "route configuration", &name);
    let before = stores.routes.get(source, &name);
    RouteTable::from_slices(sliced, before.as_deref(), cx)
        .map_err(|error| (name, error.field.to_string()))
}

pub(super) fn endpoints(body: &Body, stores: &Stores) -> Result<(Arc<str>, EndpointSet), Refusal> {
    let message: ClusterLoadAssignment = decode(body)?;
    let name = message.cluster_name.clone();
    let cx = conversion(stores, "cluster load assignment", &name);
    let set = EndpointSet::from_proto(message, cx)
        .map_err(|error| (name.clone(), error.field.to_string()))?;
    Ok((name.into(), set))
}

/// A secret, and the files that it was made from.
pub(crate) struct NamedSecret {
    pub(crate) name: Arc<str>,
    pub(crate) secret: Secret,
    pub(crate) files: Option<Files>,
}

pub(crate) fn secret(body: &Body, stores: &Stores) -> Result<NamedSecret, Refusal> {
    let message: tls_pb::Secret = decode(body)?;
    let name = message.name.clone();
    let mut cx = conversion(stores, "secret", &name);
    let files = tls::files::of(&message);
    let (name, secret) =
        tls::secret(&mut cx, message).map_err(|error| (name, error.to_string()))?;
    stores.secrets.note(&name, cx.notes.into_vec());
    Ok(NamedSecret {
        name,
        secret,
        files,
    })
}
