//! The mesh's certificate authority: one P-256 key that vouches for workloads and for our own xDS port.
//!
//! Key and certificates come from files in the layout of Istio's `cacerts` secret ([`files`]), so an
//! authority made elsewhere (an intermediate under a company root) can be dropped in. The identity in a
//! certificate is always the caller's proven one; what a CSR asks for besides its key is ignored.

pub(crate) mod files;
mod issue;
pub(crate) mod service;
mod serving;

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::data_dir::DataDirError;
pub(crate) use issue::RefusedCsr;
pub(crate) use serving::ServingCertificate;

/// How long a generated root lives.
const ROOT_TTL: Duration = Duration::from_secs(3650 * 24 * 3600);
/// Certificates start this long before now, so that a proxy whose clock is behind accepts them.
const BACKDATE: Duration = Duration::from_secs(120);

/// A certificate authority ready to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// From the signing certificate up to, without, the root; empty for a self-signed authority.
    intermediates: Vec<CertificateDer<'static>>,
    root: CertificateDer<'static>,
    root_pem: String,
    expires: SystemTime,
}

/// The authority's files do not make an authority.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthority {
    /// A file can't be read or written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Some of the four files are there and some are not.
    #[error(
        "the certificate authority in {dir} is incomplete: {missing} is missing beside {present}; restore it, or move the others away to start a new authority (every proxy must then get the new root)"
    )]
    Incomplete {
        /// The directory.
        dir: String,
        /// The absent file.
        missing: &'static str,
        /// A file that is there.
        present: &'static str,
    },
    /// A file holds something else than it should.
    #[error(
        "{file}: {reason}; restore it from a backup, a broken authority is never replaced by a new one"
    )]
    Broken {
        /// Path of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The PEM texts of an authority, named as Istio names the files.
pub(crate) struct Material {
    pub(crate) ca_cert: String,
    pub(crate) ca_key: String,
    pub(crate) root_cert: String,
    pub(crate) cert_chain: String,
}

/// One of the four texts is unusable.
pub(crate) struct BrokenMaterial {
    pub(crate) file: &'static str,
    pub(crate) reason: String,
}

impl Authority {
    /// An authority that is gone when the process ends.
    pub fn temporary(trust_domain: &str) -> Self {
        match Self::from_material(&generate(trust_domain)) {
            Ok(authority) => authority,
            Err(e) => unreachable!("a generated authority loads: {} {}", e.file, e.reason),
        }
    }

    /// The root certificate that proxies must trust, as PEM.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The root certificate that proxies must trust, as DER.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    pub(crate) fn from_material(material: &Material) -> Result<Self, BrokenMaterial> {
        let key =
            KeyPair::from_pem(&material.ca_key).map_err(|e| broken(files::KEY, e.to_string()))?;
        let cert = single(files::CERT, &material.ca_cert)?;
        let root = roots(&material.root_cert)?;
        let expires = check_signer(&cert, &key)?;
        let intermediates = check_chain(&cert, &material.cert_chain, &root)?;
        let issuer =
            Issuer::from_ca_cert_der(&cert, key).map_err(|e| broken(files::CERT, e.to_string()))?;
        Ok(Self {
            issuer,
            intermediates,
            root,
            root_pem: material.root_cert.clone(),
            expires,
        })
    }
}

/// A self-signed root: P-256, ten years.
pub(crate) fn generate(trust_domain: &str) -> Material {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
        .expect("P-256 keys can always be generated");
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, trust_domain);
    params
        .distinguished_name
        .push(DnType::CommonName, "Tulle mesh root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + ROOT_TTL).into();
    let cert = params
        .self_signed(&key)
        .expect("these parameters can be signed by a P-256 key")
        .pem();
    Material {
        ca_key: key.serialize_pem(),
        root_cert: cert.clone(),
        cert_chain: cert.clone(),
        ca_cert: cert,
    }
}

fn broken(file: &'static str, reason: impl Into<String>) -> BrokenMaterial {
    BrokenMaterial {
        file,
        reason: reason.into(),
    }
}

