//! Istio's metrics of a request that goes through two sidecars with mutual TLS between them.

use std::net::SocketAddr;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use serde_json::json;
use tulle_proxy::telemetry::istio::Workload;
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::protobuf_struct;

use super::harness::{Client, Proxy, TO_WEB, run, start_edited, start_with, upstream};

const CLIENT: &str = "spiffe://cluster.local/ns/shop/sa/web";
const SERVER: &str = "spiffe://cluster.local/ns/store/sa/api";
const API: &str = "outbound|80||api.store.svc.cluster.local";

/// A certificate authority for one test.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("signed").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A `common_tls_context` with a certificate for `uri`, in YAML.
    fn context(&self, uri: &str) -> String {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
        let chain = params.signed_by(&key, &self.issuer).expect("signed").pem();
        json!({
            "tls_certificates": [{
                "certificate_chain": {"inline_string": chain},
                "private_key": {"inline_string": key.serialize_pem()},
            }],
            "validation_context": {"trusted_ca": {"inline_string": self.pem}},
            "alpn_protocols": ["istio", "http/1.1"],
        })
        .to_string()
    }
}

fn workload(name: &str, namespace: &str, app: &str) -> Workload {
    let metadata = json!({
        "WORKLOAD_NAME": name, "NAMESPACE": namespace, "CLUSTER_ID": "east",
        "LABELS": {"app": app, "version": "v1"},
    });
    Workload::of_node(&Node {
        id: format!("sidecar~10.0.0.1~{name}-0.{namespace}~{namespace}.svc.cluster.local"),
        metadata: protobuf_struct::from_json(&metadata),
        ..Node::default()
    })
}

/// One listener, one cluster, and the transports of both, in YAML.
struct Sidecar<'a> {
    direction: &'a str,
    downstream: &'a str,
    cluster: &'a str,
    upstream: &'a str,
    to: SocketAddr,
}

impl Sidecar<'_> {
    fn yaml(&self) -> String {
        let Self {
            direction,
            downstream,
            cluster,
            upstream,
            to,
        } = self;
        let (ip, port) = (to.ip(), to.port());
        format!(
            r#"
node: {{ id: test, cluster: test }}
static_resources:
  listeners:
  - name: main
    traffic_direction: {direction}
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 1 }} }}
    filter_chains:
    - {downstream}
      filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          route_config:
            name: local
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [ {{ match: {{ prefix: / }}, route: {{ cluster: "{cluster}" }} }} ]
          http_filters:
          - name: router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: "{cluster}"
    type: STATIC
    connect_timeout: 2s
    {upstream}
    load_assignment:
      cluster_name: "{cluster}"
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: {ip}, port_value: {port} }} }} }}
          metadata: {{ filter_metadata: {{ istio: {{ workload: "api-v2;store;api;v2;west" }} }} }}
"#
        )
    }
}

/// The sidecar of workload `api`, in front of `app`.
async fn server(ca: &Ca, app: SocketAddr) -> Proxy {
    let tls = format!(
        r#"transport_socket: {{ name: tls, typed_config: {{ "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, require_client_certificate: true, common_tls_context: {} }} }}"#,
        ca.context(SERVER)
    );
    let sidecar = Sidecar {
        direction: "INBOUND",
        downstream: &tls,
        cluster: "inbound|8080||",
        upstream: "",
        to: app,
    };
    let yaml = sidecar.yaml();
    start_with(|_| yaml, workload("api-v1", "store", "api")).await
}

/// The sidecar of workload `web`; with `ca` it speaks mutual TLS.
async fn client(ca: Option<&Ca>, to: SocketAddr) -> Proxy {
    let tls = ca.map(|ca| {
        format!(
            r#"transport_socket: {{ name: tls, typed_config: {{ "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {} }} }}"#,
            ca.context(CLIENT)
        )
    });
    let sidecar = Sidecar {
        direction: "OUTBOUND",
        downstream: "name: only",
        cluster: API,
        upstream: tls.as_deref().unwrap_or_default(),
        to,
    };
    let yaml = sidecar.yaml();
    start_with(|_| yaml, workload("web-v1", "shop", "web")).await
}

