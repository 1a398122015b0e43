//! One accepted connection, from the socket to whoever understands it.

use super::active::Active;
use super::dispatch::Shared;
use super::filter_chain::{ConnectionFacts, FilterChain, Handler, Verdict};
use super::inspect::{self, Outcome, Unserved};
use super::original_dst::{canonical, original_dst};
use crate::http;
use crate::http::config::HttpConfig;
use crate::tcp::config::TcpConfig;
use crate::tcp::{Record, Session, Speaker, close_unconnected};
use crate::telemetry::access_log::ResponseFlags;
use crate::transport::{Downstream, DownstreamTransport, Raw, Socket, Stream};
use crate::worker::{Load, Thread};
use std::net::SocketAddr;
use std::pin::Pin;
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
pub(crate) struct Arrived {
    socket: Socket,
    active: Arc<Active>,
    /// The address of the socket itself, which differs from the destination where traffic is redirected.
    own_address: Option<SocketAddr>,
}

/// What remains to be done with a connection.
enum Stage {
    /// Nothing: it is refused, or its client is gone.
    Over,
    /// Serving HTTP.
    Http(Downstream, Arc<HttpConfig>),
    /// Copying between it and its upstream.
    Tcp(Downstream, Session),
}

/// Serves a connection to its end, and counts it in `load` until then.
///
/// Not an async fn, which would keep its arguments beside what becomes of them: every connection holds this.
pub(crate) fn serve(
    arrived: Box<Arrived>,
    mut record: Box<Record>,
    load: Load,
    worker: Rc<Thread>,
) -> impl Future<Output = ()> {
    let counted = Counted::begin(&arrived.active, worker, load);
    async move {
        // Each stage is in a box of its own, which is gone when the next begins: most connections spend their life in
        // the last. Nothing is awaited while a stage is taken apart, so that it is not kept either.
        let worker = &counted.worker;
        let (last, record) = match Box::pin(arrived.place(&mut record, worker)).await {
            Stage::Over => (Last::Nothing, Some(record)),
            Stage::Http(downstream, config) => {
                let (facts, record) = counted.keep(record);
                let serving = http::serve(downstream, config, facts, worker.http());
                (Last::Http(Box::pin(serving)), record)
            }
            Stage::Tcp(downstream, session) => {
                (Last::Tcp(Box::pin(session.serve(downstream, record))), None)
            }
        };
        let record = match last {
            Last::Nothing => record,
            Last::Http(serving) => {
                serving.await;
                record
            }
            Last::Tcp(copying) => {
                let (ended, record) = copying.await;
                tracing::debug!(%ended, destination = %record.facts.destination, "connection ended");
                Some(record)
            }
        };
        if let Some(record) = record {
            record.write(&counted.active.listener.access_logs, worker);
        }
    }
}

/// What a connection spends its life in.
enum Last<H, T> {
    Nothing,
    Http(Pin<Box<H>>),
    Tcp(Pin<Box<T>>),
}

/// Finds out where the connection was going and which listener that belongs to.
///
/// # Errors
/// If the client is gone already.
pub(crate) fn arrive(
    socket: TcpStream,
    arrival: Arrival,
) -> std::io::Result<(Box<Arrived>, Box<Record>)> {
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
    Ok((Box::new(arrived), Box::new(record)))
}

impl Arrived {
    /// Finds out what the connection is, and does everything that comes before serving it.
    async fn place(mut self: Box<Self>, record: &mut Record, worker: &Rc<Thread>) -> Stage {
        let listener = Arc::clone(&self.active.listener);
        match inspect::inspect(&mut self.socket, &listener, &mut record.facts).await {
            Ok(Outcome::Silent) => self.place_silent(record, worker).await,
            Ok(Outcome::Told | Outcome::Unclear) => self.hand_over(record, worker).await,
            Err(error) => self.unserved(&error, record, worker),
        }
    }

