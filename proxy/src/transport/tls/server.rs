//! TLS on connections that come to us.

use super::built::Built;
use super::config::ServerTls;
use super::handshake::{Agreed, agree};
use super::library::Role;
use super::verify::Verifier;
use super::{InvalidTls, TlsError, established, params};
use crate::secret::Certificate;
use crate::transport::{Socket, Stream, TlsFacts};
use rustls::ServerConfig;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, UnbufferedServerConnection,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

thread_local! {
    /// The server name of the ClientHello that this thread is at. The library tells it to the resolver and, on unbuffered
    /// connections, to nobody else.
    static ASKED_FOR: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Takes the server name that a client has asked for in the step of a handshake that this thread has just made.
pub(super) fn asked_for() -> Option<Box<str>> {
    ASKED_FOR.take()
}

/// Terminates TLS as one configuration and its current secrets say. Rebuilt when a secret changes, never per
/// connection; connections that exist keep what they were made with.
#[derive(Debug)]
pub struct ServerContext {
    config: ServerTls,
    built: Built<ServerConfig>,
}

impl ServerContext {
    /// A context; secrets may still be missing.
    ///
    /// # Errors
    /// [`InvalidTls`] for what can never work.
    pub fn new(config: ServerTls) -> Result<Self, InvalidTls> {
        if config.common.certificates.is_empty() {
            return Err(InvalidTls::NoCertificate);
        }
        if config.require_client_certificate && config.common.validation.is_none() {
            return Err(InvalidTls::NothingToVerifyWith);
        }
        params::versions(&config.common.params)?;
        Ok(Self {
            config,
            built: Built::nothing(),
        })
    }

    /// What it was made from.
    pub fn config(&self) -> &ServerTls {
        &self.config
    }

    /// Whether all secrets it needs have arrived.
    pub fn is_ready(&self) -> bool {
        self.config.common.is_ready()
    }

    /// Answers the handshake of a connection that begins with a ClientHello.
    ///
    /// # Errors
    /// [`TlsError`]; the peer has been told by an alert where the protocol has one.
    pub async fn accept(&self, mut socket: Socket) -> Result<(Stream, Rc<TlsFacts>), TlsError> {
        let library = self.built.current(&self.config.common, || self.build())?;
        socket.read_ahead();
        let server = UnbufferedServerConnection::new(library)
            .map_err(|error| TlsError::Handshake(io::Error::other(error)))?;
        let agreed = agree(Role::Server(server), socket).await;
        let Agreed {
            role,
            socket,
            asked_for,
        } = agreed.map_err(TlsError::Handshake)?;
        established(role, socket, asked_for, &self.config.common)
    }

    fn build(&self) -> Result<ServerConfig, TlsError> {
        let common = &self.config.common;
        let provider = params::provider(&common.params);
        let algorithms = provider.signature_verification_algorithms;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&params::versions(&common.params)?)
            .map_err(|error| InvalidTls::Refused(error.to_string()))?;
        let verifier = match common.validation()? {
            Some(context) => Arc::new(Verifier::of_clients(
                context,
                algorithms,
                self.config.require_client_certificate,
            )),
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let mut library = builder
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(ByServerName::of(common.our_certificates()?)));
        library.alpn_protocols = common.alpn.iter().map(|name| name.to_vec()).collect();
        // A resumed session skips the verifier, so that an identity which is no longer believed would live on.
        library.session_storage = Arc::new(NoServerSessionStorage {});
        library.send_tls13_tickets = 0;
        // For our own records of TLS 1.3.
        library.enable_secret_extraction = true;
        Ok(library)
    }
}

/// Chooses among several certificates: the first that names the host asked for, else the first.
#[derive(Debug)]
struct ByServerName {
    certificates: Vec<Arc<Certificate>>,
}

impl ByServerName {
    fn of(certificates: Vec<Arc<Certificate>>) -> Self {
        Self { certificates }
    }
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        ASKED_FOR.set(hello.server_name().map(Box::from));
        let suits = |certificate: &&Arc<Certificate>| {
            let key = &certificate.certified().key;
            key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let named = hello.server_name().and_then(|host| {
            self.certificates
                .iter()
                .filter(|certificate| certificate.covers_host(host))
                .find(suits)
        });
        named
            .or_else(|| self.certificates.iter().find(suits))
            .or_else(|| self.certificates.first())
            .map(|certificate| Arc::clone(certificate.certified()))
    }
}
