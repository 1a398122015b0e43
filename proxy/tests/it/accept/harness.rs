//! A proxy with workers of its own in process, and what stands beside it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tulle_proxy::listener::{Dispatcher, Listeners, Sockets};
use tulle_proxy::telemetry::istio::Workload;
use tulle_proxy::telemetry::metrics::Registry;
use tulle_proxy::worker::Workers;

use crate::boot::{listener, shared};

/// A proxy with real workers that accepts at `addr`.
pub(super) struct Proxy {
    pub(super) addr: SocketAddr,
    pub(super) workers: Workers,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) listeners: Arc<Listeners>,
    metrics: Registry,
}

/// One listener that tells HTTP apart (`/hello` is answered at once) and passes everything else to `upstream`.
pub(super) fn yaml(upstream: SocketAddr) -> String {
    format!(
        r#"
node: {{ id: test, cluster: test }}
static_resources:
  listeners:
  - name: main
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    listener_filters:
    - name: envoy.filters.listener.tls_inspector
      typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector }}
    - name: envoy.filters.listener.http_inspector
      typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector }}
    listener_filters_timeout: 0.020s
    continue_on_listener_filters_timeout: true
    filter_chains:
    - filter_chain_match: {{ application_protocols: ["http/1.1"] }}
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
              routes:
              - match: {{ prefix: / }}
                direct_response: {{ status: 200, body: {{ inline_string: hello }} }}
          http_filters:
          - name: router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: test
          cluster: up
  clusters:
  - name: up
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: up
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: {ip}, port_value: {port} }} }} }}
"#,
        ip = upstream.ip(),
        port = upstream.port()
    )
}

pub(super) fn start(upstream: SocketAddr, count: usize) -> Proxy {
    start_with(&yaml(upstream), count)
}

pub(super) fn start_with(yaml: &str, count: usize) -> Proxy {
    let shared = shared(yaml, Workload::default());
    let metrics = shared.metrics.clone();
    let workers = Workers::start(count, &shared).expect("worker threads");
    let (listeners, sockets) = (Arc::new(Listeners::new()), Arc::new(Sockets::new()));
    let listener = Arc::new(listener(yaml));
    sockets.bind(&listener).expect("a free port");
    let addr = sockets.local_addr(&listener.addresses[0]).expect("bound");
    listeners.apply(&Arc::clone(&listener.name), Some(listener));
    let dispatcher = Dispatcher::new(
        Arc::clone(&listeners),
        sockets,
        metrics.clone(),
        workers.clone(),
    );
    dispatcher.reconcile();
    Proxy {
        addr,
        workers,
        dispatcher,
        listeners,
        metrics,
    }
}

impl Proxy {
    /// Waits until the statistics have a line: a worker counts how a connection ended after its client has seen the end.
    pub(super) async fn counts(&self, line: &str) {
        while !self.metrics.render_text().contains(line) {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the series of `family` with `label` has a value.
    pub(super) async fn measures(&self, family: &str, label: &str, value: u64) {
        let (begin, end) = (format!("{family}{{"), format!(" {value}"));
        let wanted =
            |line: &str| line.starts_with(&begin) && line.contains(label) && line.ends_with(&end);
        while !self.metrics.render_prometheus().lines().any(wanted) {
            tokio::task::yield_now().await;
        }
    }
}

/// An upstream that greets every client first and then sends back what it gets.
pub(super) async fn greeter() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(async move {
                stream.write_all(b"220 ready\r\n").await?;
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    addr
}

/// An upstream that says nothing before it is spoken to.
pub(super) async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    addr
}

pub(super) async fn read(stream: &mut TcpStream, wanted: &[u8]) {
    let mut bytes = vec![0; wanted.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, wanted);
}

/// Waits until the proxy closes a connection on which it has sent nothing.
pub(super) async fn closed_without_a_byte(client: &mut TcpStream) {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&all), "");
}
