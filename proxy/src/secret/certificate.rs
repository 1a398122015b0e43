//! Our side of a handshake: a certificate chain and its private key.

use super::InvalidSecret;
use crate::transport::tls::certificate::{Names, Parsed};
use crate::transport::tls::{SanKind, SanMatcher, TextMatch};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// A certificate chain and its key, ready to sign.
pub struct Certificate {
    certified: Arc<CertifiedKey>,
    key: PrivateKeyDer<'static>,
    names: Names,
    spiffe_id: Option<Arc<str>>,
    serial: String,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Certificate {
    /// From PEM, the leaf first.
    ///
    /// # Errors
    /// [`InvalidSecret`] if either cannot be read or they are not a pair.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, InvalidSecret> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| InvalidSecret::Chain(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| InvalidSecret::Key(error.to_string()))?;
        Self::new(chain, key)
    }

    /// From DER, the leaf first.
    ///
    /// # Errors
    /// [`InvalidSecret`] if either cannot be read or they are not a pair.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, InvalidSecret> {
        let leaf = chain
            .first()
            .ok_or_else(|| InvalidSecret::Chain("no PEM block CERTIFICATE".to_owned()))?;
        let unreadable = |error: crate::transport::tls::certificate::NotACertificate| {
            InvalidSecret::Chain(error.to_string())
        };
        let parsed = Parsed::from_der(leaf).map_err(unreadable)?;
        let names = parsed.names().map_err(unreadable)?;
        let (not_before, not_after) = parsed.validity().map_err(unreadable)?;
        let serial = parsed.serial();
        let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
            .map_err(|error| InvalidSecret::Key(error.to_string()))?;
        let certified = CertifiedKey::new(chain, signer);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(InvalidSecret::Mismatch),
        }
        Ok(Self {
            certified: Arc::new(certified),
            key,
            spiffe_id: names.spiffe_id().map(Arc::from),
            names,
            serial,
            not_before,
            not_after,
        })
    }

    /// The chain with its signer, as the TLS library wants it.
    pub(crate) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// Whether a DNS name of the certificate covers the host.
    pub(crate) fn covers_host(&self, host: &str) -> bool {
        SanMatcher {
            kind: SanKind::Dns,
            text: TextMatch::Exact(host.into()),
            ignore_case: true,
        }
        .matches(&self.names)
    }

    /// The chain in PEM, the leaf first.
    pub fn chain_pem(&self) -> String {
        let blocks = self.certified.cert.iter();
        blocks
            .map(|der| crate::transport::pem("CERTIFICATE", der))
            .collect()
    }

    /// The private key in PEM, for serving it to a neighbour on a Unix socket of the same pod.
    pub fn key_pem(&self) -> String {
        let label = match &self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            PrivateKeyDer::Pkcs8(_) | _ => "PRIVATE KEY",
        };
        crate::transport::pem(label, self.key.secret_der())
    }

    /// Serial number in lower-case hexadecimal.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// URI names of the leaf, the SPIFFE identity among them.
    pub fn uri_names(&self) -> impl Iterator<Item = &str> {
        self.names.uris.iter().map(AsRef::as_ref)
    }

    /// The SPIFFE identity of the leaf.
    pub fn spiffe_id(&self) -> Option<&Arc<str>> {
        self.spiffe_id.as_ref()
    }

    /// DNS names of the leaf.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.names.dns.iter().map(AsRef::as_ref)
    }

    /// From when on the leaf is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when the leaf is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("serial", &self.serial)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
