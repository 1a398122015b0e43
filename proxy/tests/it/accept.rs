//! From a listening socket to whoever serves the connection: inspection, chains, workers, replacement.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tulle_proxy::cluster::config::ClusterConfig;
use tulle_proxy::cluster::{Cluster, Clusters};
use tulle_proxy::config::bootstrap;
use tulle_proxy::config::not_honoured::NotHonouredFields;
use tulle_proxy::config::wire::Conversion;
use tulle_proxy::http::Shared;
use tulle_proxy::http::route::Routes;
use tulle_proxy::listener::{Dispatcher, Listener, Listeners, Sockets};
use tulle_proxy::secret::Secrets;
use tulle_proxy::telemetry::access_log::Writer;
use tulle_proxy::telemetry::metrics::Registry;
use tulle_proxy::worker::{self, Workers};

/// A proxy with real workers that accepts at `addr`.
struct Proxy {
    addr: SocketAddr,
    workers: Workers,
    dispatcher: Arc<Dispatcher>,
    listeners: Arc<Listeners>,
}

fn run(test: impl Future<Output = ()>) {
    worker::runtime().expect("a runtime").block_on(test);
}

/// One listener that tells HTTP apart (`/hello` is answered at once) and passes everything else to `upstream`.
fn yaml(upstream: SocketAddr) -> String {
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

fn listener(yaml: &str) -> Listener {
    let (secrets, tables) = (Secrets::new(), Routes::new());
    let boot = bootstrap::parse(yaml, "test").expect("a valid bootstrap");
    let cx = Conversion {
        secrets: &secrets,
        routes: &tables,
        notes: NotHonouredFields::of("listener", "test"),
    };
    let listener = boot.listeners.into_iter().next().expect("one listener");
    Listener::from_proto(listener, Bytes::new(), cx).expect("a valid listener")
}

fn clusters(yaml: &str) -> Arc<Clusters> {
    let (secrets, tables) = (Secrets::new(), Routes::new());
    let store = Arc::new(Clusters::new());
    let boot = bootstrap::parse(yaml, "test").expect("a valid bootstrap");
    for cluster in boot.clusters {
        let cx = Conversion {
            secrets: &secrets,
            routes: &tables,
            notes: NotHonouredFields::of("cluster", "test"),
        };
        let raw = Bytes::from(format!("{cluster:?}"));
        let (config, endpoints) =
            ClusterConfig::from_proto(cluster, raw, cx).expect("a valid cluster");
        let cluster = Cluster::new(config);
        cluster.apply_endpoints(endpoints.unwrap_or_default());
        store.apply([(Arc::clone(&cluster.config.name), Some(Arc::new(cluster)))]);
    }
    store
}

fn start(upstream: SocketAddr, count: usize) -> Proxy {
    let yaml = yaml(upstream);
    let metrics = Registry::new();
    let shared = Shared {
        clusters: clusters(&yaml),
        metrics: metrics.clone(),
        hostname: "test".into(),
        access_logs: Writer::start(&metrics).expect("a thread"),
        workload: Arc::default(),
    };
    let workers = Workers::start(count, &shared).expect("worker threads");
    let (listeners, sockets) = (Arc::new(Listeners::new()), Arc::new(Sockets::new()));
    let listener = Arc::new(listener(&yaml));
    sockets.bind(&listener).expect("a free port");
    let addr = sockets.local_addr(&listener.addresses[0]).expect("bound");
    listeners.apply(&Arc::clone(&listener.name), Some(listener));
    let dispatcher = Dispatcher::new(Arc::clone(&listeners), sockets, metrics, workers.clone());
    dispatcher.reconcile();
    Proxy {
        addr,
        workers,
        dispatcher,
        listeners,
    }
}

/// An upstream that greets every client first and then sends back what it gets.
async fn greeter() -> SocketAddr {
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
async fn echo() -> SocketAddr {
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

async fn read(stream: &mut TcpStream, wanted: &[u8]) {
    let mut bytes = vec![0; wanted.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, wanted);
}

#[test]
fn a_server_that_speaks_first_is_heard_on_a_port_that_inspects() {
    run(async {
        let proxy = start(greeter().await, 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        read(&mut client, b"220 ready\r\n").await;
        client.write_all(b"EHLO\r\n").await.unwrap();
        read(&mut client, b"EHLO\r\n").await;
    });
}

#[test]
fn a_client_that_speaks_late_is_inspected_after_all() {
    run(async {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = start(upstream.local_addr().unwrap(), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        // Once the upstream is dialled, the client's silence has been taken for silence.
        let _dialled = upstream.accept().await.unwrap();
        client
            .write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("hello"), "{answer}");
    });
}

#[test]
fn bytes_that_are_no_known_protocol_pass_untouched() {
    run(async {
        let proxy = start(echo().await, 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        client.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
        read(&mut client, b"*1\r\n$4\r\nPING\r\n").await;
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_few_long_connections_spread_evenly_over_workers() {
    run(async {
        let proxy = start(greeter().await, 4);
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = TcpStream::connect(proxy.addr).await.unwrap();
            read(&mut client, b"220 ready\r\n").await;
            clients.push(client);
        }
        assert_eq!(proxy.workers.connections_by_worker(), [2, 2, 2, 2]);
    });
}

#[test]
fn a_replaced_listener_keeps_its_socket_and_its_connections() {
    run(async {
        let proxy = start(greeter().await, 2);
        let mut old = TcpStream::connect(proxy.addr).await.unwrap();
        read(&mut old, b"220 ready\r\n").await;
        let replacement = Arc::new(listener(&yaml(greeter().await)));
        let name = Arc::clone(&replacement.name);
        proxy.listeners.apply(&name, Some(replacement));
        proxy.dispatcher.reconcile();
        let mut new = TcpStream::connect(proxy.addr).await.unwrap();
        read(&mut new, b"220 ready\r\n").await;
        old.write_all(b"still").await.unwrap();
        read(&mut old, b"still").await;
    });
}

#[test]
fn a_port_in_use_refuses_the_listener_and_names_it() {
    run(async {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = format!("port_value: {}", taken.local_addr().unwrap().port());
        let yaml = yaml(taken.local_addr().unwrap()).replacen("port_value: 0", &port, 1);
        let error = Sockets::new().bind(&listener(&yaml)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("listener main cannot bind 127.0.0.1"),
            "{text}"
        );
    });
}
