//! Load balancing of a cluster.

use std::sync::Arc;

use xds_proto::pb::envoy::config::cluster::v3 as pb;
use xds_proto::pb::envoy::config::cluster::v3::cluster::common_lb_config::{
    ConsistentHashingLbConfig, LocalityConfigSpecifier, LocalityWeightedLbConfig, ZoneAwareLbConfig,
};
use xds_proto::pb::envoy::config::cluster::v3::cluster::lb_subset_config::lb_subset_selector::LbSubsetSelectorFallbackPolicy;
use xds_proto::pb::envoy::config::cluster::v3::cluster::lb_subset_config::{
    LbSubsetFallbackPolicy, LbSubsetSelector,
};
use xds_proto::pb::envoy::config::cluster::v3::cluster::ring_hash_lb_config::HashFunction;
use xds_proto::pb::envoy::config::cluster::v3::cluster::{LbConfig, LbPolicy as WirePolicy};

use crate::cluster::config::{LocalityPolicy, OriginalDst};
use crate::cluster::lb::{LbPolicy, RingHash};
use crate::cluster::subset::{SubsetConfig, SubsetFallback, SubsetSelector};
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, each, float_percent, known, refuse_if, refused, struct_labels, uint,
};
use crate::http::head::HeaderKey;

pub(super) struct Fields {
    pub(super) lb_policy: i32,
    pub(super) lb_config: Option<LbConfig>,
    pub(super) load_balancing_policy: Option<pb::LoadBalancingPolicy>,
    pub(super) common_lb_config: Option<pb::cluster::CommonLbConfig>,
}

/// What the balancing fields come to.
pub(super) struct Balanced {
    pub(super) lb: LbPolicy,
    pub(super) panic_threshold: u8,
    pub(super) fail_in_panic: bool,
    pub(super) locality: LocalityPolicy,
    pub(super) original_dst: OriginalDst,
}

pub(super) fn read(cx: &mut Conversion<'_>, fields: Fields) -> Read<Balanced> {
    let Fields {
        lb_policy,
        lb_config,
        load_balancing_policy,
        common_lb_config,
    } = fields;
    refused!({
        load_balancing_policy => "extension policies are not supported; use lb_policy with its configuration",
    });
    let mut balanced = Balanced {
        lb: LbPolicy::RoundRobin,
        panic_threshold: 50,
        fail_in_panic: false,
        locality: LocalityPolicy::Ignored,
        original_dst: OriginalDst::default(),
    };
    if let Some(common) = common_lb_config {
        common_rules(cx, common, &mut balanced)?;
    }
    let wanted = known::<WirePolicy>("lb_policy", lb_policy)?;
    balanced.lb = default_rules(wanted)?;
    if let Some(config) = lb_config {
        configured(cx, config, &mut balanced)?;
    }
    Ok(balanced)
}

fn default_rules(policy: WirePolicy) -> Read<LbPolicy> {
    Ok(match policy {
        WirePolicy::RoundRobin => LbPolicy::RoundRobin,
        WirePolicy::LeastRequest => LbPolicy::LeastRequest { choices: 2 },
        WirePolicy::Random => LbPolicy::Random,
        WirePolicy::RingHash => LbPolicy::RingHash(RingHash {
            min_size: 1024,
            max_size: 8 * 1024 * 1024,
        }),
        WirePolicy::Maglev => LbPolicy::Maglev { table_size: 65537 },
        WirePolicy::ClusterProvided => LbPolicy::OriginalDst,
        WirePolicy::LoadBalancingPolicyConfig => {
            return Err(InvalidField::new(
                "lb_policy",
                "LOAD_BALANCING_POLICY_CONFIG is not supported",
            ));
        }
    })
}

