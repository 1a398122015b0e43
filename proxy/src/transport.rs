//! Connections as bytes: plain or TLS, towards the downstream (who called us) and the upstream (whom we call).
//! It owns sockets, TLS contexts and peer identities, and refuses to know what protocol the bytes speak.

use std::sync::Arc;

pub(crate) mod buffer;
mod connect;
#[cfg(test)]
pub(crate) mod loopback;
mod peer;
mod raw;
mod socket;
mod stream;
pub mod tls;

pub(crate) use connect::set_keepalive;
pub use connect::{Address, ConnectError, ConnectFailure, ConnectOptions, Keepalive, connect};
pub use peer::PeerIdentity;
pub(crate) use peer::pem;
pub use raw::Raw;
pub use socket::Socket;
pub use stream::{Downstream, Stream, TlsFacts, Upstream};

/// How a filter chain takes its connections.
#[derive(Debug, Clone)]
pub enum DownstreamTransport {
    /// As they come.
    Plain,
    /// Wrapped in TLS that this context terminates.
    Tls(Arc<tls::ServerContext>),
}

/// How a cluster, or some of its endpoints, is spoken to.
#[derive(Debug, Clone)]
pub enum UpstreamTransport {
    /// As it is.
    Plain,
    /// Wrapped in TLS that this context starts.
    Tls(Arc<tls::ClientContext>),
}
