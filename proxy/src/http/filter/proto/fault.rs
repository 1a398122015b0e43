//! Faults.

use std::time::Duration;

use xds_proto::pb::envoy::extensions::filters::common::fault::v3::FaultDelay;
use xds_proto::pb::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use xds_proto::pb::envoy::extensions::filters::http::fault::v3::fault_abort::ErrorType;
use xds_proto::pb::envoy::extensions::filters::http::fault::v3::{FaultAbort, HttpFault};

use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, duration, each, fraction, refuse_if, refused, required, uint,
};
use crate::http::filter::fault::{Abort, FaultPolicy};
use crate::http::route::Fraction;
use crate::matcher::proto as matcher;

pub(super) fn read(cx: &mut Conversion<'_>, fault: HttpFault) -> Read<FaultPolicy> {
    let HttpFault {
        delay,
        abort,
        upstream_cluster,
        headers,
        downstream_nodes,
        max_active_faults,
        response_rate_limit,
        // keys of a runtime: see `wire::runtime_fraction`
        delay_percent_runtime: _,
        abort_percent_runtime: _,
        delay_duration_runtime: _,
        abort_http_status_runtime: _,
        max_active_faults_runtime: _,
        response_rate_limit_percent_runtime: _,
        abort_grpc_status_runtime: _,
        disable_downstream_cluster_stats: _, // statistics that are not kept
        filter_metadata,
    } = fault;
    named!(cx.notes, "fault.", {
        filter_metadata => "nothing reads it",
        response_rate_limit => "responses are not slowed",
    });
    refused!({
        downstream_nodes => "is not supported; match headers instead",
    });
    Ok(FaultPolicy {
        delay: delay
            .map(|delay| self::delay(cx, delay))
            .transpose()?
            .flatten(),
        abort: abort
            .map(|abort| self::abort(cx, abort))
            .transpose()?
            .flatten(),
        upstream_cluster: (!upstream_cluster.is_empty()).then(|| upstream_cluster.into()),
        headers: each("headers", headers, matcher::header)?,
        max_active: uint(max_active_faults),
    })
}

fn delay(cx: &mut Conversion<'_>, delay: FaultDelay) -> Read<Option<(Duration, Fraction)>> {
    let FaultDelay {
        percentage,
        fault_delay_secifier,
    } = delay;
    let share = fraction("delay.percentage", percentage.unwrap_or_default())?;
    match required("delay", fault_delay_secifier)? {
        FaultDelaySecifier::FixedDelay(fixed) => {
            let fixed = duration("delay.fixed_delay", Some(fixed))?.unwrap_or_default();
            refuse_if(fixed.is_zero(), "delay.fixed_delay", "must be above zero")?;
            Ok(Some((fixed, share)))
        }
        FaultDelaySecifier::HeaderDelay(_) => {
            cx.notes
                .push("fault.delay.header_delay", "clients cannot ask for delays");
            Ok(None)
        }
    }
}

fn abort(cx: &mut Conversion<'_>, abort: FaultAbort) -> Read<Option<(Abort, Fraction)>> {
    let FaultAbort {
        percentage,
        response_body,
        error_type,
    } = abort;
    named!(cx.notes, "fault.abort.", {
        response_body => "the body is that of other replies of the proxy",
    });
    let share = fraction("abort.percentage", percentage.unwrap_or_default())?;
    match required("abort", error_type)? {
        ErrorType::HttpStatus(status) => {
            let status = u16::try_from(status)
                .ok()
                .filter(|status| (200..600).contains(status));
            let status = required("abort.http_status (200 to 599)", status)?;
            Ok(Some((Abort::Http(status), share)))
        }
        ErrorType::GrpcStatus(status) => Ok(Some((Abort::Grpc(status), share))),
        ErrorType::HeaderAbort(_) => {
            cx.notes
                .push("fault.abort.header_abort", "clients cannot ask for aborts");
            Ok(None)
        }
    }
}
