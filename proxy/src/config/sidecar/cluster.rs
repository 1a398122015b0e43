//! The clusters `xds-grpc` and `ca-grpc`: control plane and certificate authority as ordinary upstreams, so that their
//! connections are opened, verified and shown like any other.

use std::path::Path;

use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily,
};
use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::endpoint::v3 as endpoint;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use xds_proto::pb::envoy::extensions::upstreams::http::v3 as upstream_http;
use xds_proto::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
use xds_proto::resource::pack_any;

/// The server that xDS is asked of.
pub(super) struct Server<'a> {
    /// `host:port`, the host a name or an address.
    pub(super) address: &'a str,
    /// `None` speaks plaintext.
    pub(super) tls: Option<ServerTls<'a>>,
}

/// What its certificate is held against.
pub(super) struct ServerTls<'a> {
    pub(super) server_name: &'a str,
    pub(super) root: &'a Path,
}

/// Builds the cluster; the error says what is wrong with the address.
pub(super) fn cluster(name: &str, server: &Server<'_>) -> Result<Cluster, String> {
    let (host, port) = split(server.address)?;
    let discovery = if host.parse::<std::net::IpAddr>().is_ok() {
        DiscoveryType::Static
    } else {
        DiscoveryType::StrictDns
    };
    let http = upstream_http::HttpProtocolOptions {
        upstream_protocol_options: Some(
            upstream_http::http_protocol_options::UpstreamProtocolOptions::ExplicitHttpConfig(
                upstream_http::http_protocol_options::ExplicitHttpConfig {
                    protocol_config: Some(
                        upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig::Http2ProtocolOptions(
                            core::Http2ProtocolOptions::default(),
                        ),
                    ),
                },
            ),
        ),
        ..Default::default()
    };
    Ok(Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(discovery.into())),
        connect_timeout: Some(xds_proto::pb::google::protobuf::Duration {
            seconds: 1,
            nanos: 0,
        }),
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        load_assignment: Some(assignment(name, host, port)),
        typed_extension_protocol_options: [(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_owned(),
            pack_any(&http),
        )]
        .into(),
        transport_socket: server.tls.as_ref().map(transport_socket),
        ..Default::default()
    })
}

fn split(address: &str) -> Result<(&str, u16), String> {
    let wrong = || format!("address {address:?} is not host:port");
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    Ok((
        host.trim_matches(['[', ']']),
        port.parse().map_err(|_| wrong())?,
    ))
}

fn assignment(name: &str, host: &str, port: u16) -> endpoint::ClusterLoadAssignment {
    let address = core::Address {
        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
            address: host.to_owned(),
            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port.into())),
            ..Default::default()
        })),
    };
    let identifier = endpoint::lb_endpoint::HostIdentifier::Endpoint(endpoint::Endpoint {
        address: Some(address),
        ..Default::default()
    });
    endpoint::ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints: vec![endpoint::LocalityLbEndpoints {
            lb_endpoints: vec![endpoint::LbEndpoint {
                host_identifier: Some(identifier),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn transport_socket(server: &ServerTls<'_>) -> core::TransportSocket {
    let root = core::DataSource {
        specifier: Some(core::data_source::Specifier::Filename(
            server.root.display().to_string(),
        )),
        ..Default::default()
    };
    let name = tls::SubjectAltNameMatcher {
        san_type: tls::subject_alt_name_matcher::SanType::Dns.into(),
        matcher: Some(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(server.server_name.to_owned())),
            ..Default::default()
        }),
        ..Default::default()
    };
    let validation = tls::CertificateValidationContext {
        trusted_ca: Some(root),
        match_typed_subject_alt_names: vec![name],
        ..Default::default()
    };
    let context = tls::UpstreamTlsContext {
        sni: server.server_name.to_owned(),
        common_tls_context: Some(tls::CommonTlsContext {
            alpn_protocols: vec!["h2".to_owned()],
            validation_context_type: Some(
                tls::common_tls_context::ValidationContextType::ValidationContext(validation),
            ),
            ..Default::default()
        }),
        ..Default::default()
    };
    core::TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(pack_any(
            &context,
        ))),
    }
}
