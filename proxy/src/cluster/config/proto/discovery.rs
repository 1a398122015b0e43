//! Where a cluster's endpoints come from.

use std::sync::Arc;
use std::time::Duration;

use xds_proto::pb::envoy::config::cluster::v3 as pb;
use xds_proto::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily,
};
use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use xds_proto::pb::google::protobuf as gp;

use super::policy::Balanced;
use crate::cluster::config::{Discovery, DnsRules, EdsRules, LookupFamily};
use crate::cluster::endpoint_set::EndpointSet;
use crate::cluster::endpoint_set::proto as endpoints;
use crate::config::invalid::InvalidField;
use crate::config::source::Source;
use crate::config::wire::{Conversion, Read, at, known, positive, refuse_if, required};

pub(super) struct DnsFields {
    pub(super) refresh: Option<gp::Duration>,
    pub(super) failure: Option<pb::cluster::RefreshRate>,
    pub(super) respect_ttl: bool,
    pub(super) family: i32,
}

pub(super) struct Fields {
    pub(super) kind: Option<ClusterDiscoveryType>,
    pub(super) eds: Option<pb::cluster::EdsClusterConfig>,
    pub(super) dns: DnsFields,
    pub(super) assignment: Option<ClusterLoadAssignment>,
    pub(super) cluster: Arc<str>,
    pub(super) cleanup: Option<gp::Duration>,
}

pub(super) fn read(
    cx: &mut Conversion<'_>,
    fields: Fields,
    balanced: &Balanced,
) -> Read<(Discovery, Option<EndpointSet>)> {
    let Fields {
        kind,
        eds,
        dns,
        assignment,
        cluster,
        cleanup,
    } = fields;
    let kind = match kind {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(value)) => known("type", value)?,
        Some(ClusterDiscoveryType::ClusterType(custom)) => {
            let reason = format!(
                "cluster type {:?} is not supported; use STATIC, STRICT_DNS, LOGICAL_DNS, EDS or ORIGINAL_DST",
                custom.name
            );
            return Err(InvalidField::new("cluster_type", reason));
        }
    };
    let by_name = matches!(kind, DiscoveryType::Eds);
    let elsewhere = by_name || matches!(kind, DiscoveryType::OriginalDst);
    cx.notes.note(
        "load_assignment",
        &assignment.as_ref().filter(|_| elsewhere),
        "the endpoints of this type of cluster come from elsewhere",
    );
    cx.notes.note(
        "eds_cluster_config",
        &eds.as_ref().filter(|_| !by_name),
        "the cluster is not of type EDS",
    );
    match kind {
        DiscoveryType::Static => {
            let set = endpoints::read(cx, assignment.unwrap_or_default())
                .map_err(at("load_assignment"))?;
            Ok((Discovery::Static, Some(set)))
        }
        DiscoveryType::StrictDns => Ok((Discovery::StrictDns(names(cx, dns, assignment)?), None)),
        DiscoveryType::LogicalDns => {
            let rules = names(cx, dns, assignment)?;
            refuse_if(
                rules.names.len() != 1,
                "load_assignment",
                "LOGICAL_DNS needs exactly one endpoint",
            )?;
            Ok((Discovery::LogicalDns(rules), None))
        }
        DiscoveryType::Eds => Ok((Discovery::Eds(eds_rules(cx, eds, cluster)?), None)),
        DiscoveryType::OriginalDst => {
            let mut rules = balanced.original_dst.clone();
            rules.cleanup_interval = positive("cleanup_interval", cleanup, rules.cleanup_interval)?;
            Ok((Discovery::OriginalDst(rules), None))
        }
    }
}

/// EDS is asked for the cluster's own name unless another one is configured.
fn eds_rules(
    cx: &mut Conversion<'_>,
    eds: Option<pb::cluster::EdsClusterConfig>,
    cluster: Arc<str>,
) -> Read<EdsRules> {
    let Some(pb::cluster::EdsClusterConfig {
        eds_config,
        service_name,
    }) = eds
    else {
        return Err(InvalidField::new(
            "eds_cluster_config",
            "is required for EDS",
        ));
    };
    let field = "eds_cluster_config.eds_config";
    let source = Source::read(required(field, eds_config)?, field, &mut cx.notes)?;
    let service = if service_name.is_empty() || *service_name == *cluster {
        cluster
    } else {
        service_name.into()
    };
    Ok(EdsRules { source, service })
}

fn names(
    cx: &mut Conversion<'_>,
    dns: DnsFields,
    assignment: Option<ClusterLoadAssignment>,
) -> Read<DnsRules> {
    let DnsFields {
        refresh,
        failure,
        respect_ttl,
        family,
    } = dns;
    let refresh = positive("dns_refresh_rate", refresh, Duration::from_secs(5))?;
    let failure_refresh = match failure {
        None => (refresh, refresh),
        Some(pb::cluster::RefreshRate {
            base_interval,
            max_interval,
        }) => {
            let base = positive(
                "dns_failure_refresh_rate.base_interval",
                base_interval,
                refresh,
            )?;
            (
                base,
                positive(
                    "dns_failure_refresh_rate.max_interval",
                    max_interval,
                    base * 10,
                )?,
            )
        }
    };
    let family = match known("dns_lookup_family", family)? {
        DnsLookupFamily::Auto => LookupFamily::Auto,
        DnsLookupFamily::V4Only => LookupFamily::V4Only,
        DnsLookupFamily::V6Only => LookupFamily::V6Only,
        DnsLookupFamily::V4Preferred => LookupFamily::V4Preferred,
        DnsLookupFamily::All => LookupFamily::All,
    };
    let (names, overprovisioning_percent) =
        endpoints::templates(cx, assignment.unwrap_or_default()).map_err(at("load_assignment"))?;
    Ok(DnsRules {
        names,
        refresh,
        failure_refresh,
        respect_ttl,
        family,
        overprovisioning_percent,
    })
}
