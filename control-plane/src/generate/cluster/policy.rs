//! Load balancing, limits and outlier detection of a cluster.

use crate::generate::wire;
use crate::model::load_balancing::{Algorithm, HashTable, LoadBalancer, Warmup};
use crate::model::traffic_policy::{
    ConnectionPool, OutlierDetection, PortPolicy, RetryBudget, TcpKeepalive,
};
use crate::scope::{Families, Scope};
use std::time::Duration;
use xds_proto::pb::envoy::config::cluster::v3::circuit_breakers::{Thresholds, thresholds};
use xds_proto::pb::envoy::config::cluster::v3::cluster::{
    CommonLbConfig, DnsLookupFamily, LbConfig, LbPolicy, LeastRequestLbConfig, MaglevLbConfig,
    RingHashLbConfig, RoundRobinLbConfig, SlowStartConfig,
    common_lb_config::{LocalityConfigSpecifier, LocalityWeightedLbConfig},
};
use xds_proto::pb::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster, OutlierDetection as OutlierDetectionProto, UpstreamConnectionOptions,
};
use xds_proto::pb::envoy::config::core::v3::{RuntimeDouble, TcpKeepalive as TcpKeepaliveProto};
use xds_proto::pb::envoy::r#type::v3::Percent;

/// Envoy's own limits are 1024; ours are none, as Istio's.
const NO_LIMIT: u32 = u32::MAX;

/// Sets everything that a policy says but TLS and protocol options.
pub(super) fn apply(cluster: &mut Cluster, scope: &Scope, policy: &PortPolicy) {
    let pool = policy.connection_pool.clone().unwrap_or_default();
    if let Some(timeout) = pool.connect_timeout {
        cluster.connect_timeout = Some(wire::duration(timeout));
    }
    cluster.circuit_breakers = Some(limits(&pool, policy.retry_budget));
    cluster.upstream_connection_options =
        keepalive(pool.tcp_keepalive.or(scope.mesh.tcp_keepalive));
    balance(cluster, policy.load_balancer.as_ref());
    let outlier = policy.outlier_detection.as_ref();
    let panic = outlier
        .and_then(|outlier| outlier.min_health_percent)
        .unwrap_or(0);
    cluster.common_lb_config = Some(CommonLbConfig {
        healthy_panic_threshold: Some(Percent {
            value: panic.into(),
        }),
        locality_config_specifier: weighs_localities(policy).then_some(
            LocalityConfigSpecifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig {}),
        ),
        ..CommonLbConfig::default()
    });
    cluster.outlier_detection = outlier.map(outlier_detection);
}

/// Which addresses of a name are used.
pub(super) fn dns_family(families: Families) -> DnsLookupFamily {
    match families {
        Families::V4 => DnsLookupFamily::V4Only,
        Families::V6 => DnsLookupFamily::V6Only,
        Families::Dual => DnsLookupFamily::All,
    }
}

/// Whether shares between localities were asked for.
fn weighs_localities(policy: &PortPolicy) -> bool {
    let locality = policy
        .load_balancer
        .as_ref()
        .and_then(|balancer| balancer.locality.as_ref());
    locality.is_some_and(|locality| locality.enabled)
}

fn limits(pool: &ConnectionPool, budget: Option<RetryBudget>) -> CircuitBreakers {
    let limit = |value: Option<u32>| {
        Some(wire::number(
            value.filter(|&value| value > 0).unwrap_or(NO_LIMIT),
        ))
    };
    let thresholds = Thresholds {
        max_connections: limit(pool.max_connections),
        max_pending_requests: limit(pool.http1_max_pending_requests),
        max_requests: limit(pool.http2_max_requests),
        max_retries: limit(pool.max_retries),
        retry_budget: budget.map(|budget| thresholds::RetryBudget {
            budget_percent: Some(Percent {
                value: f64::from(budget.percent.0) / 10_000.0,
            }),
            min_retry_concurrency: Some(wire::number(budget.min_retry_concurrency)),
            ..Default::default()
        }),
        track_remaining: true,
        ..Thresholds::default()
    };
    CircuitBreakers {
        thresholds: vec![thresholds],
        ..CircuitBreakers::default()
    }
}

