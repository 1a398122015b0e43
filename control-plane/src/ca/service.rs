//! `istio.v1.auth.IstioCertificateService`: a CSR in, a chain out, for callers who proved who they are.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tonic::Status;
use tower::ServiceExt;
use xds_proto::istio::auth::istio_certificate_service_server::{
    IstioCertificateService, IstioCertificateServiceServer,
};
use xds_proto::istio::auth::{IstioCertificateRequest, IstioCertificateResponse};
use xds_proto::spiffe::SpiffeId;

use crate::identity::Caller;

use super::Authority;

/// Far more than an RSA-4096 request with long names.
const MAX_REQUEST: usize = 64 << 10;

/// The gRPC face of an [`Authority`].
#[derive(Clone)]
pub(crate) struct CertificateService {
    server: IstioCertificateServiceServer<Signer>,
}

struct Signer {
    authority: Arc<Authority>,
}

impl CertificateService {
    /// Signs with `authority`.
    pub(crate) fn new(authority: Arc<Authority>) -> Self {
        let server = IstioCertificateServiceServer::new(Signer { authority });
        Self {
            server: server.max_decoding_message_size(MAX_REQUEST),
        }
    }

    /// Answers one call of `caller`.
    pub(crate) async fn call(
        &self,
        caller: Caller,
        mut request: Request<Incoming>,
    ) -> Response<tonic::body::Body> {
        request.extensions_mut().insert(caller);
        match self.server.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

#[tonic::async_trait]
impl IstioCertificateService for Signer {
    async fn create_certificate(
        &self,
        request: tonic::Request<IstioCertificateRequest>,
    ) -> Result<tonic::Response<IstioCertificateResponse>, Status> {
        crate::metrics::csr_received();
        let id = match request.extensions().get::<Caller>() {
            Some(Caller::Workload(id)) => id.clone(),
            Some(Caller::Anonymous) | None => return Err(nobody()),
        };
        let message = request.into_inner();
        self.sign(&id, &message).map(tonic::Response::new)
    }
}

impl Signer {
    fn sign(
        &self,
        id: &SpiffeId,
        request: &IstioCertificateRequest,
    ) -> Result<IstioCertificateResponse, Status> {
        let ttl = u64::try_from(request.validity_duration)
            .ok()
            .filter(|s| *s > 0)
            .map(Duration::from_secs);
        let issued = self
            .authority
            .issue(&request.csr, &id.to_string(), ttl)
            .map_err(|e| {
                tracing::warn!(%id, "certificate refused: {e}");
                crate::metrics::csr_refused();
                Status::invalid_argument(e.to_string())
            })?;
        tracing::info!(%id, "certificate issued");
        crate::metrics::certificate_issued();
        Ok(IstioCertificateResponse {
            cert_chain: issued.pem,
        })
    }
}

fn nobody() -> Status {
    Status::unauthenticated(
        "certificates are for proven workloads only: send `authorization: Bearer <join token>`",
    )
}
