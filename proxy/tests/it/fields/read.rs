//! How the proxy reads a message: by itself, or inside another one.

use std::sync::LazyLock;

use prost::{Message as _, bytes::Bytes};
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use tulle_proxy::cluster::{ClusterConfig, EndpointSet};
use tulle_proxy::config::bootstrap::Bootstrap;
use tulle_proxy::config::not_honoured::{NotHonoured, NotHonouredFields};
use tulle_proxy::config::wire::Conversion;
use tulle_proxy::http::route::{RouteTable, Routes};
use tulle_proxy::listener::Listener;
use tulle_proxy::secret::Secrets;
use xds_proto::pb::envoy::config::bootstrap::v3 as bootstrap;
use xds_proto::pb::envoy::config::cluster::v3 as cluster;
use xds_proto::pb::envoy::config::endpoint::v3 as endpoint;
use xds_proto::pb::envoy::config::listener::v3 as listener;
use xds_proto::pb::envoy::config::route::v3 as route;
use xds_proto::pb::google::protobuf::Any;

use super::cases::{CLUSTER, HTTP, LISTENER, MANAGER, ROUTES};
use super::samples;

/// What became of a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// What the proxy runs, as words in the order of the alphabet, since maps have no order.
    pub(super) runs: Vec<String>,
    /// Paths that are named as not honoured, and what happens instead.
    pub(super) named: Vec<(String, String)>,
}

pub(super) type Outcome = Result<Reading, (String, String)>;

const TYPES: &str = "type.googleapis.com/";

/// A word, or what differs from one reading to the next: numbers of the process and the time of day.
static WORD: LazyLock<regex::Regex> = LazyLock::new(|| {
    regex::Regex::new(r"\b(id: \d+|tv_n?sec: \d+)|[\w./\-\[\]]+").expect("a valid pattern")
});

fn reading(runs: &impl std::fmt::Debug, named: Vec<NotHonoured>) -> Reading {
    let text = format!("{runs:?}");
    let mut runs: Vec<_> = WORD
        .captures_iter(&text)
        .filter(|found| found.get(1).is_none())
        .map(|found| found[0].to_owned())
        .collect();
    runs.sort_unstable();
    let named = named
        .into_iter()
        .map(|one| (one.path.into(), one.instead.to_owned()));
    Reading {
        runs,
        named: named.collect(),
    }
}

pub(super) fn decode<M: prost::Message + Default>(message: &DynamicMessage) -> M {
    M::decode(message.encode_to_vec().as_slice()).expect("both sides are generated from one source")
}

fn any(message: &DynamicMessage) -> Any {
    Any {
        type_url: format!("{TYPES}{}", message.descriptor().full_name()),
        value: message.encode_to_vec(),
    }
}

