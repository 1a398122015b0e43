//! Who this workload is: its key, made here and never leaving, and the certificates that the authority signs for it,
//! renewed at half life. It writes the secrets `default` and `ROOTCA`; who uses them it refuses to know.
//!
//! Source: Istio, *Security concepts* (identity and certificate management), `istio.v1.auth`; RFC 2986 (requests).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};
use tracing::{info, warn};
use xds_proto::istio::auth::IstioCertificateRequest;
use xds_proto::istio::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use xds_proto::name::{ROOT_SECRET, WORKLOAD_SECRET};
use xds_proto::spiffe::SpiffeId;

use crate::cluster::Clusters;
use crate::config::sidecar::{CA_CLUSTER, CaConfig};
use crate::grpc;
use crate::secret::{Certificate, InvalidSecret, Secret, Secrets, TrustRoots, ValidationContext};

pub mod sds;

/// Waits between attempts while there is no certificate, doubled each time up to the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long the authority may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Keeps the workload's certificate fresh.
#[derive(Debug)]
pub struct Identity {
    config: CaConfig,
    id: SpiffeId,
    clusters: Arc<Clusters>,
    secrets: Arc<Secrets>,
}

/// Why there is no new certificate; the old one stays in use.
#[derive(Debug, thiserror::Error)]
enum NotSigned {
    #[error(
        "cannot read the token {path}: {source}; mount a service account token with audience istio-ca there"
    )]
    Token {
        path: String,
        source: std::io::Error,
    },
    #[error("the token {path} is not text that a request header can carry")]
    TokenText { path: String },
    #[error(transparent)]
    Connect(#[from] grpc::ConnectError),
    #[error("the authority refused: {} {}", .0.code(), .0.message())]
    Refused(#[from] Status),
    #[error(
        "the authority's answer has {0} certificates; a chain has at least the workload's and the root"
    )]
    ShortChain(usize),
    #[error("the authority's answer: {0}")]
    Invalid(#[from] InvalidSecret),
    #[error("the authority gave no answer within {ANSWER:?}")]
    Silent,
    #[error("the signing request: {0}")]
    Request(#[from] rcgen::Error),
}

impl Identity {
    /// An identity that has no certificate yet.
    pub fn new(
        config: CaConfig,
        id: SpiffeId,
        clusters: Arc<Clusters>,
        secrets: Arc<Secrets>,
    ) -> Self {
        Self {
            config,
            id,
            clusters,
            secrets,
        }
    }

    /// Asks for certificates for as long as the process runs.
    pub async fn run(self) {
        let mut wait = RETRY.0;
        loop {
            match self.sign().await {
                Ok(certificate) => {
                    wait = RETRY.0;
                    let renewal = until_renewal(certificate.not_before(), certificate.not_after());
                    info!(
                        "identity: certificate for {} is in use, renewed in {} s",
                        self.id,
                        renewal.as_secs()
                    );
                    tokio::time::sleep(renewal).await;
                }
                Err(error) => {
                    warn!(
                        "identity: no certificate for {}: {error}; next try in {} ms",
                        self.id,
                        wait.as_millis()
                    );
                    tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    wait = (wait * 2).min(RETRY.1);
                }
            }
        }
    }

    async fn sign(&self) -> Result<Arc<Certificate>, NotSigned> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let answer = tokio::time::timeout(ANSWER, self.ask(signing_request(&self.id, &key)?));
        let chain = answer.await.map_err(|_| NotSigned::Silent)??;
        let (roots, certificates) = chain
            .split_last()
            .filter(|(_, rest)| !rest.is_empty())
            .ok_or(NotSigned::ShortChain(chain.len()))?;
        let certificates = certificates
            .iter()
            .map(|pem| read_chain(pem))
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|error| InvalidSecret::Key(error.to_owned()))?;
        let certificate = Arc::new(Certificate::new(certificates, key)?);
        let roots = ValidationContext::trusting(TrustRoots::from_pem(roots.as_bytes())?);
        self.secrets
            .apply(ROOT_SECRET, Secret::Validation(Arc::new(roots)));
        self.secrets
            .apply(WORKLOAD_SECRET, Secret::Certificate(certificate.clone()));
        Ok(certificate)
    }

    async fn ask(&self, csr: String) -> Result<Vec<String>, NotSigned> {
        let (channel, origin) =
            grpc::connect(&self.clusters, CA_CLUSTER, &self.config.server_name).await?;
        let mut client = IstioCertificateServiceClient::with_origin(channel, origin);
        let validity_duration = i64::try_from(self.config.ttl.as_secs()).unwrap_or(i64::MAX);
        let mut request = tonic::Request::new(IstioCertificateRequest {
            csr,
            validity_duration,
            metadata: None,
        });
        request
            .metadata_mut()
            .insert("authorization", self.token()?);
        if let Ok(cluster) = self.config.cluster_id.parse() {
            request.metadata_mut().insert("clusterid", cluster);
        }
        Ok(client
            .create_certificate(request)
            .await?
            .into_inner()
            .cert_chain)
    }

    fn token(&self) -> Result<MetadataValue<Ascii>, NotSigned> {
        let path = || self.config.token.display().to_string();
        let token =
            std::fs::read_to_string(&self.config.token).map_err(|source| NotSigned::Token {
                path: path(),
                source,
            })?;
        format!("Bearer {}", token.trim())
            .parse()
            .map_err(|_| NotSigned::TokenText { path: path() })
    }
}

/// A PKCS#10 request for a SPIFFE id, in PEM. The authority takes the name from the caller's token, not from here.
fn signing_request(id: &SpiffeId, key: &KeyPair) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.subject_alt_names = vec![SanType::URI(id.to_string().try_into()?)];
    params.serialize_request(key)?.pem()
}

fn read_chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, InvalidSecret> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| InvalidSecret::Chain(error.to_string()))
}

/// Half of the validity that is left, with a tenth of jitter, so that a fleet does not renew in step.
fn until_renewal(not_before: SystemTime, not_after: SystemTime) -> Duration {
    let life = not_after.duration_since(not_before).unwrap_or_default();
    let left = not_after
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    left.saturating_sub(life / 2)
        .mul_f64(1.0 - fastrand::f64() / 10.0)
        .max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_renewed_around_half_life_and_never_in_a_tight_loop() {
        let now = SystemTime::now();
        let day = Duration::from_secs(24 * 3600);
        let wait = until_renewal(now, now + day);
        assert!(wait <= day / 2 && wait >= day * 4 / 10, "{wait:?}");
        assert_eq!(until_renewal(now - day, now), Duration::from_secs(1));
    }

    #[test]
    fn the_request_names_the_workload_and_is_signed_by_its_key() {
        let id = SpiffeId::new("cluster.local", "shop", "cart").unwrap();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let request = signing_request(&id, &key).unwrap();
        let parsed = rcgen::CertificateSigningRequestParams::from_pem(&request).unwrap();
        assert_eq!(
            parsed.params.subject_alt_names,
            [SanType::URI(id.to_string().try_into().unwrap())]
        );
    }
}
