//! What the first bytes of a connection say: TLS with its server name and protocols, HTTP, or something else. It reads
//! ahead and takes nothing away: whoever serves the connection sees every byte.

use std::io;
use std::task::Poll;
use std::time::Duration;

use super::filter_chain::{ConnectionFacts, DetectedTransport};
use super::{Inspect, Listener, ProxyProtocolInspect};
use crate::transport::Socket;

mod client_hello;
mod http;
mod proxy_protocol;

pub use client_hello::{ClientHello, client_hello};
pub use http::{HttpVersion, http};
pub use proxy_protocol::{Addresses, proxy_protocol};

/// What bytes look like, as far as they have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is this.
    Yes(T),
    /// It is something else.
    No,
    /// It may be; more bytes will tell.
    NeedMore,
}

/// How inspection ended, where the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The bytes told.
    Told,
    /// The client said nothing for as long as the listener waits; perhaps the server speaks first.
    Silent,
    /// The client spoke, but too little to tell, for as long as the listener waits.
    Unclear,
}

/// Why a connection ends before it is served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unserved {
    /// The client closed or broke the connection.
    #[error("the client ended the connection during inspection: {0}")]
    Gone(io::Error),
    /// Too little came in time and the listener does not go on without.
    #[error("nothing to tell the protocol by came within {0:?}")]
    TimedOut(Duration),
    /// The listener demands a PROXY protocol header.
    #[error(
        "the connection does not begin with a PROXY protocol header, which this listener demands"
    )]
    NoProxyHeader,
}

/// Finds out what the listener wants to know and writes it into the facts.
pub(crate) async fn inspect(
    socket: &mut Socket,
    listener: &Listener,
    facts: &mut ConnectionFacts,
) -> Result<Outcome, Unserved> {
    let wanted = Wanted::of(&listener.inspect, facts.destination.port());
    if wanted.nothing() {
        return Ok(Outcome::Told);
    }
    let looking = look(socket, wanted, facts);
    let Some(limit) = listener.inspect_timeout.filter(|limit| !limit.is_zero()) else {
        return looking.await.map(|()| Outcome::Told);
    };
    match tokio::time::timeout(limit, looking).await {
        Ok(result) => result.map(|()| Outcome::Told),
        Err(_elapsed) if !listener.continue_on_timeout => Err(Unserved::TimedOut(limit)),
        Err(_elapsed) if socket.buffered().is_empty() => Ok(Outcome::Silent),
        Err(_elapsed) => Ok(Outcome::Unclear),
    }
}

/// What is still to be found out.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    proxy_protocol: Option<ProxyProtocolInspect>,
    tls: bool,
    http: bool,
}

impl Wanted {
    fn of(inspect: &Inspect, port: u16) -> Self {
        Self {
            proxy_protocol: inspect.proxy_protocol,
            tls: inspect.tls && !inspect.tls_disabled_on.contains(port),
            http: inspect.http && !inspect.http_disabled_on.contains(port),
        }
    }

    fn nothing(&self) -> bool {
        self.proxy_protocol.is_none() && !self.tls && !self.http
    }
}

async fn look(
    socket: &mut Socket,
    mut wanted: Wanted,
    facts: &mut ConnectionFacts,
) -> Result<(), Unserved> {
    loop {
        if learn(socket, &mut wanted, facts)? {
            return Ok(());
        }
        let filled = std::future::poll_fn(|cx| match socket.poll_fill(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => Poll::Ready(result),
        });
        match filled.await {
            Ok(0) if socket.buffered().is_empty() => {
                return Err(Unserved::Gone(io::ErrorKind::UnexpectedEof.into()));
            }
            // No more will come: what is there is all there is to tell by, and the server may still answer it.
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // More than a buffer full of bytes that tell nothing: they never will.
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Ok(()),
            Err(error) => return Err(Unserved::Gone(error)),
        }
    }
}

/// Learns what the bytes so far tell; true when nothing more is wanted.
fn learn(
    socket: &mut Socket,
    wanted: &mut Wanted,
    facts: &mut ConnectionFacts,
) -> Result<bool, Unserved> {
    if let Some(strictness) = wanted.proxy_protocol {
        match proxy_protocol(socket.buffered()) {
            Seen::NeedMore => return Ok(false),
            Seen::No if strictness == ProxyProtocolInspect::Required => {
                return Err(Unserved::NoProxyHeader);
            }
            Seen::No => {}
            Seen::Yes((addresses, length)) => {
                socket.consume(length);
                if let Some(Addresses {
                    source,
                    destination,
                }) = addresses
                {
                    facts.source = source;
                    facts.destination = destination;
                }
            }
        }
        wanted.proxy_protocol = None;
    }
    if wanted.tls {
        match client_hello(socket.buffered()) {
            Seen::NeedMore => return Ok(false),
            Seen::No => wanted.tls = false,
            Seen::Yes(hello) => {
                facts.transport = DetectedTransport::Tls;
                facts.server_name = hello.server_name;
                facts.application_protocols = hello.protocols;
                return Ok(true);
            }
        }
    }
    if wanted.http {
        match http(socket.buffered()) {
            Seen::NeedMore => return Ok(false),
            Seen::No => {}
            Seen::Yes(version) => facts.application_protocols = vec![version.protocol().into()],
        }
    }
    Ok(true)
}
