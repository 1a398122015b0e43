//! Envoy's bootstrap, the same for Envoy and for Tulle.

use std::path::Path;

use serde_json::{Value, json};

use crate::ads::{Control, Dialect};
use crate::certificate::IDENTITY;
use crate::exchange::{PATH, Protocol};
use crate::topology::{Features, Hop, Sessions, Side, Transport};

const UNLIMITED: u32 = u32::MAX;
/// What Istio's sidecars keep of Envoy's metrics unless they are told otherwise: beginnings and ends of names, and an expression.
///
/// Source: Istio, `pkg/bootstrap/config.go`.
const ISTIO_PREFIXES: [&str; 8] = [
    "reporter=",
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "wasm",
    "component",
    "istio",
];
const ISTIO_SUFFIXES: [&str; 4] = [
    "rbac.allowed",
    "rbac.denied",
    "shadow_allowed",
    "shadow_denied",
];
const ISTIO_EXPRESSION: &str = r"vhost\..*\.route\..*";
/// The cluster behind which the xDS server is found.
const CONTROL: &str = "control-plane";

/// The file for one hop.
pub(crate) fn render(hop: &Hop, folder: &Path) -> String {
    let mut bootstrap = json!({
        "node": { "id": format!("bench-{}", hop.name), "cluster": "bench" },
        "admin": { "address": address(&hop.admin.to_string()) },
    });
    match hop.control {
        None => {
            bootstrap["static_resources"] =
                json!({ "listeners": [listener(hop, folder)], "clusters": clusters(hop) });
        }
        Some(control) => {
            bootstrap["dynamic_resources"] = aggregated(control);
            bootstrap["static_resources"] =
                json!({ "clusters": [over_http2(cluster(CONTROL, &[control.at.to_string()]))] });
        }
    }
    if let Some(matcher) = stats_matcher(hop.features) {
        bootstrap["stats_config"] = json!({ "stats_matcher": matcher });
    }
    serde_json::to_string_pretty(&bootstrap).expect("JSON can be printed")
}

/// Which of the proxy's own metrics there are; none: all.
fn stats_matcher(features: Features) -> Option<Value> {
    match features {
        Features::Metrics | Features::Logged | Features::Everything | Features::Istio => None,
        Features::Nothing => Some(json!({ "reject_all": true })),
        Features::IstioMetrics => {
            let word = |kind: &'static str| move |word: &&str| json!({ kind: word });
            let prefixes = ISTIO_PREFIXES.iter().map(word("prefix"));
            let suffixes = ISTIO_SUFFIXES.iter().map(word("suffix"));
            let expression = json!({ "safe_regex": { "regex": ISTIO_EXPRESSION } });
            let patterns: Vec<Value> = prefixes.chain(suffixes).chain([expression]).collect();
            Some(json!({ "inclusion_list": { "patterns": patterns } }))
        }
    }
}

/// Clusters and listeners over one stream, however long it takes.
fn aggregated(control: Control) -> Value {
    let dialect = match control.dialect {
        Dialect::Delta => "DELTA_GRPC",
        Dialect::StateOfTheWorld => "GRPC",
    };
    let source = json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s" });
    json!({
        "ads_config": {
            "api_type": dialect,
            "transport_api_version": "V3",
            "grpc_services": [{ "envoy_grpc": { "cluster_name": CONTROL } }],
        },
        "cds_config": source,
        "lds_config": source,
    })
}

fn address(at: &str) -> Value {
    let (host, port) = at.rsplit_once(':').expect("an address has a port");
    let port: u16 = port.parse().expect("a port is a number");
    json!({ "socket_address": { "address": host, "port_value": port } })
}

/// A value of Envoy's type `of`.
fn typed(of: &str, mut value: Value) -> Value {
    value["@type"] = format!("type.googleapis.com/{of}").into();
    value
}

fn filter(name: &str, of: &str, value: Value) -> Value {
    json!({ "name": name, "typed_config": typed(of, value) })
}

fn listener(hop: &Hop, folder: &Path) -> Value {
    let mut chain = json!({ "filters": [network_filter(hop, folder)] });
    if let Transport::MutualTls(sessions) = hop.accepts.transport {
        chain["transport_socket"] = accepting(hop, sessions);
    }
    json!({ "name": "bench", "address": address(&hop.listen.to_string()), "filter_chains": [chain] })
}

fn network_filter(hop: &Hop, folder: &Path) -> Value {
    let log = access_log(hop, folder);
    if hop.accepts.protocol == Protocol::Tcp {
        let value = json!({ "stat_prefix": "bench", "cluster": "backend", "access_log": log });
        return filter(
            "envoy.filters.network.tcp_proxy",
            "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            value,
        );
    }
    let value = json!({
        "stat_prefix": "bench",
        "access_log": log,
        "route_config": { "name": "bench", "virtual_hosts": virtual_hosts(hop) },
        "http_filters": http_filters(hop.features),
    });
    filter(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        value,
    )
}

fn virtual_hosts(hop: &Hop) -> Value {
    let host = |name: &str, domain: &str, cluster: &str| {
        json!({
            "name": name,
            "domains": [domain],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": cluster } }],
        })
    };
    let others = hop
        .others()
        .map(|service| host(&service.name, &service.host, &service.name));
    std::iter::once(host("backend", "*", "backend"))
        .chain(others)
        .collect()
}

