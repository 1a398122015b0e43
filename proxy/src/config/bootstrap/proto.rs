//! From the wire message to [`Bootstrap`], every field named.

use xds_proto::pb::envoy::config::core::v3::{self as core, ConfigSource};

use super::{Bootstrap, InvalidBootstrap, pb};
use crate::config::ads::StreamConfig;
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::NotHonouredFields;
use crate::config::source::Source;
use crate::config::wire;
use crate::telemetry::metrics::StatsConfig;
use crate::transport::Address;

const UNUSED: &str = "it has no effect";

impl TryFrom<pb::Bootstrap> for Bootstrap {
    type Error = InvalidBootstrap;

    fn try_from(message: pb::Bootstrap) -> Result<Self, InvalidBootstrap> {
        let mut fields = NotHonouredFields::of("bootstrap", "");
        note_unused(&message, &mut fields);
        let pb::bootstrap::StaticResources {
            listeners,
            clusters,
            secrets,
        } = message.static_resources.clone().unwrap_or_default();
        let dynamic = Dynamic::read(
            message.dynamic_resources.clone().unwrap_or_default(),
            &mut fields,
        )?;
        let admin = message
            .admin
            .clone()
            .map(|admin| admin_address(admin, &mut fields))
            .transpose()?
            .flatten();
        let stats = message.stats_config.clone().unwrap_or_default();
        let stats = StatsConfig::from_proto(stats, "stats_config", &mut fields).map_err(refused)?;
        for (field, stream) in dynamic.streams() {
            if !clusters
                .iter()
                .any(|cluster| cluster.name == stream.cluster)
            {
                let reason = format!(
                    "cluster {:?} is not in static_resources.clusters; add it there",
                    stream.cluster
                );
                return Err(InvalidBootstrap::field(field, reason));
            }
        }
        Ok(Self {
            node: message.node.clone().unwrap_or_default(),
            listeners,
            clusters,
            secrets,
            lds: dynamic.lds,
            cds: dynamic.cds,
            ads: dynamic.ads,
            stats,
            admin,
            not_honoured: fields.into_vec(),
            message,
        })
    }
}

#[rustfmt::skip]
#[expect(deprecated, reason = "retired fields are named, too")]
fn note_unused(message: &pb::Bootstrap, fields: &mut NotHonouredFields) {
    let pb::Bootstrap {
        node: _, static_resources: _, dynamic_resources: _, admin: _, stats_config: _, // read by the caller
        node_context_params, cluster_manager, hds_config, flags_path, stats_sinks, deferred_stat_options,
        stats_flush_interval, watchdog, watchdogs, tracing, layered_runtime, overload_manager, enable_dispatcher_stats,
        header_prefix, stats_server_version_override, use_tcp_for_dns_lookups, dns_resolution_config,
        typed_dns_resolver_config, bootstrap_extensions, fatal_actions, config_sources, default_config_source,
        default_socket_interface, certificate_provider_instances, inline_headers, perf_tracing_file_path,
        default_regex_engine, xds_delegate_extension, xds_config_tracker_extension, listener_manager,
        application_log_config, grpc_async_client_manager_config, memory_allocator_manager, enable_worker_cpu_affinity,
        stats_flush, stats_eviction,
    } = message;
    fields.note("node_context_params", node_context_params, UNUSED);
    fields.note("cluster_manager", cluster_manager, "cluster manager defaults apply");
    fields.note("hds_config", hds_config, "health discovery is not spoken");
    fields.note("flags_path", flags_path, UNUSED);
    fields.note("stats_sinks", stats_sinks, "statistics are scraped, not pushed");
    fields.note("deferred_stat_options", deferred_stat_options, UNUSED);
    fields.note("stats_flush_interval", stats_flush_interval, UNUSED);
    fields.note("watchdog", watchdog, UNUSED);
    fields.note("watchdogs", watchdogs, UNUSED);
    fields.note("tracing", tracing, "no spans are reported");
    fields.note("layered_runtime", layered_runtime, "there are no runtime keys");
    fields.note("overload_manager", overload_manager, "no overload action is taken");
    fields.note("enable_dispatcher_stats", enable_dispatcher_stats, UNUSED);
    fields.note("header_prefix", header_prefix, "headers keep the prefix x-envoy");
    fields.note("stats_server_version_override", stats_server_version_override, UNUSED);
    fields.note("use_tcp_for_dns_lookups", use_tcp_for_dns_lookups, "lookups use UDP first");
    fields.note("dns_resolution_config", dns_resolution_config, "the system's resolver is asked");
    fields.note("typed_dns_resolver_config", typed_dns_resolver_config, "the system's resolver is asked");
    fields.note("bootstrap_extensions", bootstrap_extensions, UNUSED);
    fields.note("fatal_actions", fatal_actions, UNUSED);
    fields.note("config_sources", config_sources, UNUSED);
    fields.note("default_config_source", default_config_source, UNUSED);
    fields.note("default_socket_interface", default_socket_interface, "ordinary sockets are used");
    fields.note("certificate_provider_instances", certificate_provider_instances, "a TLS context that names one is refused");
    fields.note("inline_headers", inline_headers, UNUSED);
    fields.note("perf_tracing_file_path", perf_tracing_file_path, UNUSED);
    fields.note("default_regex_engine", default_regex_engine, "the built-in engine, linear in its input like RE2");
    fields.note("xds_delegate_extension", xds_delegate_extension, UNUSED);
    fields.note("xds_config_tracker_extension", xds_config_tracker_extension, UNUSED);
    fields.note("listener_manager", listener_manager, UNUSED);
    fields.note("application_log_config", application_log_config, "use --log-format");
    fields.note("grpc_async_client_manager_config", grpc_async_client_manager_config, UNUSED);
    fields.note("memory_allocator_manager", memory_allocator_manager, UNUSED);
    fields.note("enable_worker_cpu_affinity", enable_worker_cpu_affinity, "workers float between cores");
    fields.note("stats_flush", stats_flush, UNUSED);
    fields.note("stats_eviction", stats_eviction, UNUSED);
}

