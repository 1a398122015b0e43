//! Which HTTP version a cluster speaks.

use crate::generate::wire;
use crate::model::service::Protocol;
use crate::model::traffic_policy::{ConnectionPool, H2Upgrade, Http2Keepalive, PortPolicy};
use crate::scope::Scope;
use std::collections::HashMap;
use xds_proto::pb::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions,
    KeepaliveSettings,
};
use xds_proto::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use xds_proto::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
    explicit_http_config::ProtocolConfig,
};
use xds_proto::pb::google::protobuf::{Any, UInt64Value};
use xds_proto::well_known::filter;

type Options = HashMap<String, Any>;

/// The options of a service port; none where bytes are carried.
pub(super) fn options(scope: &Scope, protocol: Protocol, policy: &PortPolicy) -> Options {
    let pool = policy.connection_pool.clone().unwrap_or_default();
    let upgrade = match pool.h2_upgrade.unwrap_or(H2Upgrade::Default) {
        H2Upgrade::Default => scope.mesh.h2_upgrade,
        H2Upgrade::Yes => true,
        H2Upgrade::No => false,
    };
    match protocol {
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb
            if pool.use_client_protocol =>
        {
            packed(&pool, use_downstream(&pool))
        }
        Protocol::Http | Protocol::GrpcWeb if upgrade => packed(&pool, http2(&pool)),
        Protocol::Http | Protocol::GrpcWeb => packed(&pool, http1()),
        Protocol::Http2 | Protocol::Grpc => packed(&pool, http2(&pool)),
        Protocol::Auto => packed(&pool, use_downstream(&pool)),
        Protocol::Https
        | Protocol::Tls
        | Protocol::Tcp
        | Protocol::Mongo
        | Protocol::Redis
        | Protocol::MySql
        | Protocol::Udp
        | Protocol::Unsupported => Options::new(),
    }
}

/// The client's version, whatever it is.
pub(super) fn as_the_client(_scope: &Scope) -> Options {
    let pool = ConnectionPool::default();
    packed(&pool, use_downstream(&pool))
}

/// A wrapped number.
pub(super) fn number64(value: u64) -> UInt64Value {
    UInt64Value { value }
}

fn http1() -> UpstreamProtocolOptions {
    let config = ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default());
    UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
        protocol_config: Some(config),
    })
}

fn http2(pool: &ConnectionPool) -> UpstreamProtocolOptions {
    let config = ProtocolConfig::Http2ProtocolOptions(http2_options(pool));
    UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
        protocol_config: Some(config),
    })
}

fn use_downstream(pool: &ConnectionPool) -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
        http_protocol_options: Some(Http1ProtocolOptions::default()),
        http2_protocol_options: Some(http2_options(pool)),
        ..UseDownstreamHttpConfig::default()
    })
}

fn http2_options(pool: &ConnectionPool) -> Http2ProtocolOptions {
    let ping = pool
        .http2_keepalive
        .map(|Http2Keepalive { interval, timeout }| KeepaliveSettings {
            interval: interval.map(wire::duration),
            timeout: timeout.map(wire::duration),
            ..KeepaliveSettings::default()
        });
    Http2ProtocolOptions {
        max_concurrent_streams: pool
            .max_concurrent_streams
            .filter(|&streams| streams > 0)
            .map(wire::number),
        connection_keepalive: ping,
        ..Http2ProtocolOptions::default()
    }
}

fn packed(pool: &ConnectionPool, version: UpstreamProtocolOptions) -> Options {
    let common = CommonOptions {
        idle_timeout: pool.http_idle_timeout.map(wire::duration),
        max_connection_duration: pool.max_connection_duration.map(wire::duration),
        max_requests_per_connection: pool
            .max_requests_per_connection
            .filter(|&most| most > 0)
            .map(wire::number),
        ..CommonOptions::default()
    };
    let options = HttpProtocolOptions {
        common_http_protocol_options: (common != CommonOptions::default()).then_some(common),
        upstream_protocol_options: Some(version),
        ..HttpProtocolOptions::default()
    };
    [(
        filter::HTTP_PROTOCOL_OPTIONS.name.to_owned(),
        wire::any(&options),
    )]
    .into()
}
