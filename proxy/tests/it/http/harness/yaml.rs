//! Bootstraps of one listener, its clusters and its routes.

use std::net::SocketAddr;

/// The bootstrap of [`start`].
pub(in crate::http) fn yaml(
    log: &str,
    routes: &str,
    clusters: &[(&str, &[SocketAddr], &str)],
) -> String {
    let routes = indent(routes, 18);
    let mut text = format!(
        r#"
node: {{ id: test, cluster: test }}
static_resources:
  listeners:
  - name: main
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 1 }} }}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {log}
              log_format:
                text_format_source: {{ inline_string: "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_SENT% %UPSTREAM_CLUSTER%\n" }}
          upgrade_configs: [ {{ upgrade_type: websocket }} ]
          route_config:
            name: local
            virtual_hosts:
            - name: all
              domains: ["*"]
              include_request_attempt_count: true
              routes:
{routes}
          http_filters:
          - name: envoy.filters.http.fault
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
          - name: envoy.filters.http.cors
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors
          - name: router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
"#
    );
    for (name, endpoints, more) in clusters {
        let hosts: String = endpoints
            .iter()
            .map(|at| {
                let (ip, port) = (at.ip(), at.port());
                format!("          - endpoint: {{ address: {{ socket_address: {{ address: {ip}, port_value: {port} }} }} }}\n")
            })
            .collect();
        let more = indent(more, 4);
        text.push_str(&format!(
            "  - name: {name}\n    type: STATIC\n    connect_timeout: 2s\n{more}\n    load_assignment:\n      \
             cluster_name: {name}\n      endpoints:\n      - lb_endpoints:\n{hosts}"
        ));
    }
    text
}

fn indent(text: &str, by: usize) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| format!("{}{line}", " ".repeat(by)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A route that sends everything to cluster `web`.
pub(in crate::http) const TO_WEB: &str =
    "- match: { prefix: / }\n  route: { cluster: web, timeout: 5s }";

/// Extra YAML of a cluster that speaks HTTP/2.
pub(in crate::http) const HTTP2: &str = r#"
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: { http2_protocol_options: {} }
"#;
