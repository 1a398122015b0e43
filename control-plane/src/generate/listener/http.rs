//! The network filter that serves HTTP.

use super::chain::{Chain, Matching};
use crate::generate::{access_log, http_filters, wire};
use crate::model::service::Protocol;
use crate::scope::{PathNormalization, Scope};
use std::time::Duration;
use xds_proto::pb::envoy::config::core::v3::Http1ProtocolOptions;
use xds_proto::pb::envoy::config::listener::v3::{Filter, filter::ConfigType};
use xds_proto::pb::envoy::config::route::v3::RouteConfiguration;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    ForwardClientCertDetails, PathWithEscapedSlashesAction, RouteSpecifier, SetCurrentClientCertDetails, UpgradeConfig,
};
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::{HttpConnectionManager, Rds};
use xds_proto::well_known::filter;

/// What `server` says in answers, as Istio's sidecars do.
const SERVER: &str = "istio-envoy";
/// Largest head of a request.
const MAX_REQUEST_HEADERS_KB: u32 = 60;

/// Serves requests of the workload by the route table with this name.
pub(super) fn outbound(scope: &Scope, stat_prefix: String, table: String) -> Filter {
    let rds = Rds {
        config_source: Some(wire::ads()),
        route_config_name: table,
    };
    manager(
        scope,
        HttpConnectionManager {
            stat_prefix,
            route_specifier: Some(RouteSpecifier::Rds(rds)),
            http_filters: http_filters::outbound(),
            ..HttpConnectionManager::default()
        },
    )
}

/// The chain of the listener `name` that serves requests of the workload by the route table `table`.
pub(super) fn chain(scope: &Scope, name: &str, table: String, matching: Option<Matching>) -> Chain {
    Chain {
        name: name.to_owned(),
        matching,
        filters: vec![outbound(scope, format!("outbound_{name};"), table)],
        transport: None,
        metadata: None,
    }
}

/// Serves requests to the workload by this table.
pub(super) fn inbound(
    scope: &Scope,
    stat_prefix: String,
    table: RouteConfiguration,
    protocol: Protocol,
) -> Filter {
    manager(
        scope,
        HttpConnectionManager {
            stat_prefix,
            route_specifier: Some(RouteSpecifier::RouteConfig(table)),
            http_filters: http_filters::inbound(scope, protocol),
            // The caller's proven identity is added to what earlier hops proved.
            forward_client_cert_details: ForwardClientCertDetails::AppendForward.into(),
            set_current_client_cert_details: Some(SetCurrentClientCertDetails {
                subject: Some(wire::truth(true)),
                dns: true,
                uri: true,
                ..SetCurrentClientCertDetails::default()
            }),
            ..HttpConnectionManager::default()
        },
    )
}

/// Fills in what both directions share.
fn manager(scope: &Scope, specific: HttpConnectionManager) -> Filter {
    let normalization = scope.mesh.path_normalization;
    let config = HttpConnectionManager {
        server_name: SERVER.to_owned(),
        use_remote_address: Some(wire::truth(false)),
        generate_request_id: Some(wire::truth(true)),
        stream_idle_timeout: Some(wire::duration(Duration::ZERO)),
        upgrade_configs: vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..UpgradeConfig::default()
        }],
        max_request_headers_kb: Some(wire::number(MAX_REQUEST_HEADERS_KB)),
        http_protocol_options: scope.class.http10.then(|| Http1ProtocolOptions {
            accept_http_10: true,
            ..Http1ProtocolOptions::default()
        }),
        normalize_path: Some(wire::truth(normalization != PathNormalization::None)),
        merge_slashes: match normalization {
            PathNormalization::None | PathNormalization::Base => false,
            PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes => true,
        },
        path_with_escaped_slashes_action: match normalization {
            PathNormalization::None | PathNormalization::Base | PathNormalization::MergeSlashes => {
                PathWithEscapedSlashesAction::KeepUnchanged
            }
            PathNormalization::DecodeAndMergeSlashes => {
                PathWithEscapedSlashesAction::UnescapeAndForward
            }
        }
        .into(),
        access_log: access_log::logs(scope),
        ..specific
    };
    Filter {
        name: filter::HTTP_CONNECTION_MANAGER.name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(wire::any(&config))),
    }
}
