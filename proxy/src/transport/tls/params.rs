//! From our parameters to those of the TLS library. The crypto provider is passed explicitly, never installed for the
//! whole process.

use super::InvalidTls;
use super::config::{CipherSuite, Curve, TlsParams, TlsVersion};
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion, version};
use std::sync::{Arc, LazyLock};

/// The provider with everything that is safe. As in Envoy, AES-128 with SHA-256 comes first: no weaker than the key
/// exchange, and a fifth cheaper per byte than AES-256; SHA-384 alone is a tenth of a handshake.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = aws_lc_rs::default_provider();
    let is_aes128 = |suite: &SupportedCipherSuite| {
        let name = suite.suite();
        name.as_str().is_some_and(|name| name.contains("AES_128"))
    };
    provider
        .cipher_suites
        .sort_by_key(|suite| !is_aes128(suite));
    Arc::new(provider)
});

/// The crypto provider of every TLS context that has no wishes of its own.
pub(crate) fn default_provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// The provider narrowed to the suites and groups that the configuration names.
pub(super) fn provider(params: &TlsParams) -> Arc<CryptoProvider> {
    if params.cipher_suites.is_empty() && params.curves.is_empty() {
        return default_provider();
    }
    let mut provider = (**PROVIDER).clone();
    if !params.cipher_suites.is_empty() {
        let tls13 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
        let chosen = params.cipher_suites.iter().map(|suite| tls12_suite(*suite));
        let all = provider.cipher_suites.iter().copied();
        provider.cipher_suites = all.filter(tls13).chain(chosen).collect();
    }
    if !params.curves.is_empty() {
        provider.kx_groups = params.curves.iter().map(|curve| group(*curve)).collect();
    }
    Arc::new(provider)
}

/// The versions between the bounds.
pub(super) fn versions(
    params: &TlsParams,
) -> Result<Vec<&'static SupportedProtocolVersion>, InvalidTls> {
    let known = [
        (TlsVersion::V1_3, &version::TLS13),
        (TlsVersion::V1_2, &version::TLS12),
    ];
    let chosen: Vec<_> = known
        .into_iter()
        .filter(|(version, _)| (params.min..=params.max).contains(version))
        .map(|(_, supported)| supported)
        .collect();
    if chosen.is_empty() {
        return Err(InvalidTls::NoVersion {
            min: params.min,
            max: params.max,
        });
    }
    Ok(chosen)
}

/// A version as Envoy's access log spells it.
pub(super) fn version_name(version: Option<ProtocolVersion>) -> &'static str {
    if version == Some(ProtocolVersion::TLSv1_3) {
        "TLSv1.3"
    } else if version == Some(ProtocolVersion::TLSv1_2) {
        "TLSv1.2"
    } else {
        ""
    }
}

fn tls12_suite(suite: CipherSuite) -> SupportedCipherSuite {
    use aws_lc_rs::cipher_suite as known;
    match suite {
        CipherSuite::EcdsaAes128 => known::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdsaAes256 => known::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdsaChacha20 => known::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::RsaAes128 => known::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::RsaAes256 => known::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::RsaChacha20 => known::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::X25519 => kx_group::X25519,
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
        Curve::X25519MlKem768 => kx_group::X25519MLKEM768,
    }
}
