//! A proxy in process: its configuration is an Envoy bootstrap, as users write it.

mod peers;
mod yaml;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use tokio::net::TcpListener;
use tulle_proxy::drain::{Signal, Switch};
use tulle_proxy::http::route::{RouteTable, Routes};
use tulle_proxy::http::{Local, Shared};
use tulle_proxy::listener::{ConnectionFacts, Handler, Listener};
use tulle_proxy::telemetry::istio::Workload;
use tulle_proxy::telemetry::metrics::Registry;
use tulle_proxy::transport::{Downstream, DownstreamTransport, Raw, Socket, Stream};
use tulle_proxy::worker::{self, Worker};

pub(super) use self::peers::{Client, http2_upstream, upstream};
pub(super) use self::yaml::{HTTP2, TO_WEB, yaml};
use crate::beside::{self, Failures};
pub(super) use crate::beside::{closed_port, run};
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
        let failures = Failures::of_this_thread();
        std::thread::spawn(move || {
            failures.adopt();
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
    beside::spawn(front.accept(socket));
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
            beside::spawn(serving);
        }
    }
}
