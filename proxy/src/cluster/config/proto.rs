//! Clusters from Envoy's `config.cluster.v3.Cluster`.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

mod discovery;
mod limits;
mod policy;
mod protocol;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use xds_proto::pb::envoy::config::cluster::v3 as pb;
use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::google::protobuf as gp;

use super::{ClusterConfig, Service, SocketRules, TransportMatch};
use crate::cluster::endpoint_set::EndpointSet;
use crate::config::invalid::{InvalidCluster, InvalidField};
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, at, duration, each, flag, host_and_port, keepalive, nonempty, origin,
    positive, refused, struct_labels, uint,
};
use crate::transport::tls::proto as tls;
use crate::transport::{Keepalive, UpstreamTransport};

impl ClusterConfig {
    /// A cluster as it came over the wire, and the endpoints that are part of it. `raw` is the encoded message.
    ///
    /// # Errors
    /// When a field is wrong, or asks for something that must not be left out.
    pub fn from_proto(
        cluster: pb::Cluster,
        raw: Bytes,
        cx: Conversion<'_>,
    ) -> Result<(Self, Option<EndpointSet>), InvalidCluster> {
        let refused = InvalidCluster::of(&cluster.name);
        read(cluster, raw, cx).map_err(refused)
    }
}

fn read(
    cluster: pb::Cluster,
    raw: Bytes,
    mut cx: Conversion<'_>,
) -> Read<(ClusterConfig, Option<EndpointSet>)> {
    let cx = &mut cx;
    let pb::Cluster {
        transport_socket_matches,
        transport_socket_matcher,
        name,
        alt_stat_name,
        stats_matcher,
        eds_cluster_config,
        connect_timeout,
        per_connection_buffer_limit_bytes,
        per_connection_buffer_high_watermark_timeout,
        lb_policy,
        load_assignment,
        health_checks,
        max_requests_per_connection,
        circuit_breakers,
        upstream_http_protocol_options,
        common_http_protocol_options,
        http_protocol_options,
        http2_protocol_options,
        typed_extension_protocol_options,
        dns_refresh_rate,
        dns_jitter,
        dns_failure_refresh_rate,
        respect_dns_ttl,
        dns_lookup_family,
        dns_resolvers,
        use_tcp_for_dns_lookups,
        dns_resolution_config,
        typed_dns_resolver_config,
        wait_for_warm_on_init,
        outlier_detection,
        cleanup_interval,
        upstream_bind_config,
        lb_subset_config,
        common_lb_config,
        transport_socket,
        metadata,
        protocol_selection,
        upstream_connection_options,
        close_connections_on_host_health_failure,
        ignore_health_on_host_removal,
        filters,
        load_balancing_policy,
        lrs_server,
        lrs_report_endpoint_metrics,
        track_timeout_budgets,
        upstream_config,
        track_cluster_stats,
        preconnect_policy,
        connection_pool_per_downstream_connection,
        queuing_policies,
        cluster_discovery_type,
        lb_config,
    } = cluster;
    refused!({
        transport_socket_matcher => "use transport_socket_matches",
        filters => "upstream network filters are not supported",
        upstream_config => "custom upstreams are not supported",
    });
    let n = &mut cx.notes;
    named!(n, "", {
        stats_matcher => "all statistics of the cluster are kept",
        per_connection_buffer_limit_bytes => "buffers have sizes of their own",
        per_connection_buffer_high_watermark_timeout => "no timeout",
        health_checks => "endpoints are not probed; outlier detection sees failures",
        dns_jitter => "lookups are spread at random anyway",
        dns_resolvers => "the system's resolver is asked",
        use_tcp_for_dns_lookups => "the system's resolver decides",
        dns_resolution_config => "the system's resolver is asked",
        typed_dns_resolver_config => "the system's resolver is asked",
        wait_for_warm_on_init => "a cluster is warm when its endpoints have come",
        close_connections_on_host_health_failure => "they are kept",
        ignore_health_on_host_removal => "removed endpoints get no requests",
        lrs_server => "load is not reported",
        lrs_report_endpoint_metrics => "load is not reported",
        track_timeout_budgets => "budgets are not measured",
        track_cluster_stats => "the extra statistics are not kept",
        preconnect_policy => "connections are opened when they are needed",
        queuing_policies => "the default queue is used",
        connection_pool_per_downstream_connection => "pools are shared",
    });
    let name: Arc<str> = nonempty("name", name)?.into();
    let stat_name = match alt_stat_name.is_empty() {
        true => Arc::clone(&name),
        false => alt_stat_name.into(),
    };
    let protocols = protocol::read(
        cx,
        protocol::Fields {
            typed: typed_extension_protocol_options,
            common: common_http_protocol_options,
            http1: http_protocol_options,
            http2: http2_protocol_options,
            upstream: upstream_http_protocol_options,
            selection: protocol_selection,
            max_requests: uint(max_requests_per_connection),
        },
    )?;
    let dns = discovery::DnsFields {
        refresh: dns_refresh_rate,
        failure: dns_failure_refresh_rate,
        respect_ttl: respect_dns_ttl,
        family: dns_lookup_family,
    };
    let kind = discovery::Fields {
        kind: cluster_discovery_type,
        eds: eds_cluster_config,
        dns,
        assignment: load_assignment,
        cluster: Arc::clone(&name),
        cleanup: cleanup_interval,
    };
    let balanced = policy::read(
        cx,
        policy::Fields {
            lb_policy,
            lb_config,
            load_balancing_policy,
            common_lb_config,
        },
    )?;
    let (discovery, endpoints) = discovery::read(cx, kind, &balanced)?;
    let transport_matches = each(
        "transport_socket_matches",
        transport_socket_matches,
        |one| transport_match(cx, one),
    )?;
    let config = ClusterConfig {
        stat_name,
        connect_timeout: positive("connect_timeout", connect_timeout, Duration::from_secs(5))?,
        subsets: lb_subset_config
            .map(|subsets| policy::subsets(cx, subsets))
            .transpose()
            .map_err(at("lb_subset_config"))?,
        lb: balanced.lb,
        panic_threshold: balanced.panic_threshold,
        fail_in_panic: balanced.fail_in_panic,
        locality: balanced.locality,
        overprovisioning_percent: 140,
        protocol: protocols.protocol,
        http1: protocols.http1,
        http2: protocols.http2,
        connections: protocols.connections,
        transport: tls::upstream(cx, transport_socket).map_err(at("transport_socket"))?,
        transport_matches,
        socket: socket(cx, upstream_bind_config, upstream_connection_options)?,
        breakers: circuit_breakers
            .map(|limits| limits::breakers(cx, limits))
            .transpose()?
            .unwrap_or_default(),
        outlier: outlier_detection
            .map(|rules| limits::outlier(cx, rules))
            .transpose()
            .map_err(at("outlier_detection"))?,
        services: services(metadata.as_ref(), &name),
        origin: origin(metadata.as_ref()),
        not_honoured: std::mem::replace(
            &mut cx.notes,
            crate::config::not_honoured::NotHonouredFields::of("", ""),
        )
        .into_vec(),
        name,
        discovery,
        raw,
    };
    Ok((config, endpoints))
}

