//! The cluster that a route names, or the clusters among which one is drawn.

use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use xds_proto::pb::envoy::config::route::v3::weighted_cluster::RandomValueSpecifier;
use xds_proto::pb::envoy::config::route::v3::weighted_cluster::cluster_weight::HostRewriteSpecifier;

use super::headers;
use crate::cluster::subset::SubsetMatch;
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, at, each, labels, nonempty, refuse_if, uint};
use crate::http::filter::{PerFilter, proto as filters};
use crate::http::route::action::{WeightedClusters, WeightedName};
use crate::http::route::{ClusterChoice, HostRewrite, WeightedCluster};
use crate::matcher::proto as matcher;

/// What weighted clusters take from their route.
pub(super) struct Around<'a> {
    pub(super) per_filter: &'a PerFilter,
    pub(super) subset: &'a SubsetMatch,
}

pub(super) fn read(
    cx: &mut Conversion<'_>,
    specifier: Option<ClusterSpecifier>,
    around: &Around<'_>,
) -> Read<ClusterChoice> {
    match specifier {
        None => Err(InvalidField::new("cluster_specifier", "is required")),
        Some(ClusterSpecifier::Cluster(name)) => {
            Ok(ClusterChoice::Named(nonempty("cluster", name)?.into()))
        }
        Some(ClusterSpecifier::ClusterHeader(name)) => Ok(ClusterChoice::Header(matcher::key(
            "cluster_header",
            &name,
        )?)),
        Some(ClusterSpecifier::WeightedClusters(clusters)) => Ok(ClusterChoice::Weighted(
            weighted(cx, clusters, around).map_err(at("weighted_clusters"))?,
        )),
        Some(
            ClusterSpecifier::ClusterSpecifierPlugin(_)
            | ClusterSpecifier::InlineClusterSpecifierPlugin(_),
        ) => Err(InvalidField::new(
            "cluster_specifier_plugin",
            "plugins are not supported",
        )),
    }
}

fn weighted(
    cx: &mut Conversion<'_>,
    clusters: pb::WeightedCluster,
    around: &Around<'_>,
) -> Read<WeightedClusters> {
    let pb::WeightedCluster {
        clusters,
        total_weight,
        runtime_key_prefix,
        random_value_specifier,
    } = clusters;
    named!(cx.notes, "weighted_clusters.", {
        runtime_key_prefix => "there is no runtime",
    });
    let random_header = match random_value_specifier {
        None => None,
        Some(RandomValueSpecifier::HeaderName(name)) => Some(matcher::key("header_name", &name)?),
        Some(RandomValueSpecifier::UseHashPolicy(wanted)) => {
            refuse_if(wanted.value, "use_hash_policy", "is not supported")?;
            None
        }
    };
    let clusters = each("clusters", clusters, |one| weight(cx, one, around))?;
    let total: u64 = clusters
        .iter()
        .map(|cluster| u64::from(cluster.weight))
        .sum();
    refuse_if(
        total == 0,
        "clusters",
        "the weights must add up to more than zero",
    )?;
    let stated = uint(total_weight).filter(|stated| u64::from(*stated) != total);
    refuse_if(
        stated.is_some_and(|stated| stated != 0),
        "total_weight",
        "is not the sum of the weights",
    )?;
    Ok(WeightedClusters {
        clusters,
        total,
        random_header,
    })
}

fn weight(
    cx: &mut Conversion<'_>,
    one: pb::weighted_cluster::ClusterWeight,
    around: &Around<'_>,
) -> Read<WeightedCluster> {
    let pb::weighted_cluster::ClusterWeight {
        name,
        cluster_header,
        weight,
        metadata_match,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        typed_per_filter_config,
        host_rewrite_specifier,
    } = one;
    let per_filter = filters::per_filter(cx, typed_per_filter_config)?.or(around.per_filter);
    Ok(WeightedCluster {
        cluster: name_or_header(name, cluster_header)?,
        weight: uint(weight).unwrap_or(0),
        subset: around
            .subset
            .with(&labels(metadata_match.as_ref(), "envoy.lb")),
        request_headers: headers::edits(
            "request_headers",
            request_headers_to_add,
            request_headers_to_remove,
        )?,
        response_headers: headers::edits(
            "response_headers",
            response_headers_to_add,
            response_headers_to_remove,
        )?,
        host: match host_rewrite_specifier {
            None => HostRewrite::Keep,
            Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => {
                HostRewrite::Literal(host.into())
            }
        },
        per_filter,
    })
}

fn name_or_header(name: String, header: String) -> Read<WeightedName> {
    refuse_if(
        !name.is_empty() && !header.is_empty(),
        "cluster_header",
        "only one of a name and a header may be set",
    )?;
    if !name.is_empty() {
        return Ok(WeightedName::Named(name.into()));
    }
    Ok(WeightedName::Header(matcher::key(
        "name",
        &nonempty("name", header)?,
    )?))
}
