//! The configuration that is measured: one listener for each scenario, statistics on, and an access log where it says so.

use std::net::{SocketAddr, TcpListener};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use serde_json::json;

/// Where the listeners are.
pub(super) struct Ports {
    pub(super) plain: SocketAddr,
    /// The same with Istio's access log.
    pub(super) logged: SocketAddr,
    /// The client's sidecar, with TLS towards `inbound`.
    pub(super) outbound: SocketAddr,
    /// The server's sidecar.
    pub(super) inbound: SocketAddr,
    pub(super) http2: SocketAddr,
}

impl Ports {
    /// Ports that nobody uses now.
    pub(super) fn free() -> Self {
        let sockets = [(); 5].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [plain, logged, outbound, inbound, http2] =
            sockets.map(|socket| socket.local_addr().unwrap());
        Self {
            plain,
            logged,
            outbound,
            inbound,
            http2,
        }
    }
}

/// The bootstrap.
pub(super) fn yaml(ports: &Ports, backend: SocketAddr) -> String {
    let (client, server) = (identity("client"), identity("server"));
    let ca = Ca::new();
    let downstream = tls(
        "DownstreamTlsContext",
        "require_client_certificate: true, ",
        &ca.context(&server),
    );
    let upstream = tls("UpstreamTlsContext", "", &ca.context(&client));
    let http2 = r#"typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } } }"#;
    let plain = "connect_timeout: 1s";
    [
        "static_resources:\n  listeners:\n".to_owned(),
        listener("plain", ports.plain, "name: plain", "backend"),
        listener("logged", ports.logged, "name: logged", "backend") + &access_log(),
        listener("outbound", ports.outbound, "name: outbound", "sidecar"),
        listener("inbound", ports.inbound, &downstream, "backend"),
        listener("http2", ports.http2, "name: http2", "http2"),
        "  clusters:\n".to_owned(),
        cluster("backend", backend, plain),
        cluster("sidecar", ports.inbound, &upstream),
        cluster("http2", backend, http2),
    ]
    .concat()
}

fn identity(account: &str) -> String {
    format!("spiffe://cluster.local/ns/default/sa/{account}")
}

fn address(at: SocketAddr) -> String {
    format!(
        "{{ socket_address: {{ address: {}, port_value: {} }} }}",
        at.ip(),
        at.port()
    )
}

fn tls(kind: &str, more: &str, context: &str) -> String {
    format!(
        r#"transport_socket: {{ name: tls, typed_config: {{ "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{kind}, {more}common_tls_context: {context} }} }}"#
    )
}

fn listener(name: &str, at: SocketAddr, chain: &str, cluster: &str) -> String {
    let at = address(at);
    format!(
        r#"
  - name: {name}
    address: {at}
    filter_chains:
    - {chain}
      filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          route_config:
            virtual_hosts:
            - {{ name: all, domains: ["*"], routes: [ {{ match: {{ prefix: / }}, route: {{ cluster: {cluster} }} }} ] }}
          http_filters:
          - name: router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
"#
    )
}

/// What follows a listener's filters to have lines as Istio writes them by default.
fn access_log() -> String {
    let format = concat!(
        "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% ",
        "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" ",
        "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" ",
        "\"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" ",
        "%UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
        "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n",
    );
    let file = json!({
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": "/dev/null",
        "log_format": { "text_format_source": { "inline_string": format } },
    });
    format!("          access_log: [ {{ name: file, typed_config: {file} }} ]\n")
}

fn cluster(name: &str, to: SocketAddr, more: &str) -> String {
    let to = address(to);
    format!(
        r#"
  - name: {name}
    type: STATIC
    {more}
    load_assignment:
      cluster_name: {name}
      endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {to} }} }} ] }} ]
"#
    )
}

/// A certificate authority for one test.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A `common_tls_context` with a certificate for `uri`.
    fn context(&self, uri: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
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
