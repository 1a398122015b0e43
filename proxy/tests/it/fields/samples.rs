//! Good messages to begin with.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(xds_proto::FILE_DESCRIPTOR_SET).expect("the descriptors are well-formed")
});

/// A certificate and its key.
static PAIR: LazyLock<(String, String)> = LazyLock::new(|| {
    let pair = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
    (pair.cert.pem(), pair.signing_key.serialize_pem())
});

/// Messages that are refused when they are empty, wherever they stand.
const SAMPLES: &[(&str, &str)] = &[
    (
        "envoy.config.rbac.v3.Policy",
        "{permissions: [{any: true}], principals: [{any: true}]}",
    ),
    ("envoy.config.rbac.v3.Permission", "{any: true}"),
    ("envoy.config.rbac.v3.Principal", "{any: true}"),
    (
        "envoy.config.core.v3.HeaderValueOption",
        "{header: {key: x-a, value: b}}",
    ),
    ("envoy.config.core.v3.HeaderValue", "{key: x-a, value: b}"),
    ("envoy.config.route.v3.HeaderMatcher", "{name: x-a}"),
    ("envoy.config.route.v3.QueryParameterMatcher", "{name: a}"),
    ("envoy.type.matcher.v3.StringMatcher", "{exact: a}"),
    ("envoy.type.matcher.v3.RegexMatcher", "{regex: a}"),
    (
        "envoy.type.matcher.v3.RegexMatchAndSubstitute",
        "{pattern: {regex: a}, substitution: b}",
    ),
    (
        "envoy.config.core.v3.RuntimeFractionalPercent",
        "{default_value: {numerator: 10}}",
    ),
    ("envoy.config.core.v3.Pipe", "{path: /a}"),
    ("envoy.config.core.v3.PathConfigSource", "{path: /a}"),
    (
        "envoy.config.cluster.v3.CircuitBreakers.Thresholds",
        "{max_connections: 5}",
    ),
    (
        "envoy.config.cluster.v3.OutlierDetection",
        "{enforcing_consecutive_gateway_failure: 100, enforcing_failure_percentage: 100}",
    ),
    (
        "envoy.config.cluster.v3.Cluster.RingHashLbConfig",
        "{minimum_ring_size: 2, maximum_ring_size: 1000000}",
    ),
    (
        "envoy.config.cluster.v3.Cluster.OriginalDstLbConfig",
        "{use_http_header: true}",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension",
        "{typed_config: {'@type': type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig}}",
    ),
    (
        "envoy.config.metrics.v3.TagSpecifier",
        "{tag_name: zone, fixed_value: a}",
    ),
    (
        "envoy.config.metrics.v3.StatsMatcher",
        "{exclusion_list: {patterns: [{prefix: cluster.}]}}",
    ),
    (
        "envoy.type.matcher.v3.ListStringMatcher",
        "{patterns: [{prefix: a}]}",
    ),
    (
        "envoy.config.metrics.v3.HistogramBucketSettings",
        "{match: {prefix: a}, buckets: [1]}",
    ),
    (
        "envoy.config.core.v3.CidrRange",
        "{address_prefix: 10.0.0.0, prefix_len: 8}",
    ),
    (
        "envoy.config.core.v3.Address",
        "{socket_address: {address: 10.0.0.1, port_value: 80}}",
    ),
    (
        "envoy.config.core.v3.SocketAddress",
        "{address: 10.0.0.1, port_value: 80}",
    ),
    (
        "envoy.config.core.v3.KeepaliveSettings",
        "{interval: 1s, timeout: 1s}",
    ),
    ("envoy.config.core.v3.ConfigSource", "{ads: {}}"),
    (
        "envoy.config.core.v3.SubstitutionFormatString",
        "{text_format_source: {inline_string: a}}",
    ),
    (
        "envoy.config.accesslog.v3.AccessLog",
        "{name: a, typed_config: {'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /a}}",
    ),
    (
        "envoy.config.accesslog.v3.AccessLogFilter",
        "{not_health_check_filter: {}}",
    ),
    (
        "envoy.config.accesslog.v3.StatusCodeFilter",
        "{comparison: {value: {default_value: 400}}}",
    ),
    (
        "envoy.config.accesslog.v3.DurationFilter",
        "{comparison: {value: {default_value: 400}}}",
    ),
    (
        "envoy.config.listener.v3.FilterChain",
        "{filter_chain_match: {destination_port: 8080}, filters: [{name: tcp, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: s, cluster: c}}]}",
    ),
    (
        "envoy.config.listener.v3.ListenerFilter",
        "{name: envoy.filters.listener.tls_inspector, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}",
    ),
    (
        "envoy.config.listener.v3.AdditionalAddress",
        "{address: {socket_address: {address: 127.0.0.1, port_value: 2}}}",
    ),
    (
        "envoy.config.listener.v3.ListenerFilterChainMatchPredicate",
        "{destination_port_range: {start: 80, end: 81}}",
    ),
    (
        "envoy.config.core.v3.TransportSocket",
        "{name: raw, typed_config: {'@type': type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}",
    ),
    (
        "envoy.config.route.v3.RouteConfiguration",
        "{name: r, virtual_hosts: [{name: v, domains: [a.example], routes: [{match: {prefix: /}, route: {cluster: c, max_grpc_timeout: 10s}}]}]}",
    ),
    (
        "envoy.config.route.v3.VirtualHost",
        "{name: w, domains: [b.example]}",
    ),
    (
        "envoy.config.route.v3.Route",
        "{match: {prefix: /}, route: {cluster: c, max_grpc_timeout: 10s}}",
    ),
    ("envoy.config.route.v3.RouteMatch", "{prefix: /}"),
    (
        "envoy.config.route.v3.RouteAction",
        "{cluster: c, max_grpc_timeout: 10s}",
    ),
    (
        "envoy.config.route.v3.RouteAction.MaxStreamDuration",
        "{grpc_timeout_header_max: 10s}",
    ),
    (
        "envoy.config.route.v3.DirectResponseAction",
        "{status: 200}",
    ),
    (
        "envoy.config.route.v3.WeightedCluster",
        "{clusters: [{name: c, weight: 10}, {name: d, weight: 10}]}",
    ),
    (
        "envoy.config.route.v3.WeightedCluster.ClusterWeight",
        "{name: c, weight: 10}",
    ),
    (
        "envoy.config.route.v3.RouteAction.RequestMirrorPolicy",
        "{cluster: m}",
    ),
    (
        "envoy.config.route.v3.RouteAction.UpgradeConfig",
        "{upgrade_type: websocket}",
    ),
    (
        "envoy.config.route.v3.RouteAction.HashPolicy",
        "{header: {header_name: x-a}}",
    ),
    (
        "envoy.config.route.v3.RouteAction.HashPolicy.Header",
        "{header_name: x-a}",
    ),
    (
        "envoy.config.route.v3.RouteAction.HashPolicy.Cookie",
        "{name: a}",
    ),
    (
        "envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter",
        "{name: a}",
    ),
    (
        "envoy.config.route.v3.RetryPolicy.RetryHostPredicate",
        "{name: envoy.retry_host_predicates.previous_hosts}",
    ),
    (
        "envoy.config.route.v3.RetryPolicy.RetryBackOff",
        "{base_interval: 0.1s, max_interval: 1s}",
    ),
    (
        "envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff",
        "{reset_headers: [{name: x-a}]}",
    ),
    (
        "envoy.config.route.v3.RetryPolicy.ResetHeader",
        "{name: x-a}",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
        "{name: cors, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
        "{upgrade_type: websocket}",
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.Rds",
        "{route_config_name: r, config_source: {ads: {}}}",
    ),
    (
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster",
        "{clusters: [{name: c, weight: 10}, {name: d, weight: 10}]}",
    ),
    ("envoy.type.v3.HashPolicy", "{source_ip: {}}"),
    (
        "envoy.extensions.filters.common.fault.v3.FaultDelay",
        "{fixed_delay: 1s, percentage: {numerator: 10}}",
    ),
    (
        "envoy.extensions.filters.http.fault.v3.FaultAbort",
        "{http_status: 503, percentage: {numerator: 10}}",
    ),
    (
        "envoy.config.cluster.v3.Cluster.EdsClusterConfig",
        "{eds_config: {ads: {}}}",
    ),
    (
        "envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector",
        "{keys: [a]}",
    ),
    (
        "envoy.config.cluster.v3.Cluster.LbSubsetConfig",
        "{fallback_policy: DEFAULT_SUBSET, default_subset: {a: b}}",
    ),
    (
        "envoy.config.cluster.v3.Cluster.RefreshRate",
        "{base_interval: 1s, max_interval: 2s}",
    ),
    (
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig",
        "{http_protocol_options: {}}",
    ),
    (
        "envoy.config.endpoint.v3.LbEndpoint",
        "{endpoint: {address: {socket_address: {address: 10.0.0.2, port_value: 80}}}}",
    ),
    (
        "envoy.config.endpoint.v3.Endpoint",
        "{address: {socket_address: {address: 10.0.0.2, port_value: 80}}}",
    ),
    (
        "envoy.config.endpoint.v3.LocalityLbEndpoints",
        "{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.0.2, port_value: 80}}}}]}",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig",
        "{name: a, sds_config: {ads: {}}}",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher",
        "{san_type: URI, matcher: {exact: a}}",
    ),
    (
        "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext",
        "{tls_certificate_sds_secret_configs: [{name: default, sds_config: {ads: {}}}]}",
    ),
    (
        "envoy.config.core.v3.ApiConfigSource",
        "{api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}",
    ),
    (
        "envoy.config.core.v3.GrpcService",
        "{envoy_grpc: {cluster_name: xds}}",
    ),
    (
        "envoy.config.core.v3.GrpcService.EnvoyGrpc",
        "{cluster_name: xds}",
    ),
];

