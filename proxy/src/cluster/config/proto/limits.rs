//! Circuit breakers and outlier detection of a cluster.

use std::time::Duration;

use xds_proto::pb::envoy::config::cluster::v3 as pb;
use xds_proto::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use xds_proto::pb::envoy::config::cluster::v3::circuit_breakers::thresholds::RetryBudget as WireBudget;
use xds_proto::pb::envoy::config::core::v3::RoutingPriority;

use crate::cluster::circuit_breaker::{BreakerLimits, Limits, RetryBudget};
use crate::cluster::outlier::{FailurePercentage, OutlierConfig, SuccessRate, Trigger};
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, at, each, flag, float_percent, known, percent, positive, uint,
};

pub(super) fn breakers(
    cx: &mut Conversion<'_>,
    breakers: pb::CircuitBreakers,
) -> Read<BreakerLimits> {
    let pb::CircuitBreakers {
        thresholds,
        per_host_thresholds,
    } = breakers;
    named!(cx.notes, "circuit_breakers.", {
        per_host_thresholds => "endpoints have no limits of their own",
    });
    let mut limits = BreakerLimits::default();
    let all = each("circuit_breakers.thresholds", thresholds, |one| {
        threshold(cx, one)
    })?;
    // As in Envoy, of several for one priority the first counts.
    for (priority, read) in all.into_iter().rev() {
        match priority {
            RoutingPriority::Default => limits.default = read,
            RoutingPriority::High => limits.high = read,
        }
    }
    Ok(limits)
}

fn threshold(cx: &mut Conversion<'_>, threshold: Thresholds) -> Read<(RoutingPriority, Limits)> {
    let Thresholds {
        priority,
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        retry_budget,
        track_remaining,
        max_connection_pools,
    } = threshold;
    named!(cx.notes, "circuit_breakers.thresholds.", {
        max_connection_pools => "pools are not limited",
    });
    let defaults = Limits::default();
    let limits = Limits {
        connections: uint(max_connections).unwrap_or(defaults.connections),
        pending: uint(max_pending_requests).unwrap_or(defaults.pending),
        requests: uint(max_requests).unwrap_or(defaults.requests),
        retries: uint(max_retries).unwrap_or(defaults.retries),
        track_remaining,
        budget: retry_budget
            .map(|wire| budget(cx, wire))
            .transpose()
            .map_err(at("retry_budget"))?,
    };
    Ok((known("priority", priority)?, limits))
}

fn budget(cx: &mut Conversion<'_>, budget: WireBudget) -> Read<RetryBudget> {
    let WireBudget {
        budget_percent,
        budget_interval,
        min_retry_concurrency,
    } = budget;
    named!(cx.notes, "circuit_breakers.thresholds.retry_budget.", {
        budget_interval => "requests under way count",
    });
    let percent = budget_percent
        .map(|value| float_percent("budget_percent", value))
        .transpose()?
        .unwrap_or(20.0);
    Ok(RetryBudget {
        percent,
        min_concurrency: uint(min_retry_concurrency).unwrap_or(3),
    })
}