fn transport_match(
    cx: &mut Conversion<'_>,
    one: pb::cluster::TransportSocketMatch,
) -> Read<TransportMatch> {
    let pb::cluster::TransportSocketMatch {
        name,
        r#match,
        transport_socket,
    } = one;
    let labels = r#match.as_ref().map(struct_labels).unwrap_or_default();
    let transport: UpstreamTransport =
        tls::upstream(cx, transport_socket).map_err(at("transport_socket"))?;
    Ok(TransportMatch {
        name: name.into(),
        labels,
        transport,
    })
}

fn socket(
    cx: &mut Conversion<'_>,
    bind: Option<core::BindConfig>,
    options: Option<pb::UpstreamConnectionOptions>,
) -> Read<SocketRules> {
    let mut rules = SocketRules {
        keepalive: options.and_then(|options| connection_options(cx, options)),
        ..SocketRules::default()
    };
    let Some(bind) = bind else { return Ok(rules) };
    let core::BindConfig {
        source_address,
        freebind,
        socket_options,
        extra_source_addresses,
        additional_source_addresses,
        local_address_selector,
        validate_network_namespaces: _, // network namespaces are refused
    } = bind;
    let n = &mut cx.notes;
    named!(n, "upstream_bind_config.", {
        socket_options => "sockets keep their defaults",
        extra_source_addresses => "the first address is used",
        additional_source_addresses => "the first is used",
        local_address_selector => "the address is fixed",
    });
    rules.freebind = flag(freebind).unwrap_or(false);
    if let Some(address) = source_address {
        let path = "upstream_bind_config.source_address";
        let (host, port) = host_and_port(path, address)?;
        let ip = host
            .parse()
            .map_err(|error| InvalidField::new(path, format_args!("{host:?}: {error}")))?;
        rules.bind = Some(std::net::SocketAddr::new(ip, port));
    }
    Ok(rules)
}

fn connection_options(
    cx: &mut Conversion<'_>,
    options: pb::UpstreamConnectionOptions,
) -> Option<Keepalive> {
    let pb::UpstreamConnectionOptions {
        tcp_keepalive,
        set_local_interface_name_on_upstream_connections,
        happy_eyeballs_config,
    } = options;
    let n = &mut cx.notes;
    named!(n, "upstream_connection_options.", {
        set_local_interface_name_on_upstream_connections => "the interface is not looked up",
        happy_eyeballs_config => "addresses are tried in turn",
    });
    tcp_keepalive.map(keepalive)
}

/// The services that Istio names in the metadata, else the one that the cluster's own name says.
fn services(metadata: Option<&core::Metadata>, cluster: &str) -> Vec<Service> {
    let Some(list) = metadata
        .and_then(|all| all.filter_metadata.get("istio"))
        .and_then(|istio| istio.fields.get("services"))
    else {
        return Service::of_cluster_name(cluster).into_iter().collect();
    };
    let Some(gp::value::Kind::ListValue(list)) = &list.kind else {
        return Vec::new();
    };
    list.values.iter().filter_map(service).collect()
}

fn service(value: &gp::Value) -> Option<Service> {
    let Some(gp::value::Kind::StructValue(fields)) = &value.kind else {
        return None;
    };
    let labels = struct_labels(fields);
    let of = |name: &str| labels.get(name).cloned();
    Some(Service {
        host: of("host")?,
        name: of("name")?,
        namespace: of("namespace")?,
    })
}

/// A duration in a message where zero or nothing means none.
fn optional(path: &str, value: Option<gp::Duration>) -> Read<Option<Duration>> {
    Ok(duration(path, value)?.filter(|value| !value.is_zero()))
}
