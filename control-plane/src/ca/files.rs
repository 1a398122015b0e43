//! The authority on disk, in the layout of Istio's `cacerts` secret.

use crate::data_dir::DataDir;

use super::{Authority, BrokenMaterial, InvalidAuthority, Material, generate};

/// The signing certificate.
pub(crate) const CERT: &str = "ca-cert.pem";
/// The signing key.
pub(crate) const KEY: &str = "ca-key.pem";
/// The root that proxies trust.
pub(crate) const ROOT: &str = "root-cert.pem";
/// From the signing certificate to the root.
pub(crate) const CHAIN: &str = "cert-chain.pem";

impl Authority {
    /// Loads the authority of `dir`, making one named after `trust_domain` when the directory has none of its files.
    pub fn open(dir: &DataDir, trust_domain: &str) -> Result<Self, InvalidAuthority> {
        let found = [
            read(dir, KEY)?,
            read(dir, CERT)?,
            read(dir, ROOT)?,
            read(dir, CHAIN)?,
        ];
        let material = match found {
            [None, None, None, None] => create(dir, trust_domain)?,
            [
                Some(ca_key),
                Some(ca_cert),
                Some(root_cert),
                Some(cert_chain),
            ] => Material {
                ca_cert,
                ca_key,
                root_cert,
                cert_chain,
            },
            partial => return Err(incomplete(dir, &partial)),
        };
        if dir.is_exposed(KEY) {
            tracing::warn!(
                "{} can be read by others; run chmod 600 on it",
                dir.path_of(KEY).display()
            );
        }
        Self::from_material(&material).map_err(|e| named(dir, e))
    }
}

fn read(dir: &DataDir, name: &str) -> Result<Option<String>, InvalidAuthority> {
    Ok(dir.read(name)?)
}

/// The key goes first: a crash in between leaves an incomplete authority, which the next start names.
fn create(dir: &DataDir, trust_domain: &str) -> Result<Material, InvalidAuthority> {
    let fresh = generate(trust_domain);
    let ca_key = dir.create_or_read(KEY, &fresh.ca_key)?;
    let ca_cert = dir.create_or_read(CERT, &fresh.ca_cert)?;
    let cert_chain = dir.create_or_read(CHAIN, &fresh.cert_chain)?;
    let root_cert = dir.create_or_read(ROOT, &fresh.root_cert)?;
    tracing::info!(
        "made a new certificate authority in {}",
        dir.path_of("").display()
    );
    Ok(Material {
        ca_cert,
        ca_key,
        root_cert,
        cert_chain,
    })
}

fn incomplete(dir: &DataDir, found: &[Option<String>; 4]) -> InvalidAuthority {
    let names = [KEY, CERT, ROOT, CHAIN];
    let first = |wanted: bool| {
        names
            .iter()
            .zip(found)
            .find(|(_, text)| text.is_some() == wanted)
            .map_or("", |(n, _)| n)
    };
    InvalidAuthority::Incomplete {
        dir: dir.path_of("").display().to_string(),
        missing: first(false),
        present: first(true),
    }
}

fn named(dir: &DataDir, error: BrokenMaterial) -> InvalidAuthority {
    InvalidAuthority::Broken {
        file: dir.path_of(error.file).display().to_string(),
        reason: error.reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, DataDir) {
        let tmp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(tmp.path()).unwrap();
        (tmp, dir)
    }

    #[test]
    fn the_authority_is_kept_over_restarts_in_private_files() {
        let (_tmp, dir) = dir();
        let first = Authority::open(&dir, "cluster.local").unwrap();
        let second = Authority::open(&dir, "cluster.local").unwrap();
        assert_eq!(first.root_pem(), second.root_pem());
        for name in [KEY, CERT, ROOT, CHAIN] {
            assert!(
                dir.read(name).unwrap().is_some() && !dir.is_exposed(name),
                "{name}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_named_and_nothing_is_regenerated() {
        let (_tmp, dir) = dir();
        Authority::open(&dir, "cluster.local").unwrap();
        std::fs::remove_file(dir.path_of(KEY)).unwrap();
        let error = Authority::open(&dir, "cluster.local")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("ca-key.pem is missing"), "{error}");
        assert_eq!(dir.read(KEY).unwrap(), None);
    }

    #[test]
    fn a_broken_file_is_named_and_kept() {
        for name in [KEY, CERT, ROOT, CHAIN] {
            let (_tmp, dir) = dir();
            Authority::open(&dir, "cluster.local").unwrap();
            std::fs::write(dir.path_of(name), "garbage").unwrap();
            let error = Authority::open(&dir, "cluster.local")
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(name), "{name}: {error}");
            assert_eq!(dir.read(name).unwrap().unwrap(), "garbage");
        }
    }
}