fn all(file: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, BrokenMaterial> {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let certs = certs.map_err(|e| broken(file, format!("not PEM: {e}")))?;
    if certs.is_empty() {
        return Err(broken(file, "holds no certificate"));
    }
    Ok(certs)
}

fn single(file: &'static str, pem: &str) -> Result<CertificateDer<'static>, BrokenMaterial> {
    Ok(all(file, pem)?.swap_remove(0))
}

fn roots(pem: &str) -> Result<CertificateDer<'static>, BrokenMaterial> {
    let root = single(files::ROOT, pem)?;
    parse(files::ROOT, &root)?;
    Ok(root)
}

fn parse<'a>(
    file: &'static str,
    der: &'a CertificateDer<'_>,
) -> Result<X509Certificate<'a>, BrokenMaterial> {
    X509Certificate::from_der(der)
        .map(|(_, cert)| cert)
        .map_err(|e| broken(file, format!("not a certificate: {e}")))
}

/// The signing certificate must belong to the key, may sign certificates and is in date.
fn check_signer(cert: &CertificateDer<'_>, key: &KeyPair) -> Result<SystemTime, BrokenMaterial> {
    let parsed = parse(files::CERT, cert)?;
    if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
        return Err(broken(
            files::CERT,
            format!("does not belong to {}", files::KEY),
        ));
    }
    if !parsed.is_ca() {
        return Err(broken(files::CERT, "is not a CA certificate"));
    }
    if !parsed.validity().is_valid() {
        return Err(broken(
            files::CERT,
            format!("is not valid now but until {}", parsed.validity().not_after),
        ));
    }
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Each certificate is signed by the next and the last by the root. Returns the path without the root.
fn check_chain(
    cert: &CertificateDer<'static>,
    chain_pem: &str,
    root: &CertificateDer<'static>,
) -> Result<Vec<CertificateDer<'static>>, BrokenMaterial> {
    let mut path = vec![cert.clone()];
    path.extend(all(files::CHAIN, chain_pem)?);
    path.dedup();
    if path.last() == Some(root) {
        path.pop();
    }
    let issuers = path.iter().skip(1).chain([root]);
    for (subject, issuer) in path.iter().zip(issuers) {
        let subject = parse(files::CHAIN, subject)?;
        let issuer = parse(files::CHAIN, issuer)?;
        subject
            .verify_signature(Some(issuer.public_key()))
            .map_err(|_| {
                broken(
                    files::CHAIN,
                    format!(
                        "{} is not signed by {}",
                        subject.subject(),
                        issuer.subject()
                    ),
                )
            })?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_authority_loads_and_has_no_intermediates() {
        let authority = Authority::temporary("cluster.local");
        assert!(authority.intermediates.is_empty());
        assert!(authority.expires > SystemTime::now() + Duration::from_secs(3000 * 24 * 3600));
    }

    #[test]
    fn a_key_of_another_authority_is_refused() {
        let material = Material {
            ca_key: generate("a").ca_key,
            ..generate("a")
        };
        let error = Authority::from_material(&material).err().unwrap();
        assert_eq!(error.file, files::CERT);
    }

    #[test]
    fn a_root_that_did_not_sign_the_chain_is_refused() {
        let material = Material {
            root_cert: generate("a").root_cert,
            ..generate("a")
        };
        assert_eq!(
            Authority::from_material(&material).err().unwrap().file,
            files::CHAIN
        );
    }

    #[test]
    fn an_intermediate_under_a_foreign_root_is_used_with_its_path() {
        let (material, root) = intermediate();
        let authority = Authority::from_material(&material).ok().unwrap();
        assert_eq!(authority.intermediates.len(), 1);
        assert_eq!(authority.root_pem(), root);
    }

    fn intermediate() -> (Material, String) {
        let root = generate("company");
        let root_key = KeyPair::from_pem(&root.ca_key).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&root.ca_cert, root_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "mesh intermediate");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let cert = params.signed_by(&key, &issuer).unwrap().pem();
        let cert_chain = format!("{cert}{}", root.ca_cert);
        let material = Material {
            ca_cert: cert,
            ca_key: key.serialize_pem(),
            root_cert: root.root_cert.clone(),
            cert_chain,
        };
        (material, root.root_cert)
    }
}