/// Reads the rules of the policy in force; those of another policy have no effect, as in Envoy.
fn configured(cx: &mut Conversion<'_>, config: LbConfig, balanced: &mut Balanced) -> Read<()> {
    match config {
        LbConfig::RoundRobinLbConfig(pb::cluster::RoundRobinLbConfig { slow_start_config }) => {
            named!(cx.notes, "round_robin_lb_config.", {
                slow_start_config => "new endpoints get a full share",
            });
        }
        LbConfig::LeastRequestLbConfig(rules) => {
            let pb::cluster::LeastRequestLbConfig {
                choice_count,
                active_request_bias,
                slow_start_config,
            } = rules;
            let n = &mut cx.notes;
            named!(n, "least_request_lb_config.", {
                slow_start_config => "new endpoints get a full share",
                active_request_bias => "weights set how often endpoints are drawn",
            });
            let choices = uint(choice_count).unwrap_or(2);
            refuse_if(
                choices < 2,
                "least_request_lb_config.choice_count",
                "must be at least 2",
            )?;
            if let LbPolicy::LeastRequest { .. } = balanced.lb {
                balanced.lb = LbPolicy::LeastRequest { choices };
            }
        }
        LbConfig::RingHashLbConfig(rules) => {
            let rules = ring(cx, rules)?;
            if let LbPolicy::RingHash(_) = balanced.lb {
                balanced.lb = LbPolicy::RingHash(rules);
            }
        }
        LbConfig::MaglevLbConfig(pb::cluster::MaglevLbConfig { table_size }) => {
            let table_size = maglev_size(table_size.map_or(65537, |size| size.value))?;
            if let LbPolicy::Maglev { .. } = balanced.lb {
                balanced.lb = LbPolicy::Maglev { table_size };
            }
        }
        LbConfig::OriginalDstLbConfig(rules) => balanced.original_dst = original_dst(rules)?,
    }
    Ok(())
}

fn ring(cx: &mut Conversion<'_>, rules: pb::cluster::RingHashLbConfig) -> Read<RingHash> {
    let pb::cluster::RingHashLbConfig {
        minimum_ring_size,
        hash_function,
        maximum_ring_size,
    } = rules;
    if let HashFunction::MurmurHash2 = known("ring_hash_lb_config.hash_function", hash_function)? {
        cx.notes
            .push("ring_hash_lb_config.hash_function", "XX_HASH is used");
    }
    let most: u32 = 8 * 1024 * 1024;
    let size = |path: &str, value: u64| -> Read<u32> {
        let size = u32::try_from(value).ok().filter(|size| *size <= most);
        size.ok_or_else(|| InvalidField::new(path, "must be at most 8388608"))
    };
    let min_size = size(
        "ring_hash_lb_config.minimum_ring_size",
        minimum_ring_size.map_or(1024, |size| size.value),
    )?;
    let max_size = size(
        "ring_hash_lb_config.maximum_ring_size",
        maximum_ring_size.map_or(most.into(), |size| size.value),
    )?;
    refuse_if(
        min_size > max_size,
        "ring_hash_lb_config.minimum_ring_size",
        "must not exceed maximum_ring_size",
    )?;
    Ok(RingHash {
        min_size: min_size.max(1),
        max_size,
    })
}

fn maglev_size(size: u64) -> Read<u32> {
    let path = "maglev_lb_config.table_size";
    let size = u32::try_from(size).ok().filter(|size| *size <= 5_000_011);
    let size = size.ok_or_else(|| InvalidField::new(path, "must be at most 5000011"))?;
    let prime = size >= 2 && (2..).take_while(|d| d * d <= size).all(|d| size % d != 0);
    refuse_if(!prime, path, "must be a prime")?;
    Ok(size)
}

fn original_dst(rules: pb::cluster::OriginalDstLbConfig) -> Read<OriginalDst> {
    let pb::cluster::OriginalDstLbConfig {
        use_http_header,
        http_header_name,
        upstream_port_override,
        metadata_key,
    } = rules;
    let path = "original_dst_lb_config";
    refuse_if(
        metadata_key.is_some(),
        &format!("{path}.metadata_key"),
        "is not supported",
    )?;
    let name = if http_header_name.is_empty() {
        "x-envoy-original-dst-host"
    } else {
        &http_header_name
    };
    let header = HeaderKey::parse(name).map_err(|error| InvalidField::new(path, error))?;
    let port_override = uint(upstream_port_override)
        .filter(|port| *port != 0)
        .map(u16::try_from)
        .transpose();
    let port_override =
        port_override.map_err(|_| InvalidField::new(path, "the port must be at most 65535"))?;
    Ok(OriginalDst {
        header: use_http_header.then_some(header),
        port_override,
        ..OriginalDst::default()
    })
}

