//! Filter chains.

use std::sync::Arc;
use std::time::Duration;

use xds_proto::pb::envoy::config::listener::v3 as pb;
use xds_proto::pb::envoy::config::listener::v3::filter::ConfigType;
use xds_proto::pb::envoy::config::listener::v3::filter_chain_match::ConnectionSourceType;
use xds_proto::pb::envoy::extensions::filters::network::rbac::v3::Rbac;
use xds_proto::pb::google::protobuf::Any;

use crate::config::invalid::InvalidField;
use crate::config::wire::{
    Conversion, Read, at, cidr, each, flag, known, limit, origin, refuse_if, refused, required,
    type_name, uint, unpack,
};
use crate::http::config::proto as http;
use crate::http::filter::proto::{is_harmless_type, rbac};
use crate::listener::Direction;
use crate::listener::filter_chain::{
    ChainMatch, DetectedTransport, FilterChain, Handler, NetworkRbac, ServerName, SourceType,
};
use crate::tcp::config::proto as tcp;
use crate::transport::tls::proto as tls;

/// Time for a TLS handshake where the chain does not say. Envoy has no limit then; a client that connects and never
/// greets must not be held for ever.
const HANDSHAKE: Duration = Duration::from_secs(15);

const HTTP: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const TCP: &str = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const RBAC: &str = "envoy.extensions.filters.network.rbac.v3.RBAC";

pub(super) fn read(
    cx: &mut Conversion<'_>,
    chain: pb::FilterChain,
    direction: Direction,
) -> Read<FilterChain> {
    let pb::FilterChain {
        filter_chain_match,
        filters,
        use_proxy_proto,
        metadata,
        transport_socket,
        transport_socket_connect_timeout,
        name,
    } = chain;
    refuse_if(
        flag(use_proxy_proto) == Some(true),
        "use_proxy_proto",
        "use the proxy_protocol listener filter",
    )?;
    let (rbac, handler) = self::filters(cx, filters, direction)?;
    let matching = filter_chain_match
        .map(matching)
        .transpose()
        .map_err(at("filter_chain_match"))?;
    Ok(FilterChain {
        name: name.into(),
        matching: matching.unwrap_or_default(),
        transport: tls::downstream(cx, transport_socket).map_err(at("transport_socket"))?,
        transport_connect_timeout: limit(
            "transport_socket_connect_timeout",
            transport_socket_connect_timeout,
            Some(HANDSHAKE),
        )?,
        rbac,
        handler,
        origin: origin(metadata.as_ref()),
    })
}

fn filters(
    cx: &mut Conversion<'_>,
    filters: Vec<pb::Filter>,
    direction: Direction,
) -> Read<(Vec<NetworkRbac>, Handler)> {
    let mut guards = Vec::new();
    let mut handler = None;
    for (index, filter) in filters.into_iter().enumerate() {
        let path = format!("filters[{index}]");
        refuse_if(
            handler.is_some(),
            &path,
            "stands after the filter that serves the connection",
        )?;
        match one(cx, filter, direction).map_err(|error| error.within(&path))? {
            Found::Handler(found) => handler = Some(found),
            Found::Guard(guard) => guards.extend(guard),
            Found::Harmless => {}
        }
    }
    let nothing =
        || Handler::Refuse("the filter chain has no filter that serves connections".into());
    Ok((guards, handler.unwrap_or_else(nothing)))
}

enum Found {
    Handler(Handler),
    Guard(Option<NetworkRbac>),
    Harmless,
}

fn one(cx: &mut Conversion<'_>, filter: pb::Filter, direction: Direction) -> Read<Found> {
    let pb::Filter { name, config_type } = filter;
    let any: Any = match required("typed_config", config_type)? {
        ConfigType::TypedConfig(any) => any,
        ConfigType::ConfigDiscovery(_) => {
            return Err(InvalidField::new("config_discovery", "is not supported"));
        }
    };
    match type_name(&any) {
        HTTP => {
            let config = http::read(cx, unpack(&any)?, direction).map_err(at("typed_config"))?;
            Ok(Found::Handler(Handler::Http(Arc::new(config))))
        }
        TCP => {
            let config = tcp::read(cx, unpack(&any)?).map_err(at("typed_config"))?;
            Ok(Found::Handler(Handler::Tcp(Arc::new(config))))
        }
        RBAC => Ok(Found::Guard(
            rbac::network(cx, unpack::<Rbac>(&any)?).map_err(at("typed_config"))?,
        )),
        _ if is_harmless_type(&any) => Ok(Found::Harmless),
        kind => {
            let reason = format!("network filter {name:?} ({kind}) is not supported");
            Err(InvalidField::new("typed_config", reason))
        }
    }
}

