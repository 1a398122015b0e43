//! TLS on connections that we open.

use super::built::Built;
use super::config::ClientTls;
use super::handshake::{Agreed, agree};
use super::library::Role;
use super::verify::Verifier;
use super::{InvalidTls, TlsError, established, params};
use crate::secret::Certificate;
use crate::transport::{ConnectOptions, Socket, Stream, TlsFacts};
use rustls::client::{ResolvesClientCert, Resumption, UnbufferedClientConnection};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use rustls_pki_types::{IpAddr, Ipv4Addr, ServerName};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// Starts TLS as one configuration and its current secrets say. Rebuilt when a secret changes, never per connection.
#[derive(Debug)]
pub struct ClientContext {
    config: ClientTls,
    built: Built<ClientConfig>,
}

impl ClientContext {
    /// A context; secrets may still be missing.
    ///
    /// # Errors
    /// [`InvalidTls`] for what can never work.
    pub fn new(config: ClientTls) -> Result<Self, InvalidTls> {
        params::versions(&config.common.params)?;
        Ok(Self {
            config,
            built: Built::nothing(),
        })
    }

    /// What it was made from.
    pub fn config(&self) -> &ClientTls {
        &self.config
    }

    /// Whether all secrets it needs have arrived.
    pub fn is_ready(&self) -> bool {
        self.config.common.is_ready()
    }

    /// Makes the handshake on a connected socket.
    ///
    /// # Errors
    /// [`TlsError`]; nothing of the application was sent.
    pub async fn connect(
        &self,
        mut socket: Socket,
        options: &ConnectOptions,
    ) -> Result<(Stream, Rc<TlsFacts>), TlsError> {
        let library = self.built.current(&self.config.common, || self.build())?;
        let sni = options.sni.as_ref().or(self.config.sni.as_ref());
        let name = server_name(sni)?;
        socket.read_ahead();
        let client = match &options.alpn {
            Some(alpn) => {
                let alpn = alpn.iter().map(|name| name.to_vec()).collect();
                UnbufferedClientConnection::new_with_alpn(library, name, alpn)
            }
            None => UnbufferedClientConnection::new(library, name),
        };
        let client = client.map_err(|error| TlsError::Handshake(io::Error::other(error)))?;
        let agreed = agree(Role::Client(client), socket).await;
        let Agreed { role, socket, .. } = agreed.map_err(TlsError::Handshake)?;
        let sni = sni.map(|name| Box::from(&**name));
        established(role, socket, sni, &self.config.common)
    }

    fn build(&self) -> Result<ClientConfig, TlsError> {
        let common = &self.config.common;
        let provider = params::provider(&common.params);
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Verifier::of_servers(
            common.validation()?.unwrap_or_default(),
            algorithms,
            self.config.verify_server_name,
        );
        let mut library = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&params::versions(&common.params)?)
            .map_err(|error| InvalidTls::Refused(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(OurCertificate(common.our_certificates()?)));
        library.alpn_protocols = common.alpn.iter().map(|name| name.to_vec()).collect();
        // A resumed session skips the verifier, so that an identity which is no longer believed would live on.
        library.resumption = Resumption::disabled();
        // For our own records of TLS 1.3.
        library.enable_secret_extraction = true;
        Ok(library)
    }
}

/// Without a name an IP address stands in: the library needs something, and sends no server name for addresses.
fn server_name(sni: Option<&Arc<str>>) -> Result<ServerName<'static>, TlsError> {
    match sni {
        None => Ok(ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([
            0, 0, 0, 0,
        ])))),
        Some(name) => ServerName::try_from(name.to_string())
            .map_err(|_| TlsError::ServerName(Arc::clone(name))),
    }
}

/// Shows the first certificate that the server can verify the signature of.
#[derive(Debug)]
struct OurCertificate(Vec<Arc<Certificate>>);

impl ResolvesClientCert for OurCertificate {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.0
            .iter()
            .map(|certificate| certificate.certified())
            .find(|certified| certified.key.choose_scheme(schemes).is_some())
            .cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