fn keepalive(keepalive: Option<TcpKeepalive>) -> Option<UpstreamConnectionOptions> {
    let TcpKeepalive {
        probes,
        time,
        interval,
    } = keepalive?;
    let seconds = |value: Option<Duration>| {
        value.map(|value| wire::number(u32::try_from(value.as_secs()).unwrap_or(u32::MAX)))
    };
    let tcp_keepalive = TcpKeepaliveProto {
        keepalive_probes: probes.map(wire::number),
        keepalive_time: seconds(time),
        keepalive_interval: seconds(interval),
    };
    Some(UpstreamConnectionOptions {
        tcp_keepalive: Some(tcp_keepalive),
        ..UpstreamConnectionOptions::default()
    })
}

fn balance(cluster: &mut Cluster, balancer: Option<&LoadBalancer>) {
    let algorithm = balancer
        .and_then(|balancer| balancer.algorithm.as_ref())
        .unwrap_or(&Algorithm::LeastRequest);
    let slow_start = balancer
        .and_then(|balancer| balancer.warmup)
        .map(slow_start);
    let (policy, config) = match algorithm {
        Algorithm::LeastRequest => {
            let config = LeastRequestLbConfig {
                slow_start_config: slow_start,
                ..LeastRequestLbConfig::default()
            };
            (
                LbPolicy::LeastRequest,
                config
                    .slow_start_config
                    .is_some()
                    .then_some(LbConfig::LeastRequestLbConfig(config)),
            )
        }
        Algorithm::RoundRobin => {
            let config = RoundRobinLbConfig {
                slow_start_config: slow_start,
            };
            (
                LbPolicy::RoundRobin,
                config
                    .slow_start_config
                    .is_some()
                    .then_some(LbConfig::RoundRobinLbConfig(config)),
            )
        }
        Algorithm::Random => (LbPolicy::Random, None),
        Algorithm::Passthrough => (LbPolicy::ClusterProvided, None),
        Algorithm::ConsistentHash(hash) => match hash.table {
            HashTable::Ring { minimum_size } => {
                let minimum_ring_size = Some(super::protocol::number64(minimum_size));
                let config = RingHashLbConfig {
                    minimum_ring_size,
                    ..RingHashLbConfig::default()
                };
                (LbPolicy::RingHash, Some(LbConfig::RingHashLbConfig(config)))
            }
            HashTable::Maglev { size } => {
                let config = MaglevLbConfig {
                    table_size: Some(super::protocol::number64(size)),
                };
                (LbPolicy::Maglev, Some(LbConfig::MaglevLbConfig(config)))
            }
        },
    };
    cluster.lb_policy = policy.into();
    cluster.lb_config = config;
}

fn slow_start(warmup: Warmup) -> SlowStartConfig {
    SlowStartConfig {
        slow_start_window: Some(wire::duration(warmup.duration)),
        aggression: Some(RuntimeDouble {
            default_value: f64::from(warmup.aggression_milli) / 1000.0,
            runtime_key: "upstream.slow_start.aggression".to_owned(),
        }),
        min_weight_percent: Some(Percent {
            value: warmup.minimum_percent.into(),
        }),
    }
}

fn outlier_detection(policy: &OutlierDetection) -> OutlierDetectionProto {
    let OutlierDetection {
        split_local_errors,
        consecutive_local_failures,
        consecutive_gateway_errors,
        consecutive_5xx,
        interval,
        base_ejection_time,
        max_ejection_percent,
        min_health_percent: _, // The panic threshold of the load balancer.
    } = policy;
    let enforce =
        |count: Option<u32>| count.map(|count| wire::number(if count > 0 { 100 } else { 0 }));
    let counted = |count: Option<u32>| count.filter(|&count| count > 0).map(wire::number);
    OutlierDetectionProto {
        split_external_local_origin_errors: *split_local_errors,
        consecutive_5xx: counted(*consecutive_5xx),
        enforcing_consecutive_5xx: enforce(*consecutive_5xx),
        consecutive_gateway_failure: counted(*consecutive_gateway_errors),
        enforcing_consecutive_gateway_failure: enforce(*consecutive_gateway_errors),
        consecutive_local_origin_failure: counted(*consecutive_local_failures),
        enforcing_consecutive_local_origin_failure: enforce(*consecutive_local_failures),
        // Statistics over all endpoints are no part of the policy.
        enforcing_success_rate: Some(wire::number(0)),
        enforcing_local_origin_success_rate: split_local_errors.then(|| wire::number(0)),
        interval: interval.map(wire::duration),
        base_ejection_time: base_ejection_time.map(wire::duration),
        max_ejection_percent: max_ejection_percent.map(wire::number),
        ..OutlierDetectionProto::default()
    }
}