pub(super) fn outlier(cx: &mut Conversion<'_>, rules: pb::OutlierDetection) -> Read<OutlierConfig> {
    let pb::OutlierDetection {
        consecutive_5xx,
        interval,
        base_ejection_time,
        max_ejection_percent,
        enforcing_consecutive_5xx,
        enforcing_success_rate,
        success_rate_minimum_hosts,
        success_rate_request_volume,
        success_rate_stdev_factor,
        consecutive_gateway_failure,
        enforcing_consecutive_gateway_failure,
        split_external_local_origin_errors,
        consecutive_local_origin_failure,
        enforcing_consecutive_local_origin_failure,
        enforcing_local_origin_success_rate,
        failure_percentage_threshold,
        enforcing_failure_percentage,
        enforcing_failure_percentage_local_origin,
        failure_percentage_minimum_hosts,
        failure_percentage_request_volume,
        max_ejection_time,
        max_ejection_time_jitter,
        successful_active_health_check_uneject_host: _, // health_checks are named
        monitors,
        always_eject_one_host,
        detect_degraded_hosts,
    } = rules;
    let n = &mut cx.notes;
    let together = "local and external failures are compared together";
    n.note(
        "outlier_detection.enforcing_local_origin_success_rate",
        &enforcing_local_origin_success_rate,
        together,
    );
    n.note(
        "outlier_detection.enforcing_failure_percentage_local_origin",
        &enforcing_failure_percentage_local_origin,
        together,
    );
    named!(n, "outlier_detection.", {
        monitors => "extension monitors are not supported",
        detect_degraded_hosts => "degraded endpoints come from EDS only",
    });
    let base = positive(
        "base_ejection_time",
        base_ejection_time,
        Duration::from_secs(30),
    )?;
    let longest = base.max(Duration::from_secs(300));
    let jitter =
        crate::config::wire::duration("max_ejection_time_jitter", max_ejection_time_jitter)?;
    Ok(OutlierConfig {
        interval: positive("interval", interval, Duration::from_secs(10))?,
        base_ejection_time: base,
        max_ejection_time: positive("max_ejection_time", max_ejection_time, longest)?,
        max_ejection_jitter: jitter.unwrap_or_default(),
        max_ejection_percent: percent("max_ejection_percent", uint(max_ejection_percent), 10)?,
        always_eject_one: flag(always_eject_one_host).unwrap_or(true),
        consecutive_5xx: trigger(
            "consecutive_5xx",
            (uint(consecutive_5xx), uint(enforcing_consecutive_5xx)),
            100,
        )?,
        consecutive_gateway: trigger(
            "consecutive_gateway_failure",
            (
                uint(consecutive_gateway_failure),
                uint(enforcing_consecutive_gateway_failure),
            ),
            0,
        )?,
        consecutive_local: trigger(
            "consecutive_local_origin_failure",
            (
                uint(consecutive_local_origin_failure),
                uint(enforcing_consecutive_local_origin_failure),
            ),
            100,
        )?,
        split_local: split_external_local_origin_errors,
        success_rate: success_rate(SuccessRate {
            minimum_hosts: uint(success_rate_minimum_hosts).unwrap_or(5),
            request_volume: uint(success_rate_request_volume).unwrap_or(100),
            stdev_factor: f64::from(uint(success_rate_stdev_factor).unwrap_or(1900)) / 1000.0,
            enforcing: percent("enforcing_success_rate", uint(enforcing_success_rate), 100)?,
        }),
        failure_percentage: failure_percentage(FailurePercentage {
            threshold: percent(
                "failure_percentage_threshold",
                uint(failure_percentage_threshold),
                85,
            )?,
            minimum_hosts: uint(failure_percentage_minimum_hosts).unwrap_or(5),
            request_volume: uint(failure_percentage_request_volume).unwrap_or(50),
            enforcing: percent(
                "enforcing_failure_percentage",
                uint(enforcing_failure_percentage),
                0,
            )?,
        }),
    })
}

/// A count of failures in a row; 5 where none is given, off where the count or its enforcement is 0.
fn trigger(
    path: &str,
    (count, enforcing): (Option<u32>, Option<u32>),
    default: u8,
) -> Read<Option<Trigger>> {
    let enforcing = percent(path, enforcing, default)?;
    let count = count.unwrap_or(5);
    Ok((enforcing > 0 && count > 0).then_some(Trigger { count, enforcing }))
}

fn success_rate(rule: SuccessRate) -> Option<SuccessRate> {
    (rule.enforcing > 0).then_some(rule)
}

fn failure_percentage(rule: FailurePercentage) -> Option<FailurePercentage> {
    (rule.enforcing > 0).then_some(rule)
}
