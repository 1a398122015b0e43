//! Settings of HTTP filters for single routes: faults and cross-origin rules.

use super::action;
use crate::generate::wire;
use crate::model::http_action::{
    AbortStatus, Cors, Fault, FaultAbort, FaultDelay, PerMillion, UnmatchedPreflights,
};
use crate::model::route::HttpRoute;
use std::collections::HashMap;
use xds_proto::pb::envoy::config::core::v3::RuntimeFractionalPercent;
use xds_proto::pb::envoy::extensions::filters::common::fault::v3::{
    FaultDelay as DelayProto, fault_delay,
};
use xds_proto::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use xds_proto::pb::envoy::extensions::filters::http::fault::v3::{
    FaultAbort as AbortProto, HttpFault, fault_abort,
};
use xds_proto::pb::google::protobuf::Any;
use xds_proto::well_known::filter;

/// The settings that a rule makes.
pub(super) fn settings(rule: &HttpRoute) -> HashMap<String, Any> {
    let fault = rule.fault.as_ref().map(|fault| {
        (
            filter::HTTP_FAULT.name.to_owned(),
            wire::any(&lower_fault(fault)),
        )
    });
    let cors = rule
        .cors
        .as_ref()
        .map(|cors| (filter::CORS.name.to_owned(), wire::any(&lower_cors(cors))));
    fault.into_iter().chain(cors).collect()
}

fn lower_fault(fault: &Fault) -> HttpFault {
    HttpFault {
        delay: fault.delay.map(
            |FaultDelay {
                 duration,
                 percentage,
             }| DelayProto {
                percentage: Some(action::fraction(percentage)),
                fault_delay_secifier: Some(fault_delay::FaultDelaySecifier::FixedDelay(
                    wire::duration(duration),
                )),
            },
        ),
        abort: fault
            .abort
            .map(|FaultAbort { status, percentage }| AbortProto {
                percentage: Some(action::fraction(percentage)),
                error_type: Some(match status {
                    AbortStatus::Http(status) => fault_abort::ErrorType::HttpStatus(status.into()),
                    AbortStatus::Grpc(status) => fault_abort::ErrorType::GrpcStatus(status),
                }),
                ..AbortProto::default()
            }),
        ..HttpFault::default()
    }
}

fn lower_cors(cors: &Cors) -> CorsPolicy {
    let joined = |names: &[crate::model::Name]| names.join(",");
    CorsPolicy {
        allow_origin_string_match: cors.allow_origins.iter().map(wire::string_match).collect(),
        allow_methods: joined(&cors.allow_methods),
        allow_headers: joined(&cors.allow_headers),
        expose_headers: joined(&cors.expose_headers),
        max_age: cors
            .max_age
            .map(|age| age.as_secs().to_string())
            .unwrap_or_default(),
        allow_credentials: cors.allow_credentials.map(wire::truth),
        filter_enabled: Some(RuntimeFractionalPercent {
            default_value: Some(action::fraction(PerMillion::ALL)),
            ..RuntimeFractionalPercent::default()
        }),
        forward_not_matching_preflights: Some(wire::truth(match cors.unmatched_preflights {
            UnmatchedPreflights::Forward => true,
            UnmatchedPreflights::Ignore => false,
        })),
        ..CorsPolicy::default()
    }
}
