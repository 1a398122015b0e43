//! What a TLS context is configured with, free of any wire type. Certificates and trust roots are cells of the secret
//! store, so that one form covers inline values, files and SDS.

use super::TlsError;
use super::san::SanMatcher;
use crate::secret::{Certificate, Generation, SecretCell, ValidationContext};
use std::fmt;
use std::sync::Arc;

/// Protocol versions by Envoy's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.0, too old to be spoken; as a lower bound it means "anything".
    V1_0,
    /// TLS 1.1, too old to be spoken; as a lower bound it means "anything".
    V1_1,
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// Protocol parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsParams {
    /// Lowest version spoken.
    pub min: TlsVersion,
    /// Highest version spoken.
    pub max: TlsVersion,
    /// TLS 1.2 cipher suites by OpenSSL's or IANA's names; empty means all that are safe. As in Envoy, TLS 1.3 suites are not
    /// chosen by it.
    pub cipher_suites: Vec<CipherSuite>,
    /// Key exchange groups in order of preference; empty means the default.
    pub curves: Vec<Curve>,
}

/// A TLS 1.2 cipher suite that is both safe and known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CipherSuite {
    /// `ECDHE-ECDSA-AES128-GCM-SHA256`
    EcdsaAes128,
    /// `ECDHE-ECDSA-AES256-GCM-SHA384`
    EcdsaAes256,
    /// `ECDHE-ECDSA-CHACHA20-POLY1305`
    EcdsaChacha20,
    /// `ECDHE-RSA-AES128-GCM-SHA256`
    RsaAes128,
    /// `ECDHE-RSA-AES256-GCM-SHA384`
    RsaAes256,
    /// `ECDHE-RSA-CHACHA20-POLY1305`
    RsaChacha20,
}

/// A key exchange group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// `X25519`
    X25519,
    /// `P-256`
    P256,
    /// `P-384`
    P384,
    /// `X25519MLKEM768`
    X25519MlKem768,
}

/// How the other side's certificate is judged: what the configuration fixes, joined by what a secret brings.
#[derive(Debug, Clone, Default)]
pub struct Validation {
    /// Written in the configuration itself (Envoy: `validation_context` or `default_validation_context`).
    pub fixed: ValidationContext,
    /// By SDS, usually the trust roots `ROOTCA`; its fields join the fixed ones.
    pub secret: Option<Arc<SecretCell>>,
}

/// What both directions have in common.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// Our certificates, the preferred one first.
    pub certificates: Vec<Arc<SecretCell>>,
    /// How to judge the other side; `None` believes anybody.
    pub validation: Option<Validation>,
    /// Application protocols in order of preference.
    pub alpn: Vec<Box<[u8]>>,
    /// Protocol parameters.
    pub params: TlsParams,
}

/// Configuration of the side that accepts.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// The common part.
    pub common: TlsConfig,
    /// Refuse clients without a certificate. If not set, a certificate that is shown must still pass validation.
    pub require_client_certificate: bool,
}

/// Configuration of the side that connects.
#[derive(Debug, Clone)]
pub struct ClientTls {
    /// The common part.
    pub common: TlsConfig,
    /// Server name to ask for; none sends none.
    pub sni: Option<Arc<str>>,
    /// Also demand that the certificate is valid for the server name asked for (Envoy: `auto_sni_san_validation`).
    pub verify_server_name: bool,
}

impl Default for TlsParams {
    fn default() -> Self {
        Self {
            min: TlsVersion::V1_2,
            max: TlsVersion::V1_3,
            cipher_suites: Vec::new(),
            curves: Vec::new(),
        }
    }
}

impl Validation {
    /// Trust roots from one secret, names from the configuration: what a mesh uses.
    pub fn by_secret(secret: Arc<SecretCell>, names: Vec<SanMatcher>) -> Self {
        Self {
            fixed: ValidationContext {
                names,
                ..ValidationContext::default()
            },
            secret: Some(secret),
        }
    }
}

impl TlsConfig {
    /// All secrets that a connection needs.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<SecretCell>> {
        let validation = self.validation.as_ref().and_then(|v| v.secret.as_ref());
        self.certificates.iter().chain(validation)
    }

    /// Whether all secrets that a connection needs have arrived.
    pub(super) fn is_ready(&self) -> bool {
        self.secrets().all(|cell| cell.is_ready())
    }

    /// Changes whenever one of the secrets does.
    pub(super) fn generation(&self) -> Generation {
        self.secrets().map(|cell| cell.generation()).sum()
    }

    /// Whether the chain of a peer that shows a certificate is verified against trust roots.
    pub(super) fn verifies_chains(&self) -> bool {
        matches!(self.validation(), Ok(Some(context)) if context.roots.is_some() && !context.accept_untrusted)
    }

    /// How to judge the other side right now.
    pub(super) fn validation(&self) -> Result<Option<ValidationContext>, TlsError> {
        let Some(validation) = &self.validation else {
            return Ok(None);
        };
        match &validation.secret {
            None => Ok(Some(validation.fixed.clone())),
            Some(cell) => Ok(Some(validation.fixed.joined_by(&*cell.validation()?))),
        }
    }

    /// The SPIFFE identity of the first of our certificates that has one.
    pub(super) fn own_identity(&self) -> Option<Arc<str>> {
        self.certificates
            .iter()
            .find_map(|cell| cell.certificate().ok()?.spiffe_id().cloned())
    }

    /// Our certificates right now.
    pub(super) fn our_certificates(&self) -> Result<Vec<Arc<Certificate>>, TlsError> {
        self.certificates
            .iter()
            .map(|cell| cell.certificate())
            .collect()
    }
}

impl CipherSuite {
    /// The suite of this OpenSSL or IANA name, if it is one that is still safe to use.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ECDHE-ECDSA-AES128-GCM-SHA256" | "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => {
                Some(Self::EcdsaAes128)
            }
            "ECDHE-ECDSA-AES256-GCM-SHA384" | "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => {
                Some(Self::EcdsaAes256)
            }
            "ECDHE-ECDSA-CHACHA20-POLY1305" | "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Some(Self::EcdsaChacha20)
            }
            "ECDHE-RSA-AES128-GCM-SHA256" | "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => {
                Some(Self::RsaAes128)
            }
            "ECDHE-RSA-AES256-GCM-SHA384" | "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => {
                Some(Self::RsaAes256)
            }
            "ECDHE-RSA-CHACHA20-POLY1305" | "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Some(Self::RsaChacha20)
            }
            _ => None,
        }
    }
}

impl Curve {
    /// The group of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "X25519" => Some(Self::X25519),
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "X25519MLKEM768" => Some(Self::X25519MlKem768),
            _ => None,
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_0 => "TLSv1_0",
            Self::V1_1 => "TLSv1_1",
            Self::V1_2 => "TLSv1_2",
            Self::V1_3 => "TLSv1_3",
        })
    }
}
