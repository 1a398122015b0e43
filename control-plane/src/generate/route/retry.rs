//! Retry policies.

use crate::generate::wire;
use crate::model::http_action::Retries;
use std::time::Duration;
use xds_proto::pb::envoy::config::route::v3::RetryPolicy;
use xds_proto::pb::envoy::config::route::v3::retry_policy::{
    RetryBackOff, RetryHostPredicate, RetryPriority, retry_host_predicate, retry_priority,
};
use xds_proto::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use xds_proto::pb::envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig;

/// When to retry where nobody says anything.
const DEFAULT_CONDITIONS: &str =
    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
/// How often to retry where nobody says anything.
const DEFAULT_ATTEMPTS: u32 = 2;
/// How often another endpoint is looked for.
const HOST_SELECTIONS: i64 = 5;
/// The token that makes the list of status codes count.
const STATUS_CODES: &str = "retriable-status-codes";

/// Whether retries may have to go to the same endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    /// Any endpoint will do.
    None,
    /// A hash chooses the endpoint.
    Hash,
}

/// The policy of a rule, else the mesh's, else the built-in one; `None` = no retries.
pub(super) fn policy(
    rule: Option<&Retries>,
    mesh: Option<&Retries>,
    affinity: Affinity,
) -> Option<RetryPolicy> {
    let Some(retries) = rule.or(mesh) else {
        return Some(built_in(affinity));
    };
    if retries.attempts == 0 {
        return None;
    }
    let conditions = retries.retry_on.as_deref().unwrap_or(DEFAULT_CONDITIONS);
    let (codes, mut tokens): (Vec<_>, Vec<_>) = conditions
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
        .partition(|token| token.parse::<u32>().is_ok());
    if !codes.is_empty() && !tokens.contains(&STATUS_CODES) {
        tokens.push(STATUS_CODES);
    }
    let avoid = retries.ignore_previous_hosts && affinity == Affinity::None;
    Some(RetryPolicy {
        retry_on: tokens.join(","),
        num_retries: Some(wire::number(retries.attempts)),
        per_try_timeout: retries.per_try_timeout.map(wire::duration),
        retriable_status_codes: codes
            .into_iter()
            .filter_map(|code| code.parse().ok())
            .collect(),
        retry_priority: retries.retry_remote_localities.then(leave_locality),
        retry_host_predicate: avoid.then(previous_hosts).into_iter().collect(),
        host_selection_retry_max_attempts: if avoid { HOST_SELECTIONS } else { 0 },
        retry_back_off: retries.backoff.map(|base| RetryBackOff {
            base_interval: Some(wire::duration(base.max(Duration::from_millis(1)))),
            ..RetryBackOff::default()
        }),
        ..RetryPolicy::default()
    })
}

/// Inbound: heals the race with an application that closes an idle connection; nothing that may have been read is sent
/// twice.
pub(super) fn inbound() -> RetryPolicy {
    RetryPolicy {
        retry_on: "reset-before-request".to_owned(),
        num_retries: Some(wire::number(DEFAULT_ATTEMPTS)),
        ..RetryPolicy::default()
    }
}

fn built_in(affinity: Affinity) -> RetryPolicy {
    let avoid = affinity == Affinity::None;
    RetryPolicy {
        retry_on: DEFAULT_CONDITIONS.to_owned(),
        num_retries: Some(wire::number(DEFAULT_ATTEMPTS)),
        retry_host_predicate: avoid.then(previous_hosts).into_iter().collect(),
        host_selection_retry_max_attempts: if avoid { HOST_SELECTIONS } else { 0 },
        ..RetryPolicy::default()
    }
}

fn previous_hosts() -> RetryHostPredicate {
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(retry_host_predicate::ConfigType::TypedConfig(wire::any(
            &PreviousHostsPredicate {},
        ))),
    }
}

fn leave_locality() -> RetryPriority {
    let config = PreviousPrioritiesConfig {
        update_frequency: 2,
    };
    RetryPriority {
        name: "envoy.retry_priorities.previous_priorities".to_owned(),
        config_type: Some(retry_priority::ConfigType::TypedConfig(wire::any(&config))),
    }
}
