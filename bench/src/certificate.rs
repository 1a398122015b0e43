//! The mesh's certificates for one comparison: a root, and one identity that both sidecars share.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SanType,
};

/// Who both sidecars are.
pub(crate) const IDENTITY: &str = "spiffe://cluster.local/ns/default/sa/bench";
/// The same for those who know host names only.
pub(crate) const HOST: &str = "bench.example";

/// The kind of the workloads' keys; the root's is always P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    P256,
    Rsa2048,
}

/// Files in PEM.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) root: PathBuf,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Chain and key in one file.
    pub(crate) both: PathBuf,
}

impl Certificate {
    /// Makes a root and a certificate in `folder`.
    pub(crate) fn make(key: Key, folder: &Path) -> anyhow::Result<Certificate> {
        let root_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let root = root_params()?.self_signed(&root_key)?;
        let issuer = Issuer::new(root_params()?, root_key);
        let own_key = KeyPair::generate_for(match key {
            Key::P256 => &PKCS_ECDSA_P256_SHA256,
            Key::Rsa2048 => &PKCS_RSA_SHA256,
        })?;
        let own = workload()?.signed_by(&own_key, &issuer)?;
        let name = match key {
            Key::P256 => "p256",
            Key::Rsa2048 => "rsa",
        };
        let write = |what: &str, text: String| {
            let path = folder.join(format!("{name}-{what}.pem"));
            private(&path)?.write_all(text.as_bytes())?;
            anyhow::Ok(path)
        };
        let (chain, key) = (own.pem(), own_key.serialize_pem());
        Ok(Certificate {
            root: write("root", root.pem())?,
            both: write("both", format!("{chain}{key}"))?,
            chain: write("chain", chain)?,
            key: write("key", key)?,
        })
    }
}

/// A file that only we can read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn root_params() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "bench root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    Ok(params)
}

fn workload() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![HOST.to_owned()])?;
    params
        .subject_alt_names
        .push(SanType::URI(IDENTITY.try_into()?));
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params)
}
