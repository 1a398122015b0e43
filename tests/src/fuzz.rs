//! Entry points for bytes that a stranger can send.
//!
//! Each takes any bytes and panics only when a parser is wrong. The targets of `tests/fuzz` feed them for hours, the test
//! `fuzz` of this crate for a moment in every run.

mod inspect;

pub use inspect::{client_hello, http, proxy_protocol};
pub use tulle_proxy::http::codec::h1::fuzz as http1;
pub use tulle_proxy::transport::tls::fuzz as tls;

use std::fmt::Display;
use std::str::FromStr;

use prost::Message;
use xds_proto::mesh::Duration;
use xds_proto::name::{ClusterName, ListenerName, RouteName};
use xds_proto::node::{NodeId, NodeMetadata};
use xds_proto::pb::envoy::config::bootstrap::v3::Bootstrap;
use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use xds_proto::pb::envoy::config::listener::v3::Listener;
use xds_proto::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use xds_proto::pb::google::protobuf::{Any, Struct};
use xds_proto::resource::{self, Resource};
use xds_proto::spiffe::{SpiffeId, SpiffeUri};
use xds_proto::{canonical, typed_struct};

/// Names of resources and identities of workloads.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    prints_back::<ClusterName>(text);
    prints_back::<ListenerName>(text);
    prints_back::<RouteName>(text);
    prints_back::<SpiffeId>(text);
    prints_back::<SpiffeUri>(text);
    if let Ok(name) = ClusterName::from_sni(text) {
        assert_eq!(name.to_sni(), text);
    }
    if let Ok(duration) = text.parse::<Duration>() {
        assert_eq!(duration.to_string().parse(), Ok(duration));
    }
}

/// Node ids, and node metadata as encoded structs.
pub fn node(data: &[u8]) {
    if let Ok(Ok(id)) = std::str::from_utf8(data).map(str::parse::<NodeId>) {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    let Ok(metadata) = Struct::decode(data) else {
        return;
    };
    if let Ok(read) = NodeMetadata::from_struct(&metadata) {
        let again = NodeMetadata::from_struct(&read.to_struct());
        assert_eq!(again.expect("own output is valid"), read);
    }
}

/// Resources and requests of xDS.
pub fn xds(data: &[u8]) {
    packs_back::<Cluster>(data);
    packs_back::<ClusterLoadAssignment>(data);
    packs_back::<Listener>(data);
    packs_back::<RouteConfiguration>(data);
    packs_back::<VirtualHost>(data);
    packs_back::<Secret>(data);
    decodes::<DiscoveryRequest>(data);
    decodes::<DeltaDiscoveryRequest>(data);
    decodes::<Bootstrap>(data);
    if let Ok(any) = Any::decode(data) {
        // Any outcome is fine; only a panic is not.
        drop(typed_struct::read(&any));
    }
}

fn prints_back<T: FromStr + Display>(text: &str) {
    if let Ok(parsed) = text.parse::<T>() {
        assert_eq!(parsed.to_string(), text);
    }
}

fn packs_back<R: Resource>(data: &[u8]) {
    let any = Any {
        type_url: R::KIND.type_url().to_owned(),
        value: data.to_vec(),
    };
    let Ok(read) = resource::unpack::<R>(&any) else {
        return;
    };
    assert!(read.name().len() <= data.len());
    let packed = resource::pack(&read);
    let again = resource::unpack::<R>(&packed).expect("own output is valid");
    assert_eq!(resource::pack(&again), packed);
}

fn decodes<M: Message + prost::Name + Default>(data: &[u8]) {
    if let Ok(message) = M::decode(data) {
        let bytes = canonical::encode(&message);
        let again = M::decode(bytes.as_slice()).expect("own output is valid");
        assert_eq!(canonical::encode(&again), bytes);
    }
}
