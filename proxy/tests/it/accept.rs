//! From a listening socket to whoever serves the connection: inspection, chains, workers, replacement.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tulle_proxy::listener::{Dispatcher, Listeners, Sockets};
use tulle_proxy::telemetry::istio::Workload;
use tulle_proxy::telemetry::metrics::Registry;
use tulle_proxy::worker::Workers;

use crate::boot::{listener, run, shared};

/// A proxy with real workers that accepts at `addr`.
struct Proxy {
    addr: SocketAddr,
    workers: Workers,
    dispatcher: Arc<Dispatcher>,
    listeners: Arc<Listeners>,
    metrics: Registry,
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

fn start(upstream: SocketAddr, count: usize) -> Proxy {
    start_with(&yaml(upstream), count)
}

fn start_with(yaml: &str, count: usize) -> Proxy {
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

/// Waits until the proxy closes a connection on which it has sent nothing.
async fn closed_without_a_byte(client: &mut TcpStream) {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&all), "");
}

/// Waits until the statistics have a line: a worker counts how a connection ended after its client has seen the end.
async fn counted(proxy: &Proxy, line: &str) {
    while !proxy.metrics.render_text().contains(line) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[test]
fn a_silent_client_of_a_chain_that_terminates_tls_gets_nothing_without_a_handshake() {
    let pair = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let (chain, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let tls = format!(
        r#"    - transport_socket_connect_timeout: 0.100s
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [ {{ certificate_chain: {{ inline_string: {chain:?} }}, private_key: {{ inline_string: {key:?} }} }} ]
      filters:
      - name: tcp
"#
    );
    run(async move {
        let plain = "    - filters:\n      - name: tcp\n";
        let proxy = start_with(&yaml(greeter().await).replace(plain, &tls), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        closed_without_a_byte(&mut client).await;
        counted(&proxy, "ssl.connection_error: 1\n").await;
    });
}

#[test]
fn a_silent_client_learns_that_its_server_cannot_be_reached() {
    run(async {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = closed.local_addr().unwrap();
        drop(closed);
        let proxy = start(upstream, 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        closed_without_a_byte(&mut client).await;
    });
}

#[test]
fn a_connection_on_which_neither_side_speaks_ends_with_the_idle_timeout() {
    run(async {
        let yaml = yaml(echo().await);
        let bounded = "          cluster: up\n          idle_timeout: 0.1s\n";
        let proxy = start_with(&yaml.replace("          cluster: up\n", bounded), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        closed_without_a_byte(&mut client).await;
        counted(&proxy, "cluster.up.upstream_cx_idle_timeout: 1\n").await;
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

/// A named pipe that access logs go to: whoever reads it waits for lines, not for time to pass.
struct Pipe {
    path: std::path::PathBuf,
    lines: tokio::sync::mpsc::Receiver<String>,
}

impl Pipe {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tulle-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo is part of coreutils").success());
        let (send, lines) = tokio::sync::mpsc::channel(16);
        let from = path.clone();
        std::thread::spawn(move || {
            let pipe = std::fs::File::open(from).expect("a pipe");
            for line in std::io::BufRead::lines(std::io::BufReader::new(pipe)) {
                let Ok(line) = line else { return };
                if send.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { path, lines }
    }

    async fn line(&mut self) -> String {
        self.lines.recv().await.expect("a line")
    }

    /// An access log that writes `format` into the pipe.
    fn log(&self, format: &str) -> String {
        let kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
        let path = self.path.display();
        format!(
            r#"access_log: [{{ name: file, typed_config: {{ "@type": {kind}, path: "{path}", log_format: {{ text_format_source: {{ inline_string: "{format}\n" }} }} }} }}]"#
        )
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The configuration with logs of the TCP proxy and of the listener.
fn logging(upstream: SocketAddr, pipe: &Pipe) -> String {
    let tcp = pipe.log("tcp %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %RESPONSE_FLAGS%");
    let whole = pipe.log("listener %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_HOST% %PROTOCOL%");
    yaml(upstream)
        .replace(
            "          cluster: up\n",
            &format!("          cluster: up\n          {tcp}\n"),
        )
        .replace(
            "    filter_chains:\n",
            &format!("    {whole}\n    filter_chains:\n"),
        )
}

fn value(metrics: &Registry, family: &str, label: &str) -> Option<u64> {
    let page = metrics.render_prometheus();
    let found = page
        .lines()
        .find(|line| line.starts_with(&format!("{family}{{")) && line.contains(label));
    found?.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn a_connection_is_logged_and_counted_when_it_ends() {
    run(async {
        let upstream = echo().await;
        let mut pipe = Pipe::new("ended");
        let proxy = start_with(&logging(upstream, &pipe), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        client.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
        read(&mut client, b"*1\r\n$4\r\nPING\r\n").await;
        let opened = "istio_tcp_connections_opened_total";
        assert_eq!(
            value(&proxy.metrics, opened, "reporter=\"source\""),
            Some(1)
        );
        drop(client);
        assert_eq!(pipe.line().await, "tcp 14 14 up -");
        assert_eq!(pipe.line().await, format!("listener 0 - {upstream} -"));
        for (family, wanted) in [
            ("istio_tcp_connections_closed_total", 1),
            ("istio_tcp_sent_bytes_total", 14),
            ("istio_tcp_received_bytes_total", 14),
        ] {
            let label = "source_principal=\"unknown\"";
            assert_eq!(
                value(&proxy.metrics, family, label),
                Some(wanted),
                "{family}"
            );
        }
    });
}

#[test]
fn a_connection_without_an_upstream_is_logged_with_its_flags() {
    run(async {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = closed.local_addr().unwrap();
        drop(closed);
        let mut pipe = Pipe::new("refused");
        let proxy = start_with(&logging(upstream, &pipe), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        client.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
        assert_eq!(pipe.line().await, "tcp 0 0 up UF,URX");
        let whole = format!("listener 0 UF,URX {upstream} -");
        assert_eq!(pipe.line().await, whole);
        let closed = "istio_tcp_connections_closed_total";
        let label = "response_flags=\"UF,URX\"";
        assert_eq!(value(&proxy.metrics, closed, label), Some(1));
    });
}
