//! From a certificate signing request and a proven identity to an X.509 SVID.

use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
};
use rcgen::{PublicKeyData, SubjectPublicKeyInfo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::{Authority, BACKDATE};

/// Lifetime of a certificate when the request names none.
pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(24 * 3600);
/// No certificate lives longer.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(90 * 24 * 3600);

/// A signed certificate and what its holder presents with it.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    /// Leaf first, then intermediates, without the root.
    pub(crate) path: Vec<CertificateDer<'static>>,
    /// The same as PEM, one text per certificate, the root last.
    pub(crate) pem: Vec<String>,
    /// When the leaf stops being valid.
    pub(crate) expires: SystemTime,
}

/// The request can't be signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RefusedCsr {
    /// Not a PKCS#10 request.
    #[error("the CSR is not a PKCS#10 request in PEM: {0}")]
    Malformed(String),
    /// Whoever sent it does not hold the private key.
    #[error("the signature of the CSR does not match its public key")]
    BadSignature,
    /// A key that TLS peers would refuse.
    #[error(
        "the CSR's key is not supported ({0}); use ECDSA P-256 or P-384, Ed25519, or RSA with 2048 bits or more"
    )]
    UnsupportedKey(String),
    /// The identity can't stand in a certificate.
    #[error("identity {0:?} can't be written into a certificate")]
    BadIdentity(String),
    /// The authority itself is past its end.
    #[error(
        "the certificate authority expired; replace ca-cert.pem, ca-key.pem and cert-chain.pem"
    )]
    AuthorityExpired,
}

impl Authority {
    /// Signs the key of `csr_pem` as the workload `spiffe_uri`. Names inside the CSR are ignored.
    ///
    /// `ttl` of `None` means 24 h; more than 90 d, or more than the authority has left, is cut.
    pub(crate) fn issue(
        &self,
        csr_pem: &str,
        spiffe_uri: &str,
        ttl: Option<Duration>,
    ) -> Result<Issued, RefusedCsr> {
        let key = verified_key(csr_pem)?;
        let uri = Ia5String::try_from(spiffe_uri)
            .map_err(|_| RefusedCsr::BadIdentity(spiffe_uri.to_owned()))?;
        let usages = [
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.sign(
            &key,
            vec![SanType::URI(uri)],
            &usages,
            ttl.unwrap_or(DEFAULT_TTL),
        )
    }

    pub(super) fn sign(
        &self,
        key: &impl PublicKeyData,
        names: Vec<SanType>,
        usages: &[ExtendedKeyUsagePurpose],
        ttl: Duration,
    ) -> Result<Issued, RefusedCsr> {
        let now = SystemTime::now();
        let expires = (now + ttl.clamp(Duration::from_secs(1), MAX_TTL)).min(self.expires);
        if expires <= now {
            return Err(RefusedCsr::AuthorityExpired);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = usages.to_vec();
        params.use_authority_key_identifier_extension = true;
        params.not_before = (now - BACKDATE).into();
        params.not_after = expires.into();
        let leaf = params
            .signed_by(key, &self.issuer)
            .map_err(|e| RefusedCsr::UnsupportedKey(e.to_string()))?;
        Ok(self.with_path(&leaf, expires))
    }

    fn with_path(&self, leaf: &rcgen::Certificate, expires: SystemTime) -> Issued {
        let mut path = vec![leaf.der().clone()];
        path.extend(self.intermediates.iter().cloned());
        let pem = path
            .iter()
            .chain([&self.root])
            .map(|der| to_pem(der))
            .collect();
        Issued { path, pem, expires }
    }
}

fn verified_key(csr_pem: &str) -> Result<SubjectPublicKeyInfo, RefusedCsr> {
    let der = CertificateSigningRequestDer::from_pem_slice(csr_pem.as_bytes())
        .map_err(|e| RefusedCsr::Malformed(e.to_string()))?;
    let (rest, csr) = X509CertificationRequest::from_der(&der)
        .map_err(|e| RefusedCsr::Malformed(e.to_string()))?;
    if !rest.is_empty() {
        return Err(RefusedCsr::Malformed("bytes after its end".to_owned()));
    }
    csr.verify_signature()
        .map_err(|_| RefusedCsr::BadSignature)?;
    SubjectPublicKeyInfo::from_der(csr.certification_request_info.subject_pki.raw)
        .map_err(|e| RefusedCsr::UnsupportedKey(e.to_string()))
}

fn to_pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::with_capacity(text.len() + text.len() / 64 + 64);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, SignatureAlgorithm};
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::X509Certificate;