/// An application that forges an introduction, and asserts that none reaches it.
async fn app() -> SocketAddr {
    upstream(|_, mut server| async move {
        loop {
            let head = server.until("\r\n\r\n").await;
            assert!(!head.contains("x-envoy-peer-metadata"), "{head}");
            server.send("HTTP/1.1 200 OK\r\nx-envoy-peer-metadata-id: me\r\nx-envoy-peer-metadata: CgA\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await
}

const FORGED: &str = "GET / HTTP/1.1\r\nhost: api\r\nx-envoy-peer-metadata-id: me\r\nx-envoy-peer-metadata: CgA\r\n\r\n";

async fn get(proxy: &Proxy, times: usize) {
    let mut client = Client::connect(proxy.addr).await;
    for _ in 0..times {
        client.send(FORGED).await;
        let head = client.until("\r\n\r\nok").await;
        assert!(!head.contains("x-envoy-peer-metadata"), "{head}");
    }
}

#[test]
fn both_sidecars_report_both_workloads_and_only_to_each_other() {
    run(async {
        let ca = Ca::new();
        let server = server(&ca, app().await).await;
        let client = client(Some(&ca), server.addr).await;
        get(&client, 2).await;
        let parties = |reporter: &str| {
            format!(
                "istio_requests_total{{reporter=\"{reporter}\",source_workload=\"web-v1\",\
                 source_canonical_service=\"web\",source_canonical_revision=\"v1\",\
                 source_workload_namespace=\"shop\",source_principal=\"{CLIENT}\",source_app=\"web\",\
                 source_version=\"v1\",source_cluster=\"east\",destination_workload=\"api-v1\",\
                 destination_workload_namespace=\"store\",destination_principal=\"{SERVER}\",\
                 destination_app=\"api\",destination_version=\"v1\","
            )
        };
        let source = client.requests_total(2).await;
        assert!(source.starts_with(&parties("source")), "{source}");
        for part in [
            "destination_service=\"api.store.svc.cluster.local\"",
            "destination_service_name=\"api\"",
            "response_code=\"200\"",
            "connection_security_policy=\"unknown\"} ",
        ] {
            assert!(source.contains(part), "{part} in {source}");
        }
        let destination = server.requests_total(2).await;
        assert!(
            destination.starts_with(&parties("destination")),
            "{destination}"
        );
        for part in [
            "destination_service=\"api\"",
            "destination_service_namespace=\"store\"",
            "connection_security_policy=\"mutual_tls\"} ",
        ] {
            assert!(destination.contains(part), "{part} in {destination}");
        }
    });
}

#[test]
fn a_server_without_tls_is_named_by_its_endpoint_and_told_nothing() {
    run(async {
        let client = client(None, app().await).await;
        get(&client, 1).await;
        let source = client.requests_total(1).await;
        for part in [
            "destination_workload=\"api-v2\"",
            "destination_principal=\"unknown\"",
            "destination_app=\"unknown\"",
            "destination_canonical_revision=\"v2\"",
            "destination_cluster=\"west\"",
        ] {
            assert!(source.contains(part), "{part} in {source}");
        }
    });
}

#[test]
fn a_response_that_breaks_off_within_its_trailers_is_logged_without_their_status() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("\r\n\r\n").await;
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            // The empty line behind the trailers does not come.
            let body = "2\r\nhi\r\n0\r\ngrpc-status: 0\r\n";
            server.send(&[head, body].concat()).await;
        })
        .await;
        let text = |text: String| text.replace("%UPSTREAM_CLUSTER%", "%GRPC_STATUS_NUMBER%");
        let proxy = start_edited(text, TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.rest().await;
        assert_eq!(proxy.log(1).await, "GET / 200 UC 2 -\n");
    });
}
