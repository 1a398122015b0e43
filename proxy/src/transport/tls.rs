//! TLS both ways: contexts built from configuration and secrets, verification by SPIFFE identity, rotation without
//! dropping connections. rustls and its crypto provider are known here and nowhere else on the data path.

mod built;
pub(crate) mod certificate;
mod client;
pub mod config;
pub mod fuzz;
mod handshake;
mod legacy;
mod library;
mod params;
pub(crate) mod proto;
mod record;
pub mod san;
mod server;
mod session;
mod stream;
mod verify;

#[cfg(test)]
mod tests;

pub use client::ClientContext;
pub use config::{ClientTls, ServerTls, TlsConfig, TlsParams, TlsVersion, Validation};
pub use san::{SanKind, SanMatcher, TextMatch};
pub use server::ServerContext;
pub use stream::TlsStream;

use crate::transport::{PeerIdentity, Socket, Stream, TlsFacts};
use library::Role;
use rustls::CommonState;
use std::rc::Rc;
use std::sync::Arc;

/// A TLS context that cannot be built from what the configuration says.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvalidTls {
    /// Neither TLS 1.2 nor 1.3 is left.
    #[error("no protocol version lies between {min} and {max}; TLSv1_2 and TLSv1_3 are known")]
    NoVersion {
        /// Lowest version allowed.
        min: TlsVersion,
        /// Highest version allowed.
        max: TlsVersion,
    },
    /// A server needs a certificate.
    #[error("a server's TLS context needs a certificate; name one in tls_certificates or by SDS")]
    NoCertificate,
    /// A client certificate is required and nothing says how to verify it.
    #[error("require_client_certificate is set without a validation context to verify it with")]
    NothingToVerifyWith,
    /// The library refuses the combination.
    #[error("the TLS library refuses this context: {0}")]
    Refused(String),
}

/// A TLS connection that did not come about.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A secret has not arrived yet.
    #[error("secret {name} has not arrived; the SDS server or the CA has not answered yet")]
    SecretMissing {
        /// The name it is asked for by.
        name: Arc<str>,
    },
    /// A secret is of another kind than the context needs.
    #[error("secret {name} is not a {wanted}")]
    SecretKind {
        /// The name it is asked for by.
        name: Arc<str>,
        /// What it should be.
        wanted: &'static str,
    },
    /// The secrets and the configuration do not go together.
    #[error(transparent)]
    Invalid(#[from] InvalidTls),
    /// The server name to ask for is none.
    #[error("{0:?} is not a server name that TLS can ask for")]
    ServerName(Arc<str>),
    /// The handshake failed, on our side or theirs.
    #[error("TLS handshake: {0}")]
    Handshake(#[source] std::io::Error),
}

/// Wraps a connection whose handshake is over: what it agreed on and who the other side is.
fn established(
    role: Role,
    socket: Socket,
    sni: Option<Box<str>>,
    config: &TlsConfig,
) -> Result<(Stream, Rc<TlsFacts>), TlsError> {
    let facts = facts(role.common(), sni, config)?;
    let stream = TlsStream::new(role, socket)
        .map_err(|error| TlsError::Handshake(std::io::Error::other(error)))?;
    Ok((Stream::Tls(Box::new(stream)), Rc::new(facts)))
}

fn facts(
    session: &CommonState,
    sni: Option<Box<str>>,
    config: &TlsConfig,
) -> Result<TlsFacts, TlsError> {
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let peer = leaf
        .map(|leaf| PeerIdentity::of(leaf.clone().into_owned()))
        .transpose()
        .map_err(|error| TlsError::Handshake(std::io::Error::other(error)))?;
    let suite = session.negotiated_cipher_suite();
    Ok(TlsFacts {
        alpn: session.alpn_protocol().map(Box::from),
        sni,
        own: config.own_identity(),
        verified: peer.is_some() && config.verifies_chains(),
        peer,
        version: params::version_name(session.protocol_version()),
        cipher: suite.map_or("", |suite| suite.suite().as_str().unwrap_or("")),
    })
}
