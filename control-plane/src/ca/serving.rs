//! The certificate of our own TLS port, signed by our own authority and renewed at half its life.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::{Authority, RefusedCsr};

const TTL: Duration = Duration::from_secs(24 * 3600);

/// Hands rustls a certificate for the control plane's names, never one past half its life.
pub(crate) struct ServingCertificate {
    authority: Arc<Authority>,
    names: Vec<SanType>,
    current: Mutex<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    renew_at: SystemTime,
}

/// No certificate can be made for the names of the xDS port.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidServingNames {
    /// Neither a DNS name nor an IP address.
    #[error("--tls-san {0:?} is neither a DNS name nor an IP address")]
    Name(String),
    /// The authority does not sign.
    #[error("cannot sign the certificate of the xDS port: {0}")]
    Unsigned(String),
}

impl ServingCertificate {
    /// Signs the first certificate for `names` (DNS names and IP addresses).
    pub(crate) fn new(
        authority: Arc<Authority>,
        names: &[String],
    ) -> Result<Self, InvalidServingNames> {
        let names = names
            .iter()
            .map(|n| san(n))
            .collect::<Result<Vec<_>, _>>()?;
        let first =
            sign(&authority, &names).map_err(|e| InvalidServingNames::Unsigned(e.to_string()))?;
        Ok(Self {
            authority,
            names,
            current: Mutex::new(first),
        })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut current = self.current.lock();
        if SystemTime::now() >= current.renew_at {
            match sign(&self.authority, &self.names) {
                Ok(next) => *current = next,
                Err(e) => tracing::error!("the xDS port keeps its old certificate: {e}"),
            }
        }
        current.key.clone()
    }
}

impl std::fmt::Debug for ServingCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServingCertificate")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn san(name: &str) -> Result<SanType, InvalidServingNames> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(ip));
    }
    let dns = rustls_pki_types::DnsName::try_from(name).is_ok();
    match name.try_into() {
        Ok(text) if dns => Ok(SanType::DnsName(text)),
        Ok(_) | Err(_) => Err(InvalidServingNames::Name(name.to_owned())),
    }
}

fn sign(authority: &Authority, names: &[SanType]) -> Result<Current, RefusedCsr> {
    let pair = KeyPair::generate().expect("P-256 keys can always be generated");
    let issued = authority.sign(
        &pair,
        names.to_vec(),
        &[ExtendedKeyUsagePurpose::ServerAuth],
        TTL,
    )?;
    let key = any_ecdsa_type(&PrivatePkcs8KeyDer::from(pair.serialize_der()).into())
        .expect("rustls reads the key that rcgen wrote");
    let half = issued
        .expires
        .duration_since(SystemTime::now())
        .unwrap_or_default()
        / 2;
    Ok(Current {
        key: Arc::new(CertifiedKey::new(issued.path, key)),
        renew_at: SystemTime::now() + half,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> Arc<Authority> {
        Arc::new(Authority::temporary("cluster.local"))
    }

    #[test]
    fn a_certificate_past_half_its_life_is_replaced() {
        let serving =
            ServingCertificate::new(authority(), &["localhost".to_owned(), "::1".to_owned()])
                .unwrap();
        let first = serving.current();
        assert_eq!(first.cert, serving.current().cert);
        serving.current.lock().renew_at = SystemTime::UNIX_EPOCH;
        assert_ne!(first.cert, serving.current().cert);
    }

    #[test]
    fn a_name_that_can_not_stand_in_a_certificate_is_refused() {
        let error = ServingCertificate::new(authority(), &["no spaces".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("--tls-san"), "{error}");
    }
}
