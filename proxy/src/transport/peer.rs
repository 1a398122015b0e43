//! Who the other side of a TLS connection proved to be: the facts of its certificate that policy, access logs and
//! `x-forwarded-client-cert` ask for. Nothing here decides whether to believe it; the verifier did.

use super::tls::certificate::{Names, NotACertificate, Parsed};
use aws_lc_rs::digest;
use base64::Engine as _;
use rustls_pki_types::CertificateDer;
use std::cell::OnceCell;
use std::fmt::Write as _;

/// The certificate the other side presented, and what it says.
#[derive(Debug)]
pub struct PeerIdentity {
    certificate: CertificateDer<'static>,
    names: Names,
    subject: OnceCell<String>,
    hash: OnceCell<String>,
    pem: OnceCell<String>,
}

impl PeerIdentity {
    /// Reads the leaf certificate of a peer.
    ///
    /// # Errors
    /// If the bytes are no certificate.
    pub fn of(certificate: CertificateDer<'static>) -> Result<Self, NotACertificate> {
        let names = Parsed::from_der(&certificate)?.names()?;
        Ok(Self {
            certificate,
            names,
            subject: OnceCell::new(),
            hash: OnceCell::new(),
            pem: OnceCell::new(),
        })
    }

    /// The SPIFFE identity, `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`: the first URI name of that scheme.
    pub fn spiffe_id(&self) -> Option<&str> {
        self.names.spiffe_id()
    }

    /// URI alternative names in the order of the certificate.
    pub fn uri_names(&self) -> impl Iterator<Item = &str> {
        self.names.uris.iter().map(AsRef::as_ref)
    }

    /// DNS alternative names in the order of the certificate.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.names.dns.iter().map(AsRef::as_ref)
    }

    /// The subject in RFC 2253 form, most specific part first; often empty for workloads.
    pub fn subject(&self) -> &str {
        self.subject.get_or_init(|| {
            Parsed::from_der(&self.certificate).map_or_else(|_| String::new(), |p| p.subject())
        })
    }

    /// SHA-256 of the certificate in lower-case hexadecimal.
    pub fn hash(&self) -> &str {
        self.hash.get_or_init(|| {
            let digest = digest::digest(&digest::SHA256, &self.certificate);
            digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        })
    }

    /// The certificate in PEM, URL-encoded as `x-forwarded-client-cert` wants it.
    pub fn url_encoded_pem(&self) -> &str {
        self.pem
            .get_or_init(|| url_encode(&pem("CERTIFICATE", &self.certificate)))
    }

    /// The certificate as it came.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }
}

/// One PEM block with lines of 64 characters (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out + "-----END " + label + "-----\n"
}

/// Percent-encodes everything but the unreserved characters of RFC 3986 section 2.3.
fn url_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}