fn common_rules(
    cx: &mut Conversion<'_>,
    common: pb::cluster::CommonLbConfig,
    balanced: &mut Balanced,
) -> Read<()> {
    let pb::cluster::CommonLbConfig {
        healthy_panic_threshold,
        update_merge_window,
        ignore_new_hosts_until_first_hc,
        close_connections_on_host_set_change,
        consistent_hashing_lb_config,
        override_host_status,
        locality_config_specifier,
    } = common;
    let n = &mut cx.notes;
    named!(n, "common_lb_config.", {
        update_merge_window => "every update counts at once",
        ignore_new_hosts_until_first_hc => "endpoints are not probed",
        close_connections_on_host_set_change => "connections to endpoints that stay are kept",
        override_host_status => "there is no stateful session filter",
    });
    if let Some(ConsistentHashingLbConfig {
        use_hostname_for_hashing,
        hash_balance_factor,
    }) = consistent_hashing_lb_config
    {
        let path = "common_lb_config.consistent_hashing_lb_config";
        named!(n, &format!("{path}."), {
            use_hostname_for_hashing => "addresses are hashed",
            hash_balance_factor => "load has no bound",
        });
    }
    if let Some(threshold) = healthy_panic_threshold {
        let threshold = float_percent("common_lb_config.healthy_panic_threshold", threshold)?;
        // Within 0 to 100, as just checked.
        balanced.panic_threshold = threshold as u8;
    }
    match locality_config_specifier {
        None => {}
        Some(LocalityConfigSpecifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig {})) => {
            balanced.locality = LocalityPolicy::Weighted;
        }
        Some(LocalityConfigSpecifier::ZoneAwareLbConfig(zone)) => {
            let ZoneAwareLbConfig {
                routing_enabled,
                min_cluster_size,
                fail_traffic_on_panic,
            } = zone;
            let path = "common_lb_config.zone_aware_lb_config";
            named!(n, &format!("{path}."), {
                routing_enabled => "zones are not preferred",
                min_cluster_size => "zones are not preferred",
            });
            balanced.fail_in_panic = fail_traffic_on_panic;
        }
    }
    Ok(())
}

pub(super) fn subsets(
    cx: &mut Conversion<'_>,
    config: pb::cluster::LbSubsetConfig,
) -> Read<SubsetConfig> {
    let pb::cluster::LbSubsetConfig {
        fallback_policy,
        default_subset,
        subset_selectors,
        locality_weight_aware,
        scale_locality_weight,
        panic_mode_any,
        list_as_any,
        metadata_fallback_policy,
    } = config;
    let n = &mut cx.notes;
    named!(n, "lb_subset_config.", {
        locality_weight_aware => "as common_lb_config says",
        scale_locality_weight => "weights are scaled by health",
        panic_mode_any => "the fallback policy counts",
        list_as_any => "a list is one value",
        metadata_fallback_policy => "there is no fallback list",
    });
    let fallback = match known("fallback_policy", fallback_policy)? {
        LbSubsetFallbackPolicy::NoFallback => SubsetFallback::None,
        LbSubsetFallbackPolicy::AnyEndpoint => SubsetFallback::Any,
        LbSubsetFallbackPolicy::DefaultSubset => SubsetFallback::Default(
            default_subset
                .as_ref()
                .map(struct_labels)
                .unwrap_or_default(),
        ),
    };
    let default = SubsetFallback::Default(
        default_subset
            .as_ref()
            .map(struct_labels)
            .unwrap_or_default(),
    );
    let selectors = each("subset_selectors", subset_selectors, |one| {
        selector(cx, one, &default)
    })?;
    Ok(SubsetConfig {
        selectors,
        fallback,
    })
}

fn selector(
    cx: &mut Conversion<'_>,
    selector: LbSubsetSelector,
    default: &SubsetFallback,
) -> Read<SubsetSelector> {
    let LbSubsetSelector {
        keys,
        single_host_per_subset,
        fallback_policy,
        fallback_keys_subset,
    } = selector;
    named!(cx.notes, "lb_subset_config.subset_selectors.", {
        single_host_per_subset => "any number may be",
    });
    refused!({
        fallback_keys_subset => "KEYS_SUBSET is not supported",
    });
    let fallback = match known("fallback_policy", fallback_policy)? {
        LbSubsetSelectorFallbackPolicy::NotDefined => None,
        LbSubsetSelectorFallbackPolicy::NoFallback => Some(SubsetFallback::None),
        LbSubsetSelectorFallbackPolicy::AnyEndpoint => Some(SubsetFallback::Any),
        LbSubsetSelectorFallbackPolicy::DefaultSubset => Some(default.clone()),
        LbSubsetSelectorFallbackPolicy::KeysSubset => {
            return Err(InvalidField::new(
                "fallback_policy",
                "KEYS_SUBSET is not supported",
            ));
        }
    };
    let mut keys: Vec<Arc<str>> = keys.into_iter().map(Arc::from).collect();
    keys.sort_unstable();
    Ok(SubsetSelector { keys, fallback })
}
