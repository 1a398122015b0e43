//! Fields that are read and change nothing, rightly.

/// Field, or one value of it, and why nothing follows from it. Of a field that holds a message all that is inside counts.
pub(super) const FIELDS: &[(&str, &str)] = &[
    // names that only people read
    (
        "envoy.config.core.v3.TransportSocket.name",
        "typed_config says the kind",
    ),
    (
        "envoy.config.listener.v3.Filter.name",
        "typed_config says the kind",
    ),
    (
        "envoy.config.listener.v3.ListenerFilter.name",
        "typed_config says the kind",
    ),
    (
        "envoy.config.accesslog.v3.AccessLog.name",
        "typed_config says the kind",
    ),
    (
        "envoy.config.endpoint.v3.ClusterLoadAssignment.cluster_name",
        "the key under which endpoints are kept",
    ),
    // values that say what is done anyway
    (
        "envoy.config.core.v3.DataSource.watched_directory",
        FOLLOWED,
    ),
    (
        "envoy.config.core.v3.PathConfigSource.watched_directory",
        FOLLOWED,
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.TlsCertificate.watched_directory",
        FOLLOWED,
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.watched_directory",
        FOLLOWED,
    ),
    (
        "envoy.config.core.v3.ConfigSource.resource_api_version: V2",
        "no other than V3 is spoken",
    ),
    (
        "envoy.config.core.v3.ConfigSource.resource_api_version: V3",
        "no other is spoken",
    ),
    (
        "envoy.config.core.v3.SelfConfigSource.transport_api_version: V2",
        "that of the stream counts",
    ),
    (
        "envoy.config.core.v3.SelfConfigSource.transport_api_version: V3",
        "that of the stream counts",
    ),
    (
        "envoy.config.core.v3.ApiConfigSource.transport_api_version: V2",
        "only resources of version 3 are taken, whatever it says",
    ),
    (
        "envoy.config.core.v3.ApiConfigSource.transport_api_version: V3",
        "only resources of version 3 are taken",
    ),
    (
        "envoy.config.core.v3.ApiConfigSource.api_type: AGGREGATED_GRPC",
        "an aggregated stream is one anyway",
    ),
    (
        "envoy.config.core.v3.ApiConfigSource.api_type: AGGREGATED_DELTA_GRPC",
        "an aggregated stream is one anyway",
    ),
    (
        "envoy.config.core.v3.ApiConfigSource.set_node_on_first_message_only",
        "always so, as the protocol allows",
    ),
    (
        "envoy.config.core.v3.GrpcService.EnvoyGrpc.skip_envoy_headers",
        "none are sent",
    ),
    (
        "envoy.config.core.v3.Http1ProtocolOptions.enable_trailers",
        "always so",
    ),
    (
        "envoy.config.core.v3.Http1ProtocolOptions.allow_custom_methods",
        "every token is a method",
    ),
    (
        "envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.stateful_formatter",
        "always so",
    ),
    (
        "envoy.config.core.v3.Http2ProtocolOptions.stream_error_on_invalid_http_messaging",
        "always so",
    ),
    (
        "envoy.config.core.v3.JsonFormatOptions.sort_properties",
        "always so",
    ),
    (
        "envoy.config.endpoint.v3.LbEndpoint.health_status: HEALTHY",
        "the same as UNKNOWN",
    ),
    (
        "envoy.config.listener.v3.Listener.reuse_port",
        "always so; enable_reuse_port turns it off",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.proxy_100_continue",
        "always so",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.path_with_escaped_slashes_action: KEEP_UNCHANGED",
        "the default",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.TlsParameters.tls_minimum_protocol_version: TLSv1_2",
        "the default",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.TlsParameters.tls_maximum_protocol_version: TLSv1_3",
        "the default",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.suppress_client_ca_list",
        "no list is ever sent",
    ),
    // bounds of what else is there
    (
        "envoy.config.route.v3.RouteConfiguration.max_direct_response_body_size_bytes",
        "a larger body refuses the table",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter.is_optional",
        "counts for filters that are not known",
    ),
    (
        "envoy.config.route.v3.FilterConfig.is_optional",
        "counts for filters that are not known",
    ),
    (
        "envoy.config.rbac.v3.Policy.cel_config",
        "conditions depend on the request and refuse the resource",
    ),
    // parts of what is refused or named as a whole, or of what does not exist here
    ("envoy.config.core.v3.RuntimeUInt32.runtime_key", RUNTIME),
    (
        "envoy.config.core.v3.RuntimeFractionalPercent.runtime_key",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.delay_percent_runtime",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.abort_percent_runtime",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.delay_duration_runtime",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.abort_http_status_runtime",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.max_active_faults_runtime",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.response_rate_limit_percent_runtime",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.abort_grpc_status_runtime",
        RUNTIME,
    ),
    (
        "envoy.extensions.filters.http.fault.v3.HTTPFault.disable_downstream_cluster_stats",
        STATISTICS,
    ),
    (
        "envoy.extensions.filters.http.rbac.v3.RBAC.shadow_rules_stat_prefix",
        STATISTICS,
    ),
    (
        "envoy.extensions.filters.http.rbac.v3.RBAC.rules_stat_prefix",
        STATISTICS,
    ),
    (
        "envoy.extensions.filters.network.rbac.v3.RBAC.shadow_rules_stat_prefix",
        STATISTICS,
    ),
    (
        "envoy.extensions.filters.network.rbac.v3.RBAC.enforcement_type: CONTINUOUS",
        "a verdict without facts does not change while bytes flow",
    ),
    (
        "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.stat_prefix",
        STATISTICS,
    ),
    (
        "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.tlv_location: FILTER_STATE",
        "TLVs are skipped",
    ),
    (
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector.initial_read_buffer_size",
        "a buffer inside Envoy",
    ),
    (
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.proxy_protocol_tlv_merge_policy: OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD",
        "no PROXY header is sent",
    ),
    (
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.proxy_protocol_tlv_merge_policy: APPEND_IF_EXISTS_OR_ADD",
        "no PROXY header is sent",
    ),
    (
        "envoy.extensions.filters.http.router.v3.Router.reject_connect_request_early_data",
        "CONNECT is refused",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig.unix_sockets",
        "clients come over TCP",
    ),
    (
        "envoy.config.core.v3.Metadata.typed_filter_metadata",
        "nothing here looks for it",
    ),
    (
        "envoy.config.core.v3.Metadata.filter_metadata",
        "nothing here looks for it",
    ),
    (
        "envoy.config.core.v3.SubstitutionFormatString.content_type",
        "a log has none",
    ),
    (
        "envoy.config.core.v3.Http1ProtocolOptions.use_balsa_parser",
        "a parser of Envoy",
    ),
    (
        "envoy.config.core.v3.Http2ProtocolOptions.use_oghttp2_codec",
        "a codec of Envoy",
    ),
    (
        "envoy.config.core.v3.Http2ProtocolOptions.max_metadata_size",
        "METADATA frames are ignored",
    ),
    (
        "envoy.config.core.v3.HttpProtocolOptions.headers_with_underscores_action: REJECT_REQUEST",
        "of requests that clients send",
    ),
    (
        "envoy.config.core.v3.HttpProtocolOptions.headers_with_underscores_action: DROP_HEADER",
        "of requests that clients send",
    ),
    (
        "envoy.config.core.v3.UpstreamHttpProtocolOptions.override_auto_sni_header",
        "auto_sni is refused",
    ),
    (
        "envoy.config.core.v3.BindConfig.validate_network_namespaces",
        "network namespaces are refused",
    ),
    (
        "envoy.config.core.v3.SocketAddress.ipv4_compat",
        "counts for listeners",
    ),
    (
        "envoy.config.core.v3.Pipe.mode",
        "counts where a socket is made",
    ),
    (
        "envoy.config.listener.v3.Listener.ignore_global_conn_limit",
        "there is no such limit",
    ),
    (
        "envoy.config.listener.v3.Listener.bypass_overload_manager",
        "the bootstrap's overload_manager is named",
    ),
    (
        "envoy.config.route.v3.RouteAction.include_vh_rate_limits",
        "rate limits are refused",
    ),
    (
        "envoy.config.route.v3.Route.decorator",
        "spans are not reported",
    ),
    (
        "envoy.config.route.v3.RetryPolicy.RetryHostPredicate.typed_config",
        "empty for the one that is known",
    ),
    (
        "envoy.config.cluster.v3.OutlierDetection.successful_active_health_check_uneject_host",
        "health_checks are named",
    ),
    (
        "envoy.type.matcher.v3.RegexMatcher.google_re2",
        "the one engine is linear in its input, as RE2 is",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher.oid",
        "OTHER_NAME is refused",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext.session_timeout",
        SESSIONS,
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext.session_ticket_keys",
        SESSIONS,
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext.session_ticket_keys_sds_secret_config",
        SESSIONS,
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext.disable_stateless_session_resumption",
        SESSIONS,
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext.disable_stateful_session_resumption",
        SESSIONS,
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext.max_session_keys",
        SESSIONS,
    ),
];

const FOLLOWED: &str = "the file is followed, whichever way it changes";
const RUNTIME: &str = "the default counts; a runtime (layered_runtime) is named in the bootstrap";
const STATISTICS: &str = "of statistics that are not kept";
const SESSIONS: &str = "no session is ever resumed";

/// Fields that are honoured by an order, which a reading does not show.
pub(super) const BY_ORDER: [&str; 2] = [
    "envoy.config.route.v3.RouteConfiguration.most_specific_header_mutations_wins",
    "envoy.config.cluster.v3.CircuitBreakers.Thresholds.priority: HIGH",
];

pub(super) fn reason(field: &str) -> Option<&'static str> {
    let found = FIELDS.iter().find(|(name, _)| *name == field);
    found.map(|(_, reason)| *reason)
}
