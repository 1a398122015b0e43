//! The messages that are read, each with a good one to begin with.

use prost_reflect::DynamicMessage;

use super::read::{self, Outcome, decode};

/// A message that is read.
pub(super) struct Case {
    pub(super) place: &'static str,
    pub(super) message: String,
    /// YAML of a good one.
    pub(super) sample: &'static str,
    /// What of it, or the path and the reason of the refusal.
    pub(super) read: fn(&DynamicMessage) -> Outcome,
    /// Messages inside that have a case of their own, or that are passed on as they are.
    pub(super) stops: &'static [&'static str],
}

pub(super) const MANAGER: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

pub(super) const LISTENER: &str = r#"
name: l
address: {socket_address: {address: 127.0.0.1, port_value: 1}}
filter_chains:
- filters:
  - name: tcp
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
      stat_prefix: s
      cluster: c
"#;

pub(super) const HTTP: &str = r#"
stat_prefix: s
rds: {route_config_name: r, config_source: {ads: {}}}
http_filters:
- name: cors
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}
- name: router
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"#;

pub(super) const ROUTES: &str = r#"
name: r
request_headers_to_add: [{header: {key: x-a, value: outer}}]
virtual_hosts:
- name: v
  domains: [a.example]
  routes:
  - match: {prefix: /}
    route: {cluster: c, max_grpc_timeout: 10s}
    request_headers_to_add: [{header: {key: x-b, value: inner}}]
"#;

pub(super) const CLUSTER: &str = "
name: c
type: EDS
eds_cluster_config: {eds_config: {ads: {}}}
";

/// Clusters in which other fields count.
const NAMES: &str = "
name: c
type: STRICT_DNS
lb_policy: RING_HASH
load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: a.example, port_value: 80}}}}]}]}
";
const STATIC: &str = "
name: c
type: STATIC
lb_policy: MAGLEV
load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 80}}}}]}]}
";
const LEAST: &str = "{name: c, type: STATIC, lb_policy: LEAST_REQUEST}";
const ORIGINAL: &str = "{name: c, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED}";

const ENDPOINTS: &str = "
cluster_name: c
endpoints:
- lb_endpoints:
  - endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 80}}}
";

const PROTOCOL: &str = "{explicit_http_config: {http_protocol_options: {}}}";

const BOOTSTRAP: &str = "
dynamic_resources:
  ads_config:
    api_type: GRPC
    grpc_services: [{envoy_grpc: {cluster_name: xds}}]
static_resources: {clusters: [{name: xds}]}
";

const SERVER: &str = "
common_tls_context:
  tls_certificate_sds_secret_configs: [{name: default, sds_config: {ads: {}}}]
  validation_context: {match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: a}}]}
";

const EXTENSIONS: &str = "envoy.extensions";

fn case(
    place: &'static str,
    message: &str,
    sample: &'static str,
    read: fn(&DynamicMessage) -> Outcome,
) -> Case {
    let message = match message.starts_with("envoy.") {
        true => message.to_owned(),
        false => format!("{EXTENSIONS}.{message}"),
    };
    Case {
        place,
        message,
        sample,
        read,
        stops: &[],
    }
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let mut all = listeners();
    all.extend(filters());
    all.extend(upstreams());
    all.push(Case {
        stops: &[
            "envoy.config.core.v3.Node",
            "envoy.config.bootstrap.v3.Bootstrap.StaticResources",
        ],
        ..case(
            "bootstrap",
            "envoy.config.bootstrap.v3.Bootstrap",
            BOOTSTRAP,
            |m| read::bootstrap_of(decode(m)),
        )
    });
    all
}

fn listeners() -> Vec<Case> {
    let inspector = |place, message| case(place, message, "{}", read::listener_filter);
    let network = |place, message, sample| case(place, message, sample, read::network_filter);
    let log = |place, message, sample| case(place, message, sample, read::access_logger);
    let listener = "envoy.config.listener.v3.Listener";
    let tls = "transport_sockets.tls.v3.DownstreamTlsContext";
    let tcp = "filters.network.tcp_proxy.v3.TcpProxy";
    let file = "access_loggers.file.v3.FileAccessLog";
    vec![
        case("listener", listener, LISTENER, |m| {
            read::listener_of(decode(m))
        }),
        inspector(
            "tls_inspector",
            "filters.listener.tls_inspector.v3.TlsInspector",
        ),
        inspector(
            "proxy_protocol",
            "filters.listener.proxy_protocol.v3.ProxyProtocol",
        ),
        inspector(
            "http_inspector",
            "filters.listener.http_inspector.v3.HttpInspector",
        ),
        inspector(
            "original_dst",
            "filters.listener.original_dst.v3.OriginalDst",
        ),
        network(
            "network.rbac",
            "filters.network.rbac.v3.RBAC",
            "{stat_prefix: s, rules: {}}",
        ),
        network("tcp_proxy", tcp, "{stat_prefix: s, cluster: c}"),
        network("http_connection_manager", MANAGER, HTTP),
        log("file_access_log", file, "{path: /a}"),
        log(
            "stdout_access_log",
            "access_loggers.stream.v3.StdoutAccessLog",
            "{}",
        ),
        log(
            "stderr_access_log",
            "access_loggers.stream.v3.StderrAccessLog",
            "{}",
        ),
        case("downstream_tls", tls, SERVER, read::downstream_tls),
    ]
}

fn filters() -> Vec<Case> {
    let filter = |place, message| case(place, message, "{}", read::http_filter);
    let of_route = |place, message, sample| case(place, message, sample, read::route_filter);
    let config = "envoy.config.route.v3.FilterConfig";
    let table = "envoy.config.route.v3.RouteConfiguration";
    vec![
        filter("router", "filters.http.router.v3.Router"),
        filter("fault", "filters.http.fault.v3.HTTPFault"),
        filter("cors", "filters.http.cors.v3.Cors"),
        filter("rbac", "filters.http.rbac.v3.RBAC"),
        of_route("cors_policy", "filters.http.cors.v3.CorsPolicy", "{}"),
        of_route("fault_of_route", "filters.http.fault.v3.HTTPFault", "{}"),
        of_route(
            "rbac_of_route",
            "filters.http.rbac.v3.RBACPerRoute",
            "{rbac: {}}",
        ),
        of_route("filter_config", config, "{}"),
        case("route_configuration", table, ROUTES, |m| {
            read::routes_of(decode(m))
        }),
    ]
}

fn upstreams() -> Vec<Case> {
    let cluster = |sample| {
        let message = "envoy.config.cluster.v3.Cluster";
        case("cluster", message, sample, |m| read::cluster_of(decode(m)))
    };
    let http = "upstreams.http.v3.HttpProtocolOptions";
    let tls = "transport_sockets.tls.v3.UpstreamTlsContext";
    let assignment = "envoy.config.endpoint.v3.ClusterLoadAssignment";
    vec![
        cluster(CLUSTER),
        cluster(NAMES),
        cluster(STATIC),
        cluster(LEAST),
        cluster(ORIGINAL),
        case("http_protocol_options", http, PROTOCOL, read::upstream_http),
        case("cluster_load_assignment", assignment, ENDPOINTS, |m| {
            read::endpoints_of(decode(m))
        }),
        case("upstream_tls", tls, SERVER, read::upstream_tls),
    ]
}