    use super::*;

    const REVIEWS: &str = "spiffe://cluster.local/ns/default/sa/reviews";

    fn csr(key: &KeyPair, sans: &[&str]) -> String {
        let sans: Vec<String> = sans.iter().map(|s| (*s).to_owned()).collect();
        CertificateParams::new(sans)
            .unwrap()
            .serialize_request(key)
            .unwrap()
            .pem()
            .unwrap()
    }

    fn names(der: &CertificateDer<'_>) -> Vec<String> {
        let (_, cert) = X509Certificate::from_der(der).unwrap();
        let san = cert.subject_alternative_name().unwrap().unwrap();
        let text = |n: &GeneralName<'_>| {
            if let GeneralName::URI(uri) = n {
                (*uri).to_owned()
            } else {
                format!("{n:?}")
            }
        };
        san.value.general_names.iter().map(text).collect()
    }

    fn key(alg: &'static SignatureAlgorithm) -> KeyPair {
        KeyPair::generate_for(alg).unwrap()
    }

    #[test]
    fn the_name_is_the_callers_and_never_the_csrs() {
        let authority = Authority::temporary("cluster.local");
        let issued = authority.issue(
            &csr(&key(&rcgen::PKCS_ECDSA_P256_SHA256), &["admin.example"]),
            REVIEWS,
            None,
        );
        assert_eq!(names(&issued.unwrap().path[0]), [REVIEWS]);
    }

    #[test]
    fn the_chain_ends_with_the_root_and_verifies() {
        let authority = Authority::temporary("cluster.local");
        let issued = authority
            .issue(
                &csr(&key(&rcgen::PKCS_ECDSA_P256_SHA256), &[]),
                REVIEWS,
                None,
            )
            .unwrap();
        assert_eq!(issued.pem.len(), 2);
        let root = CertificateDer::from_pem_slice(issued.pem[1].as_bytes()).unwrap();
        assert_eq!(&root, authority.root());
        let (_, leaf) = X509Certificate::from_der(&issued.path[0]).unwrap();
        let (_, root) = X509Certificate::from_der(&root).unwrap();
        leaf.verify_signature(Some(root.public_key())).unwrap();
        assert!(!leaf.is_ca());
    }

    #[test]
    fn ec_and_rsa_keys_keep_their_own_kind() {
        let authority = Authority::temporary("cluster.local");
        let algs = [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_RSA_SHA256,
        ];
        for alg in algs {
            let key = key(alg);
            let issued = authority.issue(&csr(&key, &[]), REVIEWS, None).unwrap();
            let (_, leaf) = X509Certificate::from_der(&issued.path[0]).unwrap();
            assert_eq!(leaf.public_key().raw, key.subject_public_key_info());
        }
    }

    #[test]
    fn lifetimes_are_clamped() {
        let authority = Authority::temporary("cluster.local");
        let request = csr(&key(&rcgen::PKCS_ECDSA_P256_SHA256), &[]);
        let day = Duration::from_secs(24 * 3600);
        for (asked, lives) in [
            (None, day),
            (Some(day * 7), day * 7),
            (Some(day * 1000), day * 90),
        ] {
            let expires = authority.issue(&request, REVIEWS, asked).unwrap().expires;
            let left = expires.duration_since(SystemTime::now()).unwrap();
            assert!(
                left <= lives && left > lives - Duration::from_secs(60),
                "{asked:?} gave {left:?}"
            );
        }
    }

    #[test]
    fn a_csr_that_was_tampered_with_is_refused() {
        let authority = Authority::temporary("cluster.local");
        let mut der = CertificateSigningRequestDer::from_pem_slice(
            csr(&key(&rcgen::PKCS_ECDSA_P256_SHA256), &["a.example"]).as_bytes(),
        )
        .unwrap()
        .to_vec();
        let at = der.windows(9).position(|w| w == b"a.example").unwrap();
        der[at] = b'b';
        let pem = to_pem(&CertificateDer::from(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST");
        assert_eq!(
            authority.issue(&pem, REVIEWS, None).unwrap_err(),
            RefusedCsr::BadSignature
        );
        assert!(matches!(
            authority.issue("x", REVIEWS, None),
            Err(RefusedCsr::Malformed(_))
        ));
    }
}
