//! TCP proxies from Envoy's `TcpProxy`.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

use std::time::Duration;

use xds_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3 as pb;
use xds_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::weighted_cluster::ClusterWeight;
use xds_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{ClusterSpecifier, WeightedCluster};
use xds_proto::pb::envoy::r#type::v3::HashPolicy;
use xds_proto::pb::envoy::r#type::v3::hash_policy::{PolicySpecifier, SourceIp};

use super::{TcpCluster, TcpConfig, TcpHash};
use crate::cluster::subset::SubsetMatch;
use crate::config::access_log::proto as access_log;
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, each, labels, limit, nonempty, refuse_if, refused, required, uint,
};

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn read(cx: &mut Conversion<'_>, proxy: pb::TcpProxy) -> Read<TcpConfig> {
    let pb::TcpProxy {
        stat_prefix,
        on_demand,
        metadata_match,
        idle_timeout,
        downstream_idle_timeout,
        upstream_idle_timeout,
        access_log: logs,
        max_connect_attempts,
        backoff_options,
        hash_policy,
        tunneling_config,
        max_downstream_connection_duration,
        max_downstream_connection_duration_jitter_percentage,
        access_log_flush_interval,
        flush_access_log_on_connected,
        access_log_options,
        proxy_protocol_tlvs,
        proxy_protocol_tlv_merge_policy: _, // of the TLVs, which are named
        upstream_connect_mode,
        max_early_data_bytes,
        check_drain_close,
        cluster_specifier,
    } = proxy;
    refused!({
        tunneling_config => "tunnels are not supported",
    });
    let n = &mut cx.notes;
    let jitter = max_downstream_connection_duration_jitter_percentage;
    n.note(
        "tcp_proxy.max_downstream_connection_duration_jitter_percentage",
        &jitter,
        "the duration is exact",
    );
    named!(n, "tcp_proxy.", {
        on_demand => "clusters are not asked for when first used",
        downstream_idle_timeout => "idle_timeout counts both ways",
        upstream_idle_timeout => "idle_timeout counts both ways",
        backoff_options => "the next attempt follows at once",
        access_log_flush_interval => "connections are written at their end",
        flush_access_log_on_connected => "they are written at their end",
        access_log_options => "connections are written at their end",
        proxy_protocol_tlvs => "no PROXY header is sent",
        upstream_connect_mode => "the upstream is connected at once",
        max_early_data_bytes => "nothing is read before the upstream is connected",
        check_drain_close => "connections end when the drain time is over",
    });
    let subset = labels(metadata_match.as_ref(), "envoy.lb");
    let clusters = clusters(required("cluster_specifier", cluster_specifier)?, &subset)?;
    let total_weight: u64 = clusters
        .iter()
        .map(|cluster| u64::from(cluster.weight))
        .sum();
    refuse_if(
        total_weight == 0,
        "weighted_clusters",
        "the weights must add up to more than zero",
    )?;
    let attempts = uint(max_connect_attempts).unwrap_or(1);
    refuse_if(attempts == 0, "max_connect_attempts", "must be at least 1")?;
    Ok(TcpConfig {
        stat_prefix: nonempty("stat_prefix", stat_prefix)?.into(),
        clusters,
        total_weight,
        idle_timeout: limit("idle_timeout", idle_timeout, Some(HOUR))?,
        max_connection_duration: limit(
            "max_downstream_connection_duration",
            max_downstream_connection_duration,
            None,
        )?,
        max_connect_attempts: attempts,
        hash: hash(hash_policy)?,
        access_logs: access_log::all(cx, logs)?,
    })
}

fn clusters(specifier: ClusterSpecifier, subset: &SubsetMatch) -> Read<Vec<TcpCluster>> {
    match specifier {
        ClusterSpecifier::Cluster(name) => {
            let name = nonempty("cluster", name)?.into();
            Ok(vec![TcpCluster {
                name,
                weight: 1,
                subset: subset.clone(),
            }])
        }
        ClusterSpecifier::WeightedClusters(WeightedCluster { clusters }) => each(
            "weighted_clusters.clusters",
            clusters,
            |ClusterWeight {
                 name,
                 weight,
                 metadata_match,
             }| {
                let own = labels(metadata_match.as_ref(), "envoy.lb");
                Ok(TcpCluster {
                    name: nonempty("name", name)?.into(),
                    weight,
                    subset: subset.with(&own),
                })
            },
        ),
    }
}

fn hash(policies: Vec<HashPolicy>) -> Read<Option<TcpHash>> {
    let Some(HashPolicy { policy_specifier }) = policies.into_iter().next() else {
        return Ok(None);
    };
    match required("hash_policy[0]", policy_specifier)? {
        PolicySpecifier::SourceIp(SourceIp {}) => Ok(Some(TcpHash::SourceIp)),
        PolicySpecifier::FilterState(_) => Err(InvalidField::new(
            "hash_policy[0].filter_state",
            "is not supported",
        )),
    }
}
