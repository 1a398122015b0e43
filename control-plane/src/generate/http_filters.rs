//! HTTP filters, in the order in which requests meet them.

use super::{authz, wire};
use crate::model::service::Protocol;
use crate::scope::Scope;
use prost::{Message, Name};
use xds_proto::pb::envoy::extensions::filters::http::cors::v3::Cors;
use xds_proto::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use xds_proto::pb::envoy::extensions::filters::http::grpc_web::v3::GrpcWeb;
use xds_proto::pb::envoy::extensions::filters::http::router::v3::Router;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpFilter, http_filter::ConfigType,
};
use xds_proto::well_known::filter;

/// For requests of the workload to others.
pub(crate) fn outbound() -> Vec<HttpFilter> {
    vec![
        optional(filter::HTTP_FAULT.name, &HttpFault::default()),
        optional(filter::CORS.name, &Cors::default()),
        router(),
    ]
}

/// For requests of others to the workload.
pub(crate) fn inbound(scope: &Scope, protocol: Protocol) -> Vec<HttpFilter> {
    let grpc_web = (protocol == Protocol::GrpcWeb)
        .then(|| optional(filter::GRPC_WEB.name, &GrpcWeb::default()));
    authz::http_filter(scope)
        .into_iter()
        .chain(grpc_web)
        .chain([router()])
        .collect()
}

fn router() -> HttpFilter {
    named(filter::ROUTER.name, &Router::default())
}

/// A proxy that does not know the filter may leave it out: it guards nothing.
fn optional<M: Message + Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        is_optional: true,
        ..named(name, config)
    }
}

fn named<M: Message + Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(wire::any(config))),
        ..HttpFilter::default()
    }
}
