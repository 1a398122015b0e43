//! One accepted connection, from the socket to whoever understands it.

use super::active::Active;
use super::dispatch::Shared;
use super::filter_chain::{ConnectionFacts, FilterChain, Handler, Verdict};
use super::inspect::{self, Outcome, Unserved};
use super::original_dst::{canonical, original_dst};
use crate::http;
use crate::tcp::config::TcpConfig;
use crate::tcp::{Record, Session, Speaker, close_unconnected, first_to_speak};
use crate::telemetry::access_log::ResponseFlags;
use crate::transport::{Downstream, DownstreamTransport, Raw, Socket, Stream};
use crate::worker::Thread;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// What is known of a connection when it is accepted, on its way to the worker that serves it.
pub(crate) struct Arrival {
    pub(crate) peer: SocketAddr,
    pub(crate) active: Arc<Active>,
    pub(crate) shared: Arc<Shared>,
}

/// A connection that was placed with its listener.
struct Arrived {
    socket: Socket,
    active: Arc<Active>,
    /// The address of the socket itself, which differs from the destination where traffic is redirected.
    own_address: Option<SocketAddr>,
}

/// Serves a connection to its end.
pub(crate) async fn serve(socket: TcpStream, arrival: Arrival, worker: Rc<Thread>) {
    let peer = arrival.peer;
    let (arrived, mut record) = match arrive(socket, arrival) {
        Ok(arrived) => arrived,
        Err(error) => {
            tracing::debug!(%error, %peer, "the client was gone before it was served");
            return;
        }
    };
    let listener = Arc::clone(&arrived.active.listener);
    let _counted = Counted::begin(&arrived.active, &worker);
    Box::pin(arrived.serve(&mut record, Rc::clone(&worker))).await;
    record.write(&listener.access_logs, &worker);
}

/// Finds out where the connection was going and which listener that belongs to.
fn arrive(socket: TcpStream, arrival: Arrival) -> std::io::Result<(Arrived, Record)> {
    let own = canonical(socket.local_addr()?);
    let mut active = arrival.active;
    let destination = if active.listener.recover_original_dst {
        original_dst(&socket)?
    } else {
        own
    };
    let set = arrival.shared.active.load();
    if destination != own
        && let Some((meant, _)) = set.placement().hand_over(&active.listener, destination)
    {
        active = Arc::clone(meant);
    }
    let facts = ConnectionFacts::plain(arrival.peer, destination);
    let record = Record::new(facts, active.listener.direction);
    let arrived = Arrived {
        socket: Socket::new(Raw::Tcp(socket)),
        active,
        own_address: Some(own),
    };
    Ok((arrived, record))
}

impl Arrived {
    async fn serve(mut self, record: &mut Record, worker: Rc<Thread>) {
        let listener = Arc::clone(&self.active.listener);
        // Stages are boxed one by one: what waits for most of a connection's life is the last of them alone.
        let inspecting = inspect::inspect(&mut self.socket, &listener, &mut record.facts);
        let outcome = match Box::pin(inspecting).await {
            Ok(outcome) => outcome,
            Err(error) => return self.unserved(&error, record, &worker),
        };
        let Some(chain) = self.chain(record, &worker) else {
            return;
        };
        match (&chain.handler, outcome) {
            (Handler::Tcp(config), Outcome::Silent) => {
                let config = Arc::clone(config);
                Box::pin(self.serve_silent(config, record, worker)).await;
            }
            (Handler::Tcp(_) | Handler::Http(_) | Handler::Refuse(_), _) => {
                self.hand_over(&chain, record, worker).await;
            }
        }
    }