fn matching(wanted: pb::FilterChainMatch) -> Read<ChainMatch> {
    let pb::FilterChainMatch {
        destination_port,
        prefix_ranges,
        address_suffix,
        suffix_len,
        direct_source_prefix_ranges,
        source_type,
        source_prefix_ranges,
        source_ports,
        server_names,
        transport_protocol,
        application_protocols,
    } = wanted;
    refused!({
        address_suffix => "is not supported",
        suffix_len => "is not supported",
    });
    let port =
        |path: &str, port: u32| u16::try_from(port).map_err(|error| InvalidField::new(path, error));
    Ok(ChainMatch {
        destination_port: uint(destination_port)
            .map(|value| port("destination_port", value))
            .transpose()?,
        destination_prefixes: each("prefix_ranges", prefix_ranges, cidr)?,
        server_names: each("server_names", server_names, server_name)?,
        transport: match transport_protocol.as_str() {
            "" => None,
            "raw_buffer" => Some(DetectedTransport::RawBuffer),
            "tls" => Some(DetectedTransport::Tls),
            _ => {
                return Err(InvalidField::new(
                    "transport_protocol",
                    "must be raw_buffer or tls",
                ));
            }
        },
        application_protocols: application_protocols
            .into_iter()
            .map(|protocol| protocol.into_bytes().into())
            .collect(),
        direct_source_prefixes: each(
            "direct_source_prefix_ranges",
            direct_source_prefix_ranges,
            cidr,
        )?,
        source_type: match known("source_type", source_type)? {
            ConnectionSourceType::Any => SourceType::Any,
            ConnectionSourceType::SameIpOrLoopback => SourceType::SameIpOrLoopback,
            ConnectionSourceType::External => SourceType::External,
        },
        source_prefixes: each("source_prefix_ranges", source_prefix_ranges, cidr)?,
        source_ports: each("source_ports", source_ports, |value| port("", value))?,
    })
}

fn server_name(name: String) -> Read<ServerName> {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix('*') {
        Some(suffix) => {
            refuse_if(
                !suffix.starts_with('.') || suffix.contains('*'),
                "",
                "a wildcard must have the form *.example.com",
            )?;
            Ok(ServerName::Suffix(suffix.into()))
        }
        None => {
            refuse_if(
                name.contains('*'),
                "",
                "a wildcard must have the form *.example.com",
            )?;
            Ok(ServerName::Exact(name.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use xds_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
    use xds_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::ClusterSpecifier;
    use xds_proto::pb::google::protobuf as gp;

    use super::*;
    use crate::config::not_honoured::NotHonouredFields;
    use crate::http::route::Routes;
    use crate::secret::Secrets;

    fn chain(handshake: Option<i64>) -> FilterChain {
        let proxy = TcpProxy {
            stat_prefix: "x".to_owned(),
            cluster_specifier: Some(ClusterSpecifier::Cluster("web".to_owned())),
            ..TcpProxy::default()
        };
        let filter = pb::Filter {
            name: "tcp".to_owned(),
            config_type: Some(ConfigType::TypedConfig(Any {
                type_url: format!("type.googleapis.com/{TCP}"),
                value: proxy.encode_to_vec(),
            })),
        };
        let chain = pb::FilterChain {
            filters: vec![filter],
            transport_socket_connect_timeout: handshake
                .map(|seconds| gp::Duration { seconds, nanos: 0 }),
            ..pb::FilterChain::default()
        };
        let (secrets, routes) = (Secrets::new(), Routes::new());
        let mut cx = Conversion {
            secrets: &secrets,
            routes: &routes,
            notes: NotHonouredFields::of("listener", "test"),
        };
        read(&mut cx, chain, Direction::Unspecified).expect("a valid chain")
    }

    #[test]
    fn a_handshake_is_bounded_unless_the_chain_says_that_it_is_not() {
        assert_eq!(chain(None).transport_connect_timeout, Some(HANDSHAKE));
        assert_eq!(chain(Some(0)).transport_connect_timeout, None);
        let three = Some(Duration::from_secs(3));
        assert_eq!(chain(Some(3)).transport_connect_timeout, three);
    }

    #[test]
    fn a_tcp_proxy_ends_idle_connections_after_an_hour() {
        let Handler::Tcp(config) = chain(None).handler else {
            panic!("a TCP chain");
        };
        assert_eq!(config.idle_timeout, Some(Duration::from_secs(3_600)));
    }
}
