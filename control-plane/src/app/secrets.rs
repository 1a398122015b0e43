//! The keys of this process: certificate authority, join tokens, TLS of the xDS port.

use std::sync::Arc;

use anyhow::Context;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::ca::{Authority, ServingCertificate};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::token::TokenKey;

/// Names that proxies dial in a cluster and on one machine.
const SERVING_NAMES: [&str; 6] = [
    "istiod.istio-system.svc",
    "istiod.istio-system",
    "istiod.istio-system.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "::1",
];

pub(super) struct Secrets {
    pub(super) authority: Arc<Authority>,
    pub(super) tokens: TokenKey,
}

impl Secrets {
    pub(super) fn open(config: &Config, trust_domain: &str) -> anyhow::Result<Self> {
        let Some(path) = &config.data_dir else {
            tracing::warn!(
                "no --data-dir: the certificate authority and the token key are temporary; after a restart every \
                 proxy needs the new root and a new token"
            );
            let authority = Arc::new(Authority::temporary(trust_domain));
            return Ok(Self {
                authority,
                tokens: TokenKey::temporary(),
            });
        };
        let dir = DataDir::open(path)?;
        Ok(Self {
            authority: Arc::new(Authority::open(&dir, trust_domain)?),
            tokens: TokenKey::open(&dir)?,
        })
    }

    /// TLS for the xDS port: our certificate, and client certificates of our authority, which may be left out.
    pub(super) fn acceptor(&self, more_names: &[String]) -> anyhow::Result<TlsAcceptor> {
        let names: Vec<String> = SERVING_NAMES
            .into_iter()
            .map(str::to_owned)
            .chain(more_names.iter().cloned())
            .collect();
        let serving = ServingCertificate::new(self.authority.clone(), &names)?;
        let mut roots = RootCertStore::empty();
        roots
            .add(self.authority.root().clone())
            .context("root-cert.pem can't be used to verify clients")?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()
                .context("cannot verify client certificates")?;
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(serving));
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(tls)))
    }
}