    /// The client is silent and nothing says which protocol it speaks: dial the upstream, and whoever speaks first
    /// decides. A server that greets gets its bytes through; a client that begins late is inspected after all.
    async fn serve_silent(
        mut self,
        config: Arc<TcpConfig>,
        record: &mut Record,
        worker: Rc<Thread>,
    ) {
        let connecting = Session::connect(&config, record, self.own_address, &worker);
        let session = Box::pin(connecting).await;
        let stream = Stream::Plain(self.socket);
        match session {
            Ok(session) => {
                let first = first_to_speak(&stream, session.upstream());
                let Some(first) = within(config.idle_timeout, first).await else {
                    return;
                };
                if first == Speaker::Upstream {
                    let downstream = Downstream::new(stream, None, self.active.drain.signal());
                    Box::pin(session.serve(downstream, record)).await;
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no upstream yet for a silent client; waiting for its first bytes");
                let first = poll_fn(|cx| stream.poll_read_ready(cx));
                if within(config.idle_timeout, first).await.is_none() {
                    return;
                }
            }
        }
        record.forget_way();
        let Stream::Plain(socket) = stream else {
            return;
        };
        self.socket = socket;
        let listener = Arc::clone(&self.active.listener);
        match inspect::inspect(&mut self.socket, &listener, &mut record.facts).await {
            Ok(_outcome) => {
                if let Some(chain) = self.chain(record, &worker) {
                    self.hand_over(&chain, record, worker).await;
                }
            }
            Err(error) => self.unserved(&error, record, &worker),
        }
    }

    /// The chain for what is known now, unless it denies the connection.
    fn chain(&self, record: &mut Record, worker: &Thread) -> Option<Arc<FilterChain>> {
        let stats = self.active.stats;
        let chain = match self.active.listener.chains.find(&record.facts) {
            Ok(chain) => Arc::clone(chain),
            Err(error) => {
                stats.no_filter_chain_match.increment(worker.shard());
                record.flags.insert(ResponseFlags::NO_ROUTE);
                tracing::debug!(listener = %self.active.listener.name, %error, "connection closed");
                return None;
            }
        };
        let mut guards = chain.rbac.iter();
        if let Some(guard) = guards.find(|rbac| rbac.verdict == Verdict::Deny) {
            let policy = guard.policy.as_deref().unwrap_or("none");
            record.termination = format!("rbac_access_denied_matched_policy[{policy}]");
            stats.rbac_denied.increment(worker.shard());
            tracing::debug!(listener = %self.active.listener.name, chain = %chain.name, "connection denied");
            return None;
        }
        Some(chain)
    }

    async fn hand_over(self, chain: &FilterChain, record: &mut Record, worker: Rc<Thread>) {
        let own_address = self.own_address;
        let securing = Box::pin(self.secure(chain, record.facts.source, &worker));
        let Some(downstream) = securing.await else {
            return;
        };
        record.tls = downstream.tls().cloned();
        match &chain.handler {
            Handler::Http(config) => {
                let facts = record.facts.clone();
                let serving = http::serve(downstream, Arc::clone(config), facts, worker.http());
                Box::pin(serving).await;
            }
            Handler::Tcp(config) => {
                let destination = record.facts.destination;
                let connecting = Session::connect(config, record, own_address, &worker);
                match Box::pin(connecting).await {
                    Ok(session) => {
                        let ended = Box::pin(session.serve(downstream, record)).await;
                        tracing::debug!(%ended, %destination, "connection ended");
                    }
                    Err(error) => {
                        close_unconnected(config, record, &worker);
                        tracing::debug!(%error, %destination, "connection closed");
                    }
                }
            }
            Handler::Refuse(reason) => {
                tracing::debug!(%reason, chain = %chain.name, "connection refused");
            }
        }
    }

    /// Terminates TLS where the chain asks for it.
    async fn secure(
        self,
        chain: &FilterChain,
        source: SocketAddr,
        worker: &Thread,
    ) -> Option<Downstream> {
        let drain = self.active.drain.signal();
        let context = match &chain.transport {
            DownstreamTransport::Plain => {
                return Some(Downstream::new(Stream::Plain(self.socket), None, drain));
            }
            DownstreamTransport::Tls(context) => context,
        };
        let stats = self.active.stats;
        let handshake = Box::pin(context.accept(self.socket));
        let limit = chain.transport_connect_timeout;
        let Some(result) = within(limit, handshake).await else {
            stats.ssl_connection_error.increment(worker.shard());
            tracing::debug!(%source, ?limit, "TLS handshake took too long");
            return None;
        };
        match result {
            Ok((stream, facts)) => {
                stats.ssl_handshake.increment(worker.shard());
                Some(Downstream::new(stream, Some(facts), drain))
            }
            Err(error) => {
                stats.ssl_connection_error.increment(worker.shard());
                tracing::debug!(%source, chain = %chain.name, %error, "TLS refused");
                None
            }
        }
    }

    fn unserved(&self, error: &Unserved, record: &Record, worker: &Thread) {
        if matches!(error, Unserved::TimedOut(_)) {
            self.active.stats.pre_cx_timeout.increment(worker.shard());
        }
        tracing::debug!(listener = %self.active.listener.name, source = %record.facts.source, %error, "connection closed");
    }
}

/// What `future` comes to, unless the limit passes first.
async fn within<T>(limit: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
        None => Some(future.await),
    }
}

/// A connection in the counters of its listener.
struct Counted {
    active: Arc<Active>,
    worker: Rc<Thread>,
}

impl Counted {
    fn begin(active: &Arc<Active>, worker: &Rc<Thread>) -> Self {
        active.stats.cx_total.increment(worker.shard());
        active.stats.cx_active.add(worker.shard(), 1);
        Self {
            active: Arc::clone(active),
            worker: Rc::clone(worker),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let shard = self.worker.shard();
        self.active.stats.cx_active.add(shard, -1);
        self.active.stats.cx_destroy.increment(shard);
    }
}