fn access_log(hop: &Hop, folder: &Path) -> Value {
    match hop.features {
        Features::Metrics | Features::Nothing | Features::IstioMetrics => json!([]),
        Features::Logged | Features::Everything | Features::Istio => {
            let path = folder.join(format!("access-{}-{}.log", hop.name, hop.listen.port()));
            json!([filter(
                "envoy.access_loggers.file",
                "envoy.extensions.access_loggers.file.v3.FileAccessLog",
                json!({ "path": path }),
            )])
        }
    }
}

fn http_filters(features: Features) -> Value {
    let http = "envoy.extensions.filters.http";
    let mut filters = match features {
        Features::Metrics | Features::Nothing | Features::Logged | Features::IstioMetrics => {
            Vec::new()
        }
        Features::Everything => vec![filter(
            "envoy.filters.http.rbac",
            &format!("{http}.rbac.v3.RBAC"),
            json!({ "rules": { "action": "ALLOW", "policies": policies() } }),
        )],
        Features::Istio => vec![
            filter(
                "envoy.filters.http.grpc_stats",
                &format!("{http}.grpc_stats.v3.FilterConfig"),
                json!({ "emit_filter_state": true, "stats_for_all_methods": false }),
            ),
            filter(
                "envoy.filters.http.fault",
                &format!("{http}.fault.v3.HTTPFault"),
                json!({}),
            ),
            filter(
                "envoy.filters.http.cors",
                &format!("{http}.cors.v3.Cors"),
                json!({}),
            ),
        ],
    };
    filters.push(filter(
        "envoy.filters.http.router",
        &format!("{http}.router.v3.Router"),
        json!({}),
    ));
    Value::Array(filters)
}

/// Who may do what, of which the last is what the generator does.
fn policies() -> Value {
    let policy = |methods: &[&str], path: &str, (network, length): (&str, u32)| {
        let methods: Vec<Value> = methods
            .iter()
            .map(|method| json!({ "header": { "name": ":method", "string_match": { "exact": method } } }))
            .collect();
        json!({
            "permissions": [{ "and_rules": { "rules": [
                { "or_rules": { "rules": methods } },
                { "url_path": { "path": { "prefix": path } } },
            ] } }],
            "principals": [{ "direct_remote_ip": { "address_prefix": network, "prefix_len": length } }],
        })
    };
    json!({
        "admins": policy(&["GET", "POST", "DELETE"], "/admin", ("10.0.0.0", 8)),
        "probes": policy(&["GET"], "/healthz", ("10.64.0.0", 16)),
        "writers": policy(&["POST", "PUT"], PATH, ("127.0.0.0", 8)),
        "readers": policy(&["GET", "HEAD"], PATH, ("127.0.0.0", 8)),
    })
}

fn clusters(hop: &Hop) -> Value {
    let mut used = cluster("backend", &[hop.upstream.to_string()]);
    if matches!(hop.sends.protocol, Protocol::Http2 | Protocol::Grpc) {
        used = over_http2(used);
    }
    if let Transport::MutualTls(sessions) = hop.sends.transport {
        used["transport_socket"] = sending(hop, sessions);
    }
    let others = hop
        .others()
        .map(|service| cluster(&service.name, &service.endpoints));
    std::iter::once(used).chain(others).collect()
}

fn over_http2(mut cluster: Value) -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let explicit = json!({ "explicit_http_config": { "http2_protocol_options": {} } });
    cluster["typed_extension_protocol_options"] = json!({ options: typed(options, explicit) });
    cluster
}

fn cluster(name: &str, endpoints: &[String]) -> Value {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|at| json!({ "endpoint": { "address": address(at) } }))
        .collect();
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": { "thresholds": [{
            "max_connections": UNLIMITED,
            "max_pending_requests": UNLIMITED,
            "max_requests": UNLIMITED,
            "max_retries": UNLIMITED,
        }] },
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] },
    })
}

fn accepting(hop: &Hop, sessions: Sessions) -> Value {
    let mut value = json!({
        "common_tls_context": tls(hop, hop.accepts),
        "require_client_certificate": true,
    });
    if sessions == Sessions::Full {
        value["disable_stateless_session_resumption"] = true.into();
        value["disable_stateful_session_resumption"] = true.into();
    }
    let of = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
    filter("envoy.transport_sockets.tls", of, value)
}

fn sending(hop: &Hop, sessions: Sessions) -> Value {
    let mut value =
        json!({ "common_tls_context": tls(hop, hop.sends), "sni": crate::certificate::HOST });
    if sessions == Sessions::Full {
        value["max_session_keys"] = 0.into();
    }
    let of = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    filter("envoy.transport_sockets.tls", of, value)
}

fn tls(hop: &Hop, side: Side) -> Value {
    let alpn = match side.protocol {
        Protocol::Http1 => json!(["http/1.1"]),
        Protocol::Http2 | Protocol::Grpc => json!(["h2"]),
        Protocol::Tcp => json!([]),
    };
    json!({
        // both ends, since Envoy as a client stops at 1.2 by default
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_3",
            "tls_maximum_protocol_version": "TLSv1_3",
            "ecdh_curves": ["X25519"],
        },
        "alpn_protocols": alpn,
        "tls_certificates": [{
            "certificate_chain": { "filename": hop.certificate.chain },
            "private_key": { "filename": hop.certificate.key },
        }],
        "validation_context": {
            "trusted_ca": { "filename": hop.certificate.root },
            "match_typed_subject_alt_names": [{ "san_type": "URI", "matcher": { "exact": IDENTITY } }],
        },
    })
}