    /// The client is silent and nothing says which protocol it speaks: dial the upstream, and whoever speaks first
    /// decides. A server that greets gets its bytes through; a client that begins late is inspected after all. Where the
    /// chain terminates TLS, a server's bytes must not pass before the handshake.
    async fn place_silent(mut self, record: &mut Record, worker: &Rc<Thread>) -> Stage {
        let Some(chain) = self.chain(record, worker) else {
            return Stage::Over;
        };
        let (Handler::Tcp(config), DownstreamTransport::Plain) = (&chain.handler, &chain.transport)
        else {
            return self.hand_over_to(&chain, record, worker).await;
        };
        let Some(session) = connect(config, record, self.own_address, worker).await else {
            return Stage::Over;
        };
        let stream = Stream::Plain(self.socket);
        match session.first_to_speak(&stream).await {
            Speaker::Upstream => {
                let downstream = Downstream::new(stream, None, self.active.drain.signal());
                return Stage::Tcp(downstream, session);
            }
            Speaker::Nobody => {
                session.expire(record);
                return Stage::Over;
            }
            Speaker::Downstream => drop(session),
        }
        record.forget_way();
        let Stream::Plain(socket) = stream else {
            return Stage::Over;
        };
        self.socket = socket;
        let listener = Arc::clone(&self.active.listener);
        match inspect::inspect(&mut self.socket, &listener, &mut record.facts).await {
            Ok(_outcome) => self.hand_over(record, worker).await,
            Err(error) => self.unserved(&error, record, worker),
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

    /// Goes on with the chain that what is known leads to.
    async fn hand_over(self, record: &mut Record, worker: &Rc<Thread>) -> Stage {
        match self.chain(record, worker) {
            Some(chain) => self.hand_over_to(&chain, record, worker).await,
            None => Stage::Over,
        }
    }

    async fn hand_over_to(
        self,
        chain: &FilterChain,
        record: &mut Record,
        worker: &Rc<Thread>,
    ) -> Stage {
        let own_address = self.own_address;
        let Some(downstream) = self.secure(chain, record.facts.source, worker).await else {
            return Stage::Over;
        };
        record.tls = downstream.tls().cloned();
        match &chain.handler {
            Handler::Http(config) => Stage::Http(downstream, Arc::clone(config)),
            Handler::Tcp(config) => match connect(config, record, own_address, worker).await {
                Some(session) => Stage::Tcp(downstream, session),
                None => Stage::Over,
            },
            Handler::Refuse(reason) => {
                tracing::debug!(%reason, chain = %chain.name, "connection refused");
                Stage::Over
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
        let result = match chain.transport_connect_timeout {
            Some(limit) => match tokio::time::timeout(limit, handshake).await {
                Ok(result) => result,
                Err(_elapsed) => {
                    stats.ssl_connection_error.increment(worker.shard());
                    tracing::debug!(%source, ?limit, "TLS handshake took too long");
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
                tracing::debug!(%source, chain = %chain.name, %error, "TLS refused");
                None
            }
        }
    }

    fn unserved(&self, error: &Unserved, record: &Record, worker: &Thread) -> Stage {
        if matches!(error, Unserved::TimedOut(_)) {
            self.active.stats.pre_cx_timeout.increment(worker.shard());
        }
        tracing::debug!(listener = %self.active.listener.name, source = %record.facts.source, %error, "connection closed");
        Stage::Over
    }
}

/// Connects to the upstream, or tells why the connection ends without.
async fn connect(
    config: &Arc<TcpConfig>,
    record: &mut Record,
    own_address: Option<SocketAddr>,
    worker: &Rc<Thread>,
) -> Option<Session> {
    match Session::connect(config, record, own_address, worker).await {
        Ok(session) => Some(session),
        Err(error) => {
            close_unconnected(config, record, worker);
            tracing::debug!(%error, destination = %record.facts.destination, "connection closed");
            None
        }
    }
}

/// A connection in the counters of its listener, and in those of its worker.
struct Counted {
    active: Arc<Active>,
    worker: Rc<Thread>,
    _load: Load,
}

impl Counted {
    fn begin(active: &Arc<Active>, worker: Rc<Thread>, load: Load) -> Self {
        active.stats.cx_total.increment(worker.shard());
        active.stats.cx_active.add(worker.shard(), 1);
        Self {
            active: Arc::clone(active),
            worker,
            _load: load,
        }
    }

    /// What is known of a connection that will speak HTTP, and its record if the listener writes one: idle connections hold it.
    fn keep(&self, record: Box<Record>) -> (ConnectionFacts, Option<Box<Record>>) {
        if self.active.listener.access_logs.is_empty() {
            (record.facts, None)
        } else {
            (record.facts.clone(), Some(record))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, D, F>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_holds_little_beside_what_serves_it() {
        let bytes = size_of_future(serve);
        assert!(bytes <= 88, "{bytes} bytes");
    }
}