/// The message that stands where there was none.
pub(super) fn of(message: &MessageDescriptor) -> DynamicMessage {
    let pem = |text: &str| serde_json::json!({"inline_string": text}).to_string();
    match message.full_name() {
        // a certificate is good as a root, and as the body of a response
        "envoy.config.core.v3.DataSource" => return parse(message.full_name(), &pem(&PAIR.0)),
        "envoy.extensions.transport_sockets.tls.v3.TlsCertificate" => {
            let (chain, key) = (pem(&PAIR.0), pem(&PAIR.1));
            let text = format!("{{certificate_chain: {chain}, private_key: {key}}}");
            return parse(message.full_name(), &text);
        }
        _ => {}
    }
    match SAMPLES
        .iter()
        .find(|(name, _)| *name == message.full_name())
    {
        Some((name, text)) => parse(name, text),
        None => DynamicMessage::new(message.clone()),
    }
}

/// Whether a message was refused because it is empty, not because it is not supported.
pub(super) fn is_wanted(reason: &str) -> bool {
    reason.ends_with("is required") || reason.ends_with("must not be empty")
}

/// A message from YAML.
pub(super) fn parse(name: &str, text: &str) -> DynamicMessage {
    let message = POOL.get_message_by_name(name);
    let message = message.unwrap_or_else(|| panic!("no message {name}"));
    let value: serde_json::Value =
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    DynamicMessage::deserialize(message, value).unwrap_or_else(|error| panic!("{name}: {error}"))
}
