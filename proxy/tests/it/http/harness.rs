//! A proxy in process: its configuration is an Envoy bootstrap, as users write it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tulle_proxy::drain::{Signal, Switch};
use tulle_proxy::http::route::{RouteTable, Routes};
use tulle_proxy::http::{Local, Shared};
use tulle_proxy::listener::{ConnectionFacts, Handler, Listener};
use tulle_proxy::telemetry::istio::Workload;
use tulle_proxy::telemetry::metrics::Registry;
use tulle_proxy::transport::{Downstream, DownstreamTransport, Raw, Socket, Stream};
use tulle_proxy::worker::{self, Worker};

pub(super) use crate::boot::run;
use crate::boot::{listener, listener_with_routes, shared};

/// A proxy that listens on `addr`.
pub(super) struct Proxy {
    pub(super) addr: SocketAddr,
    pub(super) metrics: Registry,
    pub(super) drain: Switch,
    /// The store of its route tables that are not in its listener.
    routes: Routes,
    shared: Shared,
    listener: Arc<Listener>,
    /// Bytes of the future that serves the last connection.
    pub(super) future_size: Rc<Cell<usize>>,
    logs: tempfile::TempDir,
}

impl Proxy {
    /// The only series of `istio_requests_total`, once it counts so many.
    pub(super) async fn requests_total(&self, count: usize) -> String {
        let end = format!(" {count}");
        loop {
            let text = self.metrics.render_prometheus();
            let mut lines = text
                .lines()
                .filter(|line| line.starts_with("istio_requests_total{"));
            if let Some(line) = lines.next().filter(|line| line.ends_with(&end)) {
                assert_eq!(lines.next(), None, "more than one series");
                return line.to_owned();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until a counter or gauge has a value.
    pub(super) async fn stat(&self, name: &str, value: u64) {
        let line = format!("{name}: {value}\n");
        while !self.metrics.render_text().contains(&line) {
            tokio::task::yield_now().await;
        }
    }

    /// Puts a table of `routes` in force, where they come over RDS.
    pub(super) fn apply_routes(&self, routes: &str) -> Weak<RouteTable> {
        let of = listener(&yaml("unused", routes, &[]));
        let table = of.route_tables().next().expect("a table");
        let kept = Arc::downgrade(&table);
        let handle = self.listener.route_handles().next().expect("RDS");
        self.routes.apply(handle.source(), table);
        kept
    }

    /// Starts a second worker of the same proxy; where it listens.
    pub(super) fn second_worker(&self) -> SocketAddr {
        let (shared, listener) = (self.shared.clone(), Arc::clone(&self.listener));
        let signal = self.drain.signal();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            worker::runtime().expect("a runtime").block_on(async {
                let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell.send(socket.local_addr().expect("bound"))
                    .expect("heard");
                let local = Local::new(Worker::new(1), shared);
                let front = Front {
                    listener,
                    local,
                    signal,
                    future_size: Rc::default(),
                };
                front.accept(socket).await;
            });
        });
        told.recv().expect("it listens")
    }

    /// The access log, once it has as many lines.
    pub(super) async fn log(&self, lines: usize) -> String {
        let path = self.logs.path().join("access.log");
        loop {
            let text = tokio::fs::read_to_string(&path).await.unwrap_or_default();
            if text.lines().count() >= lines {
                return text;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Starts a proxy whose route table is `routes` (YAML of a list of routes) and whose clusters are given by name,
/// endpoints, and further YAML lines.
pub(super) async fn start(routes: &str, clusters: &[(&str, &[SocketAddr], &str)]) -> Proxy {
    let text = |log: &str| yaml(log, routes, clusters);
    start_with(text, Workload::default()).await
}

/// Like [`start`] with a bootstrap that `edit` changes.
pub(super) async fn start_edited(
    edit: impl FnOnce(String) -> String,
    routes: &str,
    clusters: &[(&str, &[SocketAddr], &str)],
) -> Proxy {
    let text = |log: &str| edit(yaml(log, routes, clusters));
    start_with(text, Workload::default()).await
}

/// Starts a proxy whose bootstrap is `text`, given the path of the access log, and which belongs to `workload`.
pub(super) async fn start_with(text: impl FnOnce(&str) -> String, workload: Workload) -> Proxy {
    let logs = tempfile::tempdir().expect("a directory");
    let log = logs.path().join("access.log");
    let text = text(&log.display().to_string());
    let (listener, routes) = listener_with_routes(&text);
    let listener = Arc::new(listener);
    let shared = shared(&text, workload);
    let metrics = shared.metrics.clone();
    let local = Local::new(Worker::new(0), shared.clone());
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = socket.local_addr().expect("bound");
    let drain = Switch::new();
    let signal = drain.signal();
    let future_size = Rc::new(Cell::new(0));
    let front = Front {
        listener: Arc::clone(&listener),
        local,
        signal,
        future_size: Rc::clone(&future_size),
    };
    tokio::task::spawn_local(front.accept(socket));
    Proxy {
        addr,
        metrics,
        drain,
        routes,
        shared,
        listener,
        future_size,
        logs,
    }
}

/// Everything that a connection to the proxy needs.
struct Front {
    listener: Arc<Listener>,
    local: Rc<Local>,
    signal: Signal,
    future_size: Rc<Cell<usize>>,
}

impl Front {
    async fn accept(self, socket: TcpListener) {
        loop {
            let (tcp, peer) = socket.accept().await.expect("accepted");
            let facts = ConnectionFacts::plain(peer, tcp.local_addr().expect("connected"));
            let chain = self.listener.chains.find(&facts).expect("the only chain");
            let Handler::Http(config) = &chain.handler else {
                panic!("an HTTP chain")
            };
            let socket = Socket::new(Raw::Tcp(tcp));
            let (stream, tls) = match &chain.transport {
                DownstreamTransport::Plain => (Stream::Plain(socket), None),
                DownstreamTransport::Tls(context) => {
                    let (stream, facts) = context.accept(socket).await.expect("a handshake");
                    (stream, Some(facts))
                }
            };
            let downstream = Downstream::new(stream, tls, self.signal.clone());
            let config = Arc::clone(config);
            let serving =
                tulle_proxy::http::serve(downstream, config, facts, Rc::clone(&self.local));
            self.future_size.set(size_of_val(&serving));
            tokio::task::spawn_local(serving);
        }
    }
}

/// The bootstrap of [`start`].
pub(super) fn yaml(log: &str, routes: &str, clusters: &[(&str, &[SocketAddr], &str)]) -> String {
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
pub(super) const TO_WEB: &str = "- match: { prefix: / }\n  route: { cluster: web, timeout: 5s }";

/// Extra YAML of a cluster that speaks HTTP/2.
pub(super) const HTTP2: &str = r#"
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: { http2_protocol_options: {} }
"#;

/// A raw client connection.
pub(super) struct Client(TcpStream);

impl Client {
    pub(super) async fn connect(to: SocketAddr) -> Self {
        Self(TcpStream::connect(to).await.expect("connected"))
    }

    pub(super) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("sent");
    }

    /// Everything until the proxy closes.
    pub(super) async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        self.0.read_to_end(&mut all).await.expect("read");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Bytes until `end` has come.
    pub(super) async fn until(&mut self, end: &str) -> String {
        match self.read_until(end).await {
            Ok(all) => all,
            Err(all) => panic!("closed after {all:?}"),
        }
    }

    /// Bytes until `end` has come; `None` when the other side closes.
    pub(super) async fn until_or_end(&mut self, end: &str) -> Option<String> {
        self.read_until(end).await.ok()
    }

    async fn read_until(&mut self, end: &str) -> Result<String, String> {
        let mut all = Vec::new();
        let mut byte = [0];
        while !all.ends_with(end.as_bytes()) {
            if !matches!(self.0.read(&mut byte).await, Ok(1)) {
                return Err(String::from_utf8_lossy(&all).into_owned());
            }
            all.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&all).into_owned())
    }
}

/// An upstream that runs `script` on each connection, with its number.
pub(super) async fn upstream<F>(script: impl Fn(usize, Client) -> F + 'static) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
{
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = socket.local_addr().expect("bound");
    tokio::task::spawn_local(async move {
        for number in 0.. {
            let (tcp, _) = socket.accept().await.expect("accepted");
            tokio::task::spawn_local(script(number, Client(tcp)));
        }
    });
    addr
}

/// An address on which nobody listens, nor will as long as the socket lives that is bound to it.
pub(super) fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(any).expect("a port");
    let addr = socket.local_addr().expect("bound");
    (socket, addr)
}