/// Runs `read` with empty stores.
fn converted<T>(read: impl FnOnce(Conversion<'_>) -> T) -> T {
    let (secrets, routes) = (Secrets::new(), Routes::default());
    read(Conversion {
        secrets: &secrets,
        routes: &routes,
        notes: NotHonouredFields::of("resource", "name"),
    })
}

pub(super) fn listener_of(message: listener::Listener) -> Outcome {
    let read = converted(|cx| Listener::from_proto(message, Bytes::new(), cx));
    let mut read = read.map_err(|error| (error.field.path, error.field.reason))?;
    let named = std::mem::take(&mut read.not_honoured);
    Ok(reading(&read, named))
}

pub(super) fn cluster_of(message: cluster::Cluster) -> Outcome {
    let read = converted(|cx| ClusterConfig::from_proto(message, Bytes::new(), cx));
    let (mut config, set) = read.map_err(|error| (error.field.path, error.field.reason))?;
    let named = std::mem::take(&mut config.not_honoured);
    Ok(reading(&(config, set), named))
}

pub(super) fn routes_of(message: route::RouteConfiguration) -> Outcome {
    let read = converted(|cx| RouteTable::from_proto(message, Bytes::new(), cx));
    let mut read = read.map_err(|error| (error.field.path, error.field.reason))?;
    let named = std::mem::take(&mut read.not_honoured);
    Ok(reading(&read, named))
}

pub(super) fn endpoints_of(message: endpoint::ClusterLoadAssignment) -> Outcome {
    let read = converted(|cx| EndpointSet::from_proto(message, cx));
    let mut read = read.map_err(|error| (error.field.path, error.field.reason))?;
    let named = std::mem::take(&mut read.not_honoured).to_vec();
    Ok(reading(&read, named))
}

pub(super) fn bootstrap_of(message: bootstrap::Bootstrap) -> Outcome {
    let read = Bootstrap::try_from(message).map_err(|error| (String::new(), error.to_string()))?;
    let Bootstrap {
        node,
        listeners,
        clusters,
        secrets,
        ads,
        lds,
        cds,
        stats,
        admin,
        not_honoured,
        message: _,
    } = read;
    let runs = (
        (node, listeners, clusters, secrets),
        (ads, lds, cds, stats, admin),
    );
    Ok(reading(&runs, not_honoured))
}

/// The listener of the sample with another message in one place.
fn in_listener(put: impl FnOnce(&mut listener::Listener)) -> Outcome {
    let mut message = decode(&samples::parse(
        "envoy.config.listener.v3.Listener",
        LISTENER,
    ));
    put(&mut message);
    listener_of(message)
}

pub(super) fn network_filter(message: &DynamicMessage) -> Outcome {
    let config = any(message);
    in_listener(|listener| {
        let filters = &mut listener.filter_chains[0].filters;
        let filter = listener::Filter {
            name: "under test".to_owned(),
            config_type: Some(listener::filter::ConfigType::TypedConfig(config)),
        };
        if message.descriptor().name() == "RBAC" {
            filters.insert(0, filter);
        } else {
            filters[0] = filter;
        }
    })
}

pub(super) fn listener_filter(message: &DynamicMessage) -> Outcome {
    let config = any(message);
    in_listener(|listener| {
        listener.listener_filters.push(listener::ListenerFilter {
            name: "under test".to_owned(),
            config_type: Some(listener::listener_filter::ConfigType::TypedConfig(config)),
            ..Default::default()
        });
    })
}

pub(super) fn access_logger(message: &DynamicMessage) -> Outcome {
    let config = any(message);
    in_listener(|listener| {
        use xds_proto::pb::envoy::config::accesslog::v3::{AccessLog, access_log::ConfigType};
        listener.access_log.push(AccessLog {
            name: "under test".to_owned(),
            filter: None,
            config_type: Some(ConfigType::TypedConfig(config)),
        });
    })
}

pub(super) fn downstream_tls(message: &DynamicMessage) -> Outcome {
    let socket = transport_socket(message);
    in_listener(|listener| listener.filter_chains[0].transport_socket = Some(socket))
}

fn transport_socket(
    message: &DynamicMessage,
) -> xds_proto::pb::envoy::config::core::v3::TransportSocket {
    use xds_proto::pb::envoy::config::core::v3::{TransportSocket, transport_socket::ConfigType};
    TransportSocket {
        name: "under test".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any(message))),
    }
}

pub(super) fn upstream_tls(message: &DynamicMessage) -> Outcome {
    let mut cluster: cluster::Cluster =
        decode(&samples::parse("envoy.config.cluster.v3.Cluster", CLUSTER));
    cluster.transport_socket = Some(transport_socket(message));
    cluster_of(cluster)
}

pub(super) fn upstream_http(message: &DynamicMessage) -> Outcome {
    let mut cluster: cluster::Cluster =
        decode(&samples::parse("envoy.config.cluster.v3.Cluster", CLUSTER));
    let key = message.descriptor().full_name().to_owned();
    cluster
        .typed_extension_protocol_options
        .insert(key, any(message));
    cluster_of(cluster)
}

pub(super) fn http_filter(message: &DynamicMessage) -> Outcome {
    let mut manager = samples::parse(MANAGER, HTTP);
    let field = manager
        .descriptor()
        .get_field_by_name("http_filters")
        .expect("is there");
    let kind = field.kind();
    let filter = kind.as_message().expect("filters are messages");
    let mut wrapped = DynamicMessage::new(filter.clone());
    wrapped.set_field_by_name(
        "name",
        prost_reflect::Value::String("under test".to_owned()),
    );
    let config = filter.get_field_by_name("typed_config").expect("is there");
    let config_kind = config.kind();
    let mut packed = DynamicMessage::new(config_kind.as_message().expect("any").clone());
    packed.transcode_from(&any(message)).expect("one source");
    wrapped.set_field(&config, prost_reflect::Value::Message(packed));
    let filters = manager.get_field_mut(&field).as_list_mut().expect("a list");
    match message.descriptor().name() {
        "Router" => *filters = vec![prost_reflect::Value::Message(wrapped)],
        _ => filters.insert(0, prost_reflect::Value::Message(wrapped)),
    }
    network_filter(&manager)
}

pub(super) fn route_filter(message: &DynamicMessage) -> Outcome {
    let mut table: route::RouteConfiguration = decode(&samples::parse(
        "envoy.config.route.v3.RouteConfiguration",
        ROUTES,
    ));
    let filters = &mut table.virtual_hosts[0].routes[0].typed_per_filter_config;
    filters.insert("under test".to_owned(), any(message));
    routes_of(table)
}
