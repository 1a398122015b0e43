//! What our proxy refuses, it names to the control plane; what it had keeps serving, and what came with it is applied.

mod server;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use tulle_proxy::config::bootstrap;
use tulle_tests::skip;
use xds_proto::pb::envoy::config::listener::v3::Listener;

use self::server::XdsServer;
use crate::mesh::http::{self as client, until};
use crate::mesh::namespace::Namespace;
use crate::mesh::process::Process;

const FRONT: u16 = 8001;
const OTHER: u16 = 8002;

#[test]
fn a_broken_resource_is_refused_by_delta_and_the_last_good_one_serves() {
    refuses("a_broken_resource_is_refused_by_delta", "DELTA_GRPC");
}

#[test]
fn a_broken_resource_is_refused_by_state_of_the_world_and_the_last_good_one_serves() {
    refuses("a_broken_resource_is_refused_by_state_of_the_world", "GRPC");
}

fn refuses(test: &str, api_type: &str) {
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(error) => {
            return skip(
                test,
                &format!("no network namespace ({error}); run as root"),
            );
        }
    };
    let home = tempfile::tempdir().unwrap();
    let mut server = XdsServer::start(&namespace);
    let file = home.path().join("bootstrap.yaml");
    std::fs::write(&file, bootstrap_yaml(api_type, server.address)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidecar"));
    command.args(["--concurrency", "1", "-c"]).arg(&file);
    let _proxy = Process::start(&namespace, command, &home.path().join("proxy.log"));

    let first = server.offer(vec![listener("front", FRONT, "first", GOOD)]);
    assert_eq!(first.error, None);
    serves(&namespace, FRONT, "first");

    let broken = listener("front", FRONT, "unguarded", BROKEN);
    let verdict = server.offer(vec![broken, listener("other", OTHER, "other", GOOD)]);
    let error = verdict.error.expect("a refusal");
    assert!(
        error.contains("front") && error.contains("jwt_authn"),
        "{error}"
    );
    serves(&namespace, OTHER, "other");
    let body = client::get(&namespace, local(FRONT), "/").unwrap().body;
    assert_eq!(body, "first", "the last good one serves");

    let mended = listener("front", FRONT, "mended", GOOD);
    let verdict = server.offer(vec![mended, listener("other", OTHER, "other", GOOD)]);
    assert_eq!(verdict.error, None);
    serves(&namespace, FRONT, "mended");
}

/// Waits until the listener of `port` answers with `body`.
fn serves(namespace: &Namespace, port: u16, body: &str) {
    until(body, namespace, || {
        let reply = client::get(namespace, local(port), "/").ok()?;
        (reply.body == body).then_some(())
    });
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

const GOOD: &str = "";

/// A guard that the proxy does not have: without it, nothing may be served.
const BROKEN: &str = r#"{ name: jwt_authn, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication } },"#;

/// A listener that answers with `body`.
fn listener(name: &str, port: u16, body: &str, filter: &str) -> Listener {
    let yaml = format!(
        r#"
node: {{ id: a, cluster: a }}
static_resources:
  listeners:
  - name: {name}
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          route_config:
            name: local
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [ {{ match: {{ prefix: / }}, direct_response: {{ status: 200, body: {{ inline_string: {body} }} }} }} ]
          http_filters: [ {filter} {{ name: router, typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }} }} ]
"#
    );
    let mut parsed = bootstrap::parse(&yaml, "a test").unwrap();
    parsed.listeners.remove(0)
}

fn bootstrap_yaml(api_type: &str, server: SocketAddr) -> String {
    let port = server.port();
    format!(
        r#"
node: {{ id: refusing, cluster: refusing }}
dynamic_resources:
  ads_config:
    api_type: {api_type}
    transport_api_version: V3
    grpc_services: [ {{ envoy_grpc: {{ cluster_name: xds }} }} ]
  cds_config: {{ ads: {{}}, resource_api_version: V3 }}
  lds_config: {{ ads: {{}}, resource_api_version: V3 }}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    connect_timeout: 5s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    load_assignment:
      cluster_name: xds
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }}
"#
    )
}