struct Dynamic {
    ads: Option<StreamConfig>,
    lds: Option<Source>,
    cds: Option<Source>,
}

impl Dynamic {
    fn read(
        message: pb::bootstrap::DynamicResources,
        fields: &mut NotHonouredFields,
    ) -> Result<Self, InvalidBootstrap> {
        let pb::bootstrap::DynamicResources {
            lds_config,
            lds_resources_locator,
            cds_config,
            cds_resources_locator,
            ads_config,
        } = message;
        for (field, value) in [
            ("lds_resources_locator", lds_resources_locator),
            ("cds_resources_locator", cds_resources_locator),
        ] {
            if !value.is_empty() {
                let field = format!("dynamic_resources.{field}");
                return Err(InvalidBootstrap::field(
                    field,
                    "xdstp locators are not spoken; use lds_config and cds_config",
                ));
            }
        }
        let ads = ads_config
            .map(|ads| StreamConfig::read(ads, "dynamic_resources.ads_config", fields))
            .transpose()
            .map_err(refused)?;
        let mut source = |source: Option<ConfigSource>, field: &str| {
            source
                .map(|source| read_source(source, ads.is_some(), field, fields))
                .transpose()
        };
        Ok(Self {
            lds: source(lds_config, "dynamic_resources.lds_config")?,
            cds: source(cds_config, "dynamic_resources.cds_config")?,
            ads,
        })
    }

    /// All streams, with the fields that name them.
    fn streams(&self) -> impl Iterator<Item = (&'static str, &StreamConfig)> {
        [
            ("dynamic_resources.ads_config", self.ads.as_ref()),
            ("dynamic_resources.lds_config", own_stream(&self.lds)),
            ("dynamic_resources.cds_config", own_stream(&self.cds)),
        ]
        .into_iter()
        .filter_map(|(field, stream)| Some((field, stream?)))
    }
}

fn own_stream(source: &Option<Source>) -> Option<&StreamConfig> {
    match source {
        Some(Source::Stream(stream)) => Some(stream),
        Some(Source::Ads | Source::File(_)) | None => None,
    }
}

fn refused(InvalidField { path, reason }: InvalidField) -> InvalidBootstrap {
    InvalidBootstrap::field(path, reason)
}

fn read_source(
    source: ConfigSource,
    has_ads: bool,
    field: &str,
    fields: &mut NotHonouredFields,
) -> Result<Source, InvalidBootstrap> {
    let source = Source::read(source, field, fields).map_err(refused)?;
    if source == Source::Ads && !has_ads {
        let reason = "says ads, but dynamic_resources.ads_config is missing";
        return Err(InvalidBootstrap::field(field, reason));
    }
    Ok(source)
}

#[expect(deprecated, reason = "retired fields are named, too")]
fn admin_address(
    admin: pb::Admin,
    fields: &mut NotHonouredFields,
) -> Result<Option<std::net::SocketAddr>, InvalidBootstrap> {
    let pb::Admin {
        access_log,
        access_log_path,
        profile_path,
        address,
        socket_options,
        ignore_global_conn_limit,
        allow_paths,
    } = admin;
    if !allow_paths.is_empty() {
        return Err(InvalidBootstrap::field(
            "admin.allow_paths",
            "it guards the admin interface and is not supported",
        ));
    }
    fields.note(
        "admin.access_log",
        &access_log,
        "admin requests are not logged",
    );
    fields.note(
        "admin.access_log_path",
        &access_log_path,
        "admin requests are not logged",
    );
    fields.note("admin.profile_path", &profile_path, UNUSED);
    fields.note("admin.socket_options", &socket_options, UNUSED);
    fields.note(
        "admin.ignore_global_conn_limit",
        &ignore_global_conn_limit,
        "there is no global limit",
    );
    address
        .map(|address| socket_address(address, "admin.address"))
        .transpose()
}

fn socket_address(
    address: core::Address,
    field: &str,
) -> Result<std::net::SocketAddr, InvalidBootstrap> {
    let address = wire::address(field, Some(address))
        .map_err(|error| InvalidBootstrap::field(error.path, error.reason))?;
    match address {
        Address::Ip(address) => Ok(address),
        Address::Unix(_) => Err(InvalidBootstrap::field(
            field,
            "must be a socket_address with an IP address and a port",
        )),
    }
}
