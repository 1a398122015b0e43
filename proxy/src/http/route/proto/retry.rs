//! Retry policies.

use std::time::Duration;

use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::retry_policy::{RetryBackOff, RetryHostPredicate};

use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, each, limit, positive, refuse_if, uint};
use crate::http::route::{RetryOn, RetryPolicy};
use crate::matcher::proto as matcher;

const BASE: Duration = Duration::from_millis(25);

pub(super) fn policy(cx: &mut Conversion<'_>, policy: pb::RetryPolicy) -> Read<RetryPolicy> {
    let pb::RetryPolicy {
        retry_on,
        num_retries,
        per_try_timeout,
        per_try_idle_timeout,
        retry_priority,
        retry_host_predicate,
        retry_options_predicates,
        host_selection_retry_max_attempts,
        retriable_status_codes,
        retry_back_off,
        rate_limited_retry_back_off,
        retriable_headers,
        retriable_request_headers,
        refresh_cluster_on_retry,
    } = policy;
    let n = &mut cx.notes;
    named!(n, "retry_policy.", {
        retry_priority => "retries follow the load of the priorities",
        retry_options_predicates => "retries keep their options",
        refresh_cluster_on_retry => "the cluster is kept",
        rate_limited_retry_back_off => "retry_back_off counts for every retry",
    });
    let (on, unknown) = RetryOn::parse(&retry_on);
    let (statuses, unknown): (Vec<_>, Vec<_>) = unknown
        .iter()
        .partition(|token| token.parse::<u16>().is_ok());
    if !unknown.is_empty() {
        n.push(
            "retry_policy.retry_on",
            "some of its conditions are unknown and never met",
        );
    }
    let mut all_statuses = each("retriable_status_codes", retriable_status_codes, |status| {
        u16::try_from(status).map_err(|error| crate::config::invalid::InvalidField::new("", error))
    })?;
    all_statuses.extend(
        statuses
            .iter()
            .filter_map(|status| status.parse::<u16>().ok()),
    );
    let (base_interval, max_interval) = back_off(retry_back_off)?;
    Ok(RetryPolicy {
        on,
        retries: uint(num_retries).unwrap_or(1),
        per_try_timeout: limit("per_try_timeout", per_try_timeout, None)?,
        per_try_idle_timeout: limit("per_try_idle_timeout", per_try_idle_timeout, None)?,
        statuses: all_statuses,
        response_headers: each("retriable_headers", retriable_headers, matcher::header)?,
        request_headers: each(
            "retriable_request_headers",
            retriable_request_headers,
            matcher::header,
        )?,
        base_interval,
        max_interval,
        avoid_previous_hosts: previous_hosts(cx, retry_host_predicate),
        host_selection_attempts: u32::try_from(host_selection_retry_max_attempts)
            .unwrap_or(0)
            .max(1),
    })
}

fn back_off(back_off: Option<RetryBackOff>) -> Read<(Duration, Duration)> {
    let Some(RetryBackOff {
        base_interval,
        max_interval,
    }) = back_off
    else {
        return Ok((BASE, BASE * 10));
    };
    let base = positive("retry_back_off.base_interval", base_interval, BASE)?;
    let max = positive("retry_back_off.max_interval", max_interval, base * 10)?;
    refuse_if(
        max < base,
        "retry_back_off.max_interval",
        "must not be below base_interval",
    )?;
    Ok((base, max))
}

fn previous_hosts(cx: &mut Conversion<'_>, predicates: Vec<RetryHostPredicate>) -> bool {
    let mut avoid = false;
    for RetryHostPredicate {
        name,
        config_type: _, // empty for the one that is known
    } in predicates
    {
        match name.as_str() {
            "envoy.retry_host_predicates.previous_hosts" => avoid = true,
            _ => cx.notes.push(
                &format!("retry_policy.retry_host_predicate {name}"),
                "only previous_hosts is known",
            ),
        }
    }
    avoid
}
