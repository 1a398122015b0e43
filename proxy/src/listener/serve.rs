//! One accepted connection, from the socket to whoever understands it.

use super::active::Active;
use super::dispatch::Shared;
use super::filter_chain::{ConnectionFacts, FilterChain, Handler, Verdict};
use super::inspect::{self, Outcome, Unserved};
use super::original_dst::{canonical, original_dst};
use crate::http;
use crate::tcp::config::TcpConfig;
use crate::tcp::{Session, Speaker, first_to_speak};
use crate::transport::{Downstream, DownstreamTransport, Raw, Socket, Stream};
use crate::worker::Thread;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
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
    facts: ConnectionFacts,
    active: Arc<Active>,
    /// The address of the socket itself, which differs from the destination where traffic is redirected.
    own_address: Option<SocketAddr>,
}

/// Serves a connection to its end.
pub(crate) async fn serve(socket: TcpStream, arrival: Arrival, worker: Rc<Thread>) {
    let peer = arrival.peer;
    let arrived = match arrive(socket, arrival) {
        Ok(arrived) => arrived,
        Err(error) => {
            tracing::debug!(%error, %peer, "the client was gone before it was served");
            return;
        }
    };
    let _counted = Counted::begin(&arrived.active, &worker);
    Box::pin(arrived.serve(worker)).await;
}

/// Finds out where the connection was going and which listener that belongs to.
fn arrive(socket: TcpStream, arrival: Arrival) -> std::io::Result<Arrived> {
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
    Ok(Arrived {
        socket: Socket::new(Raw::Tcp(socket)),
        facts: ConnectionFacts::plain(arrival.peer, destination),
        active,
        own_address: Some(own),
    })
}

impl Arrived {
    async fn serve(mut self, worker: Rc<Thread>) {
        let listener = Arc::clone(&self.active.listener);
        let outcome = match inspect::inspect(&mut self.socket, &listener, &mut self.facts).await {
            Ok(outcome) => outcome,
            Err(error) => return self.unserved(&error, &worker),
        };
        let Some(chain) = self.chain(&worker) else {
            return;
        };
        match (&chain.handler, outcome) {
            (Handler::Tcp(config), Outcome::Silent) => {
                let config = Arc::clone(config);
                Box::pin(self.serve_silent(config, worker)).await;
            }
            (Handler::Tcp(_) | Handler::Http(_) | Handler::Refuse(_), _) => {
                self.hand_over(&chain, worker).await;
            }
        }
    }

    /// The client is silent and nothing says which protocol it speaks: dial the upstream, and whoever speaks first
    /// decides. A server that greets gets its bytes through; a client that begins late is inspected after all.
    async fn serve_silent(mut self, config: Arc<TcpConfig>, worker: Rc<Thread>) {
        let session = Session::connect(&config, &self.facts, self.own_address, &worker).await;
        let stream = Stream::Plain(self.socket);
        match session {
            Ok(session) => {
                if first_to_speak(&stream, session.upstream()).await == Speaker::Upstream {
                    let downstream = Downstream::new(stream, None, self.active.drain.signal());
                    session.copy(downstream).await;
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no upstream yet for a silent client; waiting for its first bytes");
                let _ = poll_fn(|cx| stream.poll_read_ready(cx)).await;
            }
        }
        let Stream::Plain(socket) = stream else {
            return;
        };
        self.socket = socket;
        let listener = Arc::clone(&self.active.listener);
        match inspect::inspect(&mut self.socket, &listener, &mut self.facts).await {
            Ok(_outcome) => {
                if let Some(chain) = self.chain(&worker) {
                    self.hand_over(&chain, worker).await;
                }
            }
            Err(error) => self.unserved(&error, &worker),
        }
    }

    /// The chain for what is known now, unless it denies the connection.
    fn chain(&self, worker: &Thread) -> Option<Arc<FilterChain>> {
        let stats = self.active.stats;
        let chain = match self.active.listener.chains.find(&self.facts) {
            Ok(chain) => Arc::clone(chain),
            Err(error) => {
                stats.no_filter_chain_match.increment(worker.shard());
                tracing::debug!(listener = %self.active.listener.name, %error, "connection closed");
                return None;
            }
        };
        if chain.rbac.iter().any(|rbac| rbac.verdict == Verdict::Deny) {
            stats.rbac_denied.increment(worker.shard());
            tracing::debug!(listener = %self.active.listener.name, chain = %chain.name, "connection denied");
            return None;
        }
        Some(chain)
    }

    async fn hand_over(self, chain: &FilterChain, worker: Rc<Thread>) {
        let (facts, own_address) = (self.facts.clone(), self.own_address);
        let Some(downstream) = self.secure(chain, &worker).await else {
            return;
        };
        match &chain.handler {
            Handler::Http(config) => {
                http::serve(downstream, Arc::clone(config), facts, worker.http()).await;
            }
            Handler::Tcp(config) => {
                match Session::connect(config, &facts, own_address, &worker).await {
                    Ok(session) => {
                        let ended = session.copy(downstream).await;
                        tracing::debug!(%ended, destination = %facts.destination, "connection ended");
                    }
                    Err(error) => {
                        tracing::debug!(%error, destination = %facts.destination, "connection closed");
                    }
                }
            }
            Handler::Refuse(reason) => {
                tracing::debug!(%reason, chain = %chain.name, "connection refused");
            }
        }
    }

    /// Terminates TLS where the chain asks for it.
    async fn secure(self, chain: &FilterChain, worker: &Thread) -> Option<Downstream> {
        let drain = self.active.drain.signal();
        let context = match &chain.transport {
            DownstreamTransport::Plain => {
                return Some(Downstream::new(Stream::Plain(self.socket), None, drain));
            }
            DownstreamTransport::Tls(context) => context,
        };
        let stats = self.active.stats;
        let handshake = Box::pin(context.accept(self.socket));
        let result = match chain.transport_connect_timeout {
            Some(limit) => match tokio::time::timeout(limit, handshake).await {
                Ok(result) => result,
                Err(_elapsed) => {
                    stats.ssl_connection_error.increment(worker.shard());
                    tracing::debug!(source = %self.facts.source, ?limit, "TLS handshake took too long");
                    return None;
                }
            },
            None => handshake.await,
        };
        match result {
            Ok((stream, facts)) => {
                stats.ssl_handshake.increment(worker.shard());
                Some(Downstream::new(stream, Some(facts), drain))
            }
            Err(error) => {
                stats.ssl_connection_error.increment(worker.shard());
                tracing::debug!(source = %self.facts.source, chain = %chain.name, %error, "TLS refused");
                None
            }
        }
    }

    fn unserved(&self, error: &Unserved, worker: &Thread) {
        if matches!(error, Unserved::TimedOut(_)) {
            self.active.stats.pre_cx_timeout.increment(worker.shard());
        }
        tracing::debug!(listener = %self.active.listener.name, source = %self.facts.source, %error, "connection closed");
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
