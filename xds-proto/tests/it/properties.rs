//! What holds for every text and every message: parsing never panics, and printing is its inverse.

use std::fmt::Display;
use std::str::FromStr;

use proptest::prelude::*;
use prost::Message;
use xds_proto::mesh::Duration;
use xds_proto::name::{ClusterName, ListenerName, RouteName};
use xds_proto::node::{NodeId, NodeMetadata};
use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use xds_proto::pb::envoy::config::listener::v3::Listener;
use xds_proto::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use xds_proto::pb::google::protobuf::{Any, Struct};
use xds_proto::resource::{self, Resource, ResourceKind};
use xds_proto::spiffe::{SpiffeId, SpiffeUri};
use xds_proto::{protobuf_struct, typed_struct};

/// Texts that are near to names: their separators and words, and anything else.
fn near_names() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z0-9.-]{0,12}",
        "[0-9]{0,6}",
        Just("outbound".to_owned()),
        Just("inbound".to_owned()),
        Just("sidecar".to_owned()),
        Just("spiffe://".to_owned()),
        Just("ns".to_owned()),
        Just("sa".to_owned()),
        Just("10.0.0.1".to_owned()),
        Just("::1".to_owned()),
        "\\PC{0,4}",
    ];
    let separator = prop_oneof![
        Just("|"),
        Just("_."),
        Just("~"),
        Just("/"),
        Just("_"),
        Just(":"),
        Just(".")
    ];
    let parts = prop::collection::vec((word, separator), 0..8);
    parts.prop_map(|parts| {
        parts
            .into_iter()
            .map(|(word, separator)| word + separator)
            .collect()
    })
}

/// A text that parses prints back unchanged.
fn prints_back<T: FromStr + Display>(text: &str) {
    if let Ok(parsed) = text.parse::<T>() {
        assert_eq!(parsed.to_string(), text);
    }
}

/// Whatever unpacks packs into bytes that unpack to the same.
fn packs_back<R: Resource>(bytes: &[u8]) {
    let any = Any {
        type_url: R::KIND.type_url().to_owned(),
        value: bytes.to_vec(),
    };
    if let Ok(resource) = resource::unpack::<R>(&any) {
        let again = resource::unpack::<R>(&resource::pack(&resource)).expect("own output");
        assert_eq!(again.encoded_len(), resource.encoded_len());
    }
}

fn unpack_as_everything(bytes: &[u8]) {
    packs_back::<Cluster>(bytes);
    packs_back::<ClusterLoadAssignment>(bytes);
    packs_back::<Listener>(bytes);
    packs_back::<RouteConfiguration>(bytes);
    packs_back::<VirtualHost>(bytes);
    packs_back::<Secret>(bytes);
}

/// JSON objects as metadata may have them.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[A-Za-z]{0,6}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_name_that_parses_prints_back(text in near_names()) {
        prints_back::<ClusterName>(&text);
        prints_back::<ListenerName>(&text);
        prints_back::<RouteName>(&text);
        prints_back::<SpiffeId>(&text);
        prints_back::<SpiffeUri>(&text);
        if let Ok(name) = ClusterName::from_sni(&text) {
            prop_assert_eq!(name.to_sni(), text);
        }
    }

    #[test]
    fn every_cluster_name_survives_its_sni(
        port in any::<u16>(),
        subset in prop::option::of("[a-z0-9_-]{1,12}"),
        host in "[a-z0-9_.-]{1,30}",
    ) {
        let name = ClusterName::outbound(port, subset.as_deref(), &host);
        prop_assert_eq!(name.to_string().parse(), Ok(name.clone()));
        prop_assert_eq!(ClusterName::from_sni(&name.to_sni()), Ok(name));
    }

    #[test]
    fn every_node_id_that_parses_means_what_it_prints(text in near_names()) {
        if let Ok(id) = text.parse::<NodeId>() {
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn node_ids_survive_the_round_trip(
        ip in any::<std::net::IpAddr>(),
        pod in "[a-z0-9][a-z0-9.-]{0,20}",
        namespace in "[a-z0-9-]{1,10}",
        domain in "[a-z0-9.-]{1,20}",
    ) {
        let text = format!("sidecar~{ip}~{pod}.{namespace}~{namespace}.svc.{domain}");
        let id: NodeId = text.parse().expect("a node id");
        prop_assert_eq!((id.ip, id.pod.as_str(), id.domain.as_str()), (ip, pod.as_str(), domain.as_str()));
        prop_assert_eq!(id.to_string(), text);
    }

    #[test]
    fn every_duration_survives_the_round_trip(seconds in 0_u64..315_576_000_000, nanos in 0_u32..1_000_000_000) {
        let duration = Duration(std::time::Duration::new(seconds, nanos));
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
    }

    #[test]
    fn durations_never_panic(text in "[0-9.]{0,22}[a-zµ]{0,3}[0-9.]{0,22}[a-zµ]{0,3}") {
        if let Ok(duration) = text.parse::<Duration>() {
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        unpack_as_everything(&bytes);
        for kind in ResourceKind::ALL {
            let _outcome = typed_struct::read(&Any { type_url: kind.type_url().to_owned(), value: bytes.clone() });
        }
    }

    #[test]
    fn damaged_messages_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), value in json()) {
        let fields = Struct { fields: [("key".to_owned(), protobuf_struct::value_from_json(&value))].into() };
        let metadata = xds_proto::pb::envoy::config::core::v3::Metadata {
            filter_metadata: [("istio".to_owned(), fields)].into(),
            ..Default::default()
        };
        let cluster = Cluster { name: "outbound|80||a".into(), metadata: Some(metadata), ..Default::default() };
        let mut bytes = cluster.encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        unpack_as_everything(&bytes);
    }

    #[test]
    fn metadata_is_read_or_refused_but_never_panics(value in json()) {
        let keys = ["LABELS", "INSTANCE_IPS", "POD_PORTS", "DNS_CAPTURE", "STATUS", "ENVOY_STATUS_PORT", "PROXY_CONFIG"];
        for key in keys {
            let metadata = Struct { fields: [(key.to_owned(), protobuf_struct::value_from_json(&value))].into() };
            if let Ok(read) = NodeMetadata::from_struct(&metadata) {
                prop_assert_eq!(NodeMetadata::from_struct(&read.to_struct()).expect("own output"), read);
            }
        }
    }

    #[test]
    fn json_survives_the_round_trip_through_a_struct(value in json()) {
        let there = protobuf_struct::value_from_json(&value);
        let back = protobuf_struct::value_to_json(&there);
        prop_assert_eq!(protobuf_struct::value_from_json(&back), there);
    }
}
