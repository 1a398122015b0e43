//! Judging the other side's certificate: the chain leads to a trust root, and one of its names is one that we expect.
//! Host names play no part unless the configuration asks for it: in a mesh the SPIFFE identity is the name.

mod believed;

use super::certificate::Parsed;
use super::san::SanMatcher;
use crate::secret::ValidationContext;
use aws_lc_rs::digest;
use believed::{Believed, Shown};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage, RevocationOptionsBuilder};

/// Why a peer's certificate is not believed, beyond what the TLS library names itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerRefused {
    /// No name is one that is expected.
    #[error("the certificate names {presented}, expected one of {expected}")]
    Name {
        /// What the certificate says.
        presented: String,
        /// What the configuration wants.
        expected: String,
    },
    /// It is none of the pinned ones.
    #[error(
        "neither the certificate nor its public key is one of those pinned in the configuration"
    )]
    NotPinned,
    /// The chain does not verify.
    #[error("the certificate chain is not trusted: {0}")]
    Chain(webpki::Error),
    /// Something is demanded of it, and nothing says whom to believe.
    #[error(
        "the configuration demands a certificate and names nobody to believe: add trusted_ca or pins, or set \
         trust_chain_verification to ACCEPT_UNTRUSTED"
    )]
    NobodyToBelieve,
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] super::certificate::NotACertificate),
}

/// Verifies the chain and the names of either side.
#[derive(Debug)]
pub(super) struct Verifier {
    /// Everything the configuration and its secret demand, joined.
    context: ValidationContext,
    algorithms: WebPkiSupportedAlgorithms,
    /// Clients must show a certificate.
    certificate_required: bool,
    /// The certificate must also be valid for the server name asked for.
    verify_server_name: bool,
    /// Chains that passed already.
    believed: Believed,
}

impl Verifier {
    pub(super) fn of_clients(
        context: ValidationContext,
        algorithms: WebPkiSupportedAlgorithms,
        required: bool,
    ) -> Self {
        Self {
            context,
            algorithms,
            certificate_required: required,
            verify_server_name: false,
            believed: Believed::default(),
        }
    }

    pub(super) fn of_servers(
        context: ValidationContext,
        algorithms: WebPkiSupportedAlgorithms,
        verify_server_name: bool,
    ) -> Self {
        Self {
            context,
            algorithms,
            certificate_required: false,
            verify_server_name,
            believed: Believed::default(),
        }
    }

    fn verify(&self, peer: &Presented<'_>, usage: KeyUsage) -> Result<(), PeerRefused> {
        if self.demands_something() && !self.context.knows_whom_to_believe() {
            return Err(PeerRefused::NobodyToBelieve);
        }
        if let Some(roots) = &self.context.roots {
            let chain = self.verify_chain_once(peer, &roots.anchors, usage);
            if !self.context.accept_untrusted {
                chain?;
            }
        }
        let parsed = Parsed::from_der(peer.leaf)?;
        self.verify_pins(peer.leaf, &parsed)?;
        verify_names(&self.context.names, &parsed)
    }

    /// Whether a certificate that anybody can make would pass for one that the configuration asks for.
    fn demands_something(&self) -> bool {
        !self.context.names.is_empty()
            || !self.context.revocation_lists.is_empty()
            || self.certificate_required
            || self.verify_server_name
    }

    /// Verifies a chain, unless it passed before and time is all that may have changed since.
    fn verify_chain_once(
        &self,
        peer: &Presented<'_>,
        anchors: &[TrustAnchor<'static>],
        usage: KeyUsage,
    ) -> Result<(), PeerRefused> {
        let shown = Shown::of(peer.leaf, peer.intermediates);
        let remembers = !self.context.allow_expired && self.context.revocation_lists.is_empty();
        if remembers && self.believed.covers(&shown, peer.now) {
            return Ok(());
        }
        self.verify_chain(peer, anchors, usage)?;
        if remembers {
            self.believed.remember(shown, peer);
        }
        Ok(())
    }

    fn verify_chain(
        &self,
        peer: &Presented<'_>,
        anchors: &[TrustAnchor<'static>],
        usage: KeyUsage,
    ) -> Result<(), PeerRefused> {
        let leaf = EndEntityCert::try_from(peer.leaf).map_err(PeerRefused::Chain)?;
        let lists: Vec<&webpki::CertRevocationList<'_>> = self
            .context
            .revocation_lists
            .iter()
            .map(|list| &**list)
            .collect();
        let revocation = match RevocationOptionsBuilder::new(&lists) {
            Ok(builder) => Some(self.revocation(builder).build()),
            Err(_no_lists) => None,
        };
        let now = if self.context.allow_expired {
            within_validity(peer)?
        } else {
            peer.now
        };
        leaf.verify_for_usage(
            self.algorithms.all,
            anchors,
            peer.intermediates,
            now,
            usage,
            revocation,
            None,
        )
        .map(drop)
        .map_err(PeerRefused::Chain)
    }

    /// As in Envoy, every certificate of the chain needs a revocation list, unless only the leaf is looked up.
    fn revocation<'a>(
        &self,
        builder: RevocationOptionsBuilder<'a>,
    ) -> RevocationOptionsBuilder<'a> {
        if self.context.revocation_of_leaf_only {
            builder.with_depth(webpki::RevocationCheckDepth::EndEntity)
        } else {
            builder.with_depth(webpki::RevocationCheckDepth::Chain)
        }
    }

