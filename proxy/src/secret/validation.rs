//! How the other side's certificate is judged.

use super::InvalidSecret;
use crate::transport::tls::SanMatcher;
use rustls::DistinguishedName;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use std::fmt;
use std::sync::Arc;
use webpki::{CertRevocationList, OwnedCertRevocationList};

/// Certificates that a chain may end at.
pub struct TrustRoots {
    /// The form that verification wants.
    pub(crate) anchors: Vec<TrustAnchor<'static>>,
    /// Their subjects, which a server names when it asks for a certificate.
    pub(crate) subjects: Vec<DistinguishedName>,
    certificates: Vec<CertificateDer<'static>>,
}

/// What a peer's certificate must fulfil; the default believes anybody.
#[derive(Debug, Clone, Default)]
pub struct ValidationContext {
    /// Trust roots; without them chains are not verified.
    pub roots: Option<Arc<TrustRoots>>,
    /// Revocation lists.
    pub(crate) revocation_lists: Vec<Arc<CertRevocationList<'static>>>,
    /// Look up the leaf only, not the certificates above it.
    pub revocation_of_leaf_only: bool,
    /// At least one name must meet at least one of these; none means any name will do.
    pub names: Vec<SanMatcher>,
    /// SHA-256 of acceptable certificates.
    pub certificate_pins: Vec<[u8; 32]>,
    /// SHA-256 of acceptable public keys (`SubjectPublicKeyInfo`).
    pub public_key_pins: Vec<[u8; 32]>,
    /// Expired certificates pass.
    pub allow_expired: bool,
    /// Chains that do not verify pass; names and pins still count.
    pub accept_untrusted: bool,
}

impl TrustRoots {
    /// From one or more PEM blocks.
    ///
    /// # Errors
    /// [`InvalidSecret::Roots`] if there is none or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidSecret> {
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| InvalidSecret::Roots(error.to_string()))?;
        Self::new(certificates)
    }

    /// From DER.
    ///
    /// # Errors
    /// [`InvalidSecret::Roots`] if there is none or one cannot be read.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, InvalidSecret> {
        if certificates.is_empty() {
            let none = "no PEM block CERTIFICATE".to_owned();
            return Err(InvalidSecret::Roots(none));
        }
        let anchors = certificates
            .iter()
            .map(|der| webpki::anchor_from_trusted_cert(der).map(|anchor| anchor.to_owned()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| InvalidSecret::Roots(error.to_string()))?;
        let subjects = anchors
            .iter()
            .map(|anchor| DistinguishedName::in_sequence(&anchor.subject))
            .collect();
        Ok(Self {
            anchors,
            subjects,
            certificates,
        })
    }

    /// All roots in PEM.
    pub fn pem(&self) -> String {
        let blocks = self.certificates.iter();
        blocks
            .map(|der| crate::transport::pem("CERTIFICATE", der))
            .collect()
    }

    /// The roots as they came.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

impl ValidationContext {
    /// Trust roots and nothing else: any identity below them will do.
    pub fn trusting(roots: TrustRoots) -> Self {
        Self {
            roots: Some(Arc::new(roots)),
            ..Self::default()
        }
    }

    /// Whether it tells a certificate that is to be believed from one that anybody can make, or says that any will do.
    pub(crate) fn knows_whom_to_believe(&self) -> bool {
        self.roots.is_some()
            || self.accept_untrusted
            || !self.certificate_pins.is_empty()
            || !self.public_key_pins.is_empty()
    }

    /// Adds revocation lists in PEM.
    ///
    /// # Errors
    /// [`InvalidSecret::RevocationList`] if there is none or one cannot be read.
    pub fn revoke_by_pem(&mut self, pem: &[u8]) -> Result<(), InvalidSecret> {
        let refused = |error: String| InvalidSecret::RevocationList(error);
        let before = self.revocation_lists.len();
        for list in CertificateRevocationListDer::pem_slice_iter(pem) {
            let list = list.map_err(|error| refused(error.to_string()))?;
            let list = OwnedCertRevocationList::from_der(&list)
                .map_err(|error| refused(error.to_string()))?;
            self.revocation_lists.push(Arc::new(list.into()));
        }
        if self.revocation_lists.len() == before {
            return Err(refused("no PEM block X509 CRL".to_owned()));
        }
        Ok(())
    }

    /// This context with the fields of another added, as Envoy merges a default context with one from SDS: what the other
    /// sets wins, lists are joined.
    pub(crate) fn joined_by(&self, other: &ValidationContext) -> ValidationContext {
        fn join<T: Clone>(ours: &[T], theirs: &[T]) -> Vec<T> {
            ours.iter().chain(theirs).cloned().collect()
        }
        ValidationContext {
            roots: other.roots.clone().or_else(|| self.roots.clone()),
            revocation_lists: join(&self.revocation_lists, &other.revocation_lists),
            revocation_of_leaf_only: self.revocation_of_leaf_only || other.revocation_of_leaf_only,
            names: join(&self.names, &other.names),
            certificate_pins: join(&self.certificate_pins, &other.certificate_pins),
            public_key_pins: join(&self.public_key_pins, &other.public_key_pins),
            allow_expired: self.allow_expired || other.allow_expired,
            accept_untrusted: self.accept_untrusted || other.accept_untrusted,
        }
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} trust roots", self.certificates.len())
    }
}