    fn verify_pins(&self, leaf: &[u8], parsed: &Parsed<'_>) -> Result<(), PeerRefused> {
        let (keys, hashes) = (
            &self.context.public_key_pins,
            &self.context.certificate_pins,
        );
        if keys.is_empty() && hashes.is_empty() {
            return Ok(());
        }
        let sha256 = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
        let key = sha256(parsed.public_key_info());
        let hash = sha256(leaf);
        let pinned = keys.iter().any(|pin| pin[..] == *key.as_ref())
            || hashes.iter().any(|pin| pin[..] == *hash.as_ref());
        pinned.then_some(()).ok_or(PeerRefused::NotPinned)
    }
}

/// What a peer shows in the handshake.
struct Presented<'a> {
    leaf: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    now: UnixTime,
}

fn verify_names(expected: &[SanMatcher], parsed: &Parsed<'_>) -> Result<(), PeerRefused> {
    let names = parsed.names()?;
    if expected.is_empty() || expected.iter().any(|matcher| matcher.matches(&names)) {
        return Ok(());
    }
    let presented: Vec<&str> = (names.uris.iter().chain(&names.dns))
        .map(AsRef::as_ref)
        .collect();
    let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    Err(PeerRefused::Name {
        presented: if presented.is_empty() {
            "nobody".to_owned()
        } else {
            presented.join(", ")
        },
        expected: expected.join(", "),
    })
}

/// A moment at which the leaf was valid, for contexts that tolerate expired certificates.
fn within_validity(peer: &Presented<'_>) -> Result<UnixTime, PeerRefused> {
    let (_, not_after) = Parsed::from_der(peer.leaf)?.validity()?;
    let since_1970 = not_after
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let end = UnixTime::since_unix_epoch(since_1970);
    Ok(if end.as_secs() < peer.now.as_secs() {
        end
    } else {
        peer.now
    })
}

/// Errors that have an alert of their own keep it; the others travel as they are.
fn to_library(refused: PeerRefused) -> Error {
    let error = match &refused {
        PeerRefused::Chain(webpki::Error::CertExpired { .. }) => CertificateError::Expired,
        PeerRefused::Chain(webpki::Error::CertNotValidYet { .. }) => CertificateError::NotValidYet,
        PeerRefused::Chain(webpki::Error::UnknownIssuer) => CertificateError::UnknownIssuer,
        PeerRefused::Chain(webpki::Error::CertRevoked) => CertificateError::Revoked,
        PeerRefused::Unreadable(_) => CertificateError::BadEncoding,
        PeerRefused::Chain(_)
        | PeerRefused::Name { .. }
        | PeerRefused::NotPinned
        | PeerRefused::NobodyToBelieve => CertificateError::Other(OtherError(Arc::new(refused))),
    };
    Error::InvalidCertificate(error)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let peer = Presented {
            leaf: end_entity,
            intermediates,
            now,
        };
        self.verify(&peer, KeyUsage::server_auth())
            .map_err(to_library)?;
        if self.verify_server_name {
            let certificate = rustls::server::ParsedCertificate::try_from(end_entity)?;
            rustls::client::verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.certificate_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.context
            .roots
            .as_ref()
            .map_or(&[], |roots| &roots.subjects)
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let peer = Presented {
            leaf: end_entity,
            intermediates,
            now,
        };
        self.verify(&peer, KeyUsage::client_auth())
            .map_err(to_library)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
