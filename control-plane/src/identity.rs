//! Who is calling: a join token or a certificate of ours, turned into a SPIFFE identity.
//!
//! Decides who somebody is, never what they may see. Comparing secrets in constant time is left to the
//! JWT and TLS libraries.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use xds_proto::node::{NodeId, NodeMetadata};
use xds_proto::spiffe::SpiffeId;

use crate::mesh::MeshFile;
use crate::token::{TokenError, TokenKey};

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Proven by token or certificate.
    Workload(SpiffeId),
    /// Anybody: only the plaintext port, which is off unless asked for, has such callers.
    Anonymous,
}

/// Turns credentials into callers.
pub(crate) struct Authenticator {
    pub(crate) tokens: TokenKey,
    pub(crate) mesh: Arc<MeshFile>,
}

/// The caller is not who it has to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unauthenticated {
    /// No credential at all.
    #[error(
        "no credential: present a client certificate of this mesh or `authorization: Bearer <join token>`"
    )]
    Missing,
    /// `authorization` is there, in another form.
    #[error("the authorization header is not of the form `Bearer <join token>`")]
    NotBearer,
    /// A bad token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A certificate without a workload identity of this mesh.
    #[error("client certificate refused: {0}")]
    Certificate(String),
    /// Names which can't be a SPIFFE id.
    #[error("the token's service account is no SPIFFE identity: {0}")]
    Identity(String),
}

impl Authenticator {
    /// The caller behind a TLS client certificate (already verified against our root) or else a bearer token.
    pub(crate) fn caller(
        &self,
        certificate: Option<&CertificateDer<'_>>,
        headers: &http::HeaderMap,
    ) -> Result<Caller, Unauthenticated> {
        if let Some(token) = bearer(headers)? {
            return self.by_token(token).map(Caller::Workload);
        }
        match certificate {
            Some(der) => self.by_certificate(der).map(Caller::Workload),
            None => Err(Unauthenticated::Missing),
        }
    }

    fn by_token(&self, token: &str) -> Result<SpiffeId, Unauthenticated> {
        let account = self.tokens.verify(token)?;
        let mesh = self.mesh.current();
        SpiffeId::new(mesh.trust_domain(), account.namespace(), account.name())
            .map_err(|e| Unauthenticated::Identity(e.to_string()))
    }

    fn by_certificate(&self, der: &CertificateDer<'_>) -> Result<SpiffeId, Unauthenticated> {
        let id = spiffe_id(der).map_err(Unauthenticated::Certificate)?;
        let mesh = self.mesh.current();
        let ours = id.trust_domain() == mesh.trust_domain()
            || mesh
                .trust_domain_aliases
                .iter()
                .any(|alias| alias == id.trust_domain());
        if ours {
            Ok(id)
        } else {
            Err(Unauthenticated::Certificate(format!(
                "{id} is of another trust domain"
            )))
        }
    }
}

impl Caller {
    /// Why this caller may not speak as the node, if so: both must agree on namespace and service account.
    pub(crate) fn refuses(&self, node: &NodeId, metadata: &NodeMetadata) -> Option<String> {
        let Self::Workload(id) = self else {
            return None;
        };
        let claims = [
            (
                "node id namespace",
                Some(node.namespace.as_str()),
                id.namespace(),
            ),
            (
                "metadata NAMESPACE",
                metadata.namespace.as_deref(),
                id.namespace(),
            ),
            (
                "metadata SERVICE_ACCOUNT",
                metadata.service_account.as_deref(),
                id.service_account(),
            ),
        ];
        let lie = claims
            .into_iter()
            .find(|(_, claim, truth)| claim.is_some_and(|c| c != *truth));
        lie.map(|(what, claim, truth)| {
            format!(
                "{what} {:?} does not match {truth:?} of caller {id}",
                claim.unwrap_or("")
            )
        })
    }
}

fn bearer(headers: &http::HeaderMap) -> Result<Option<&str>, Unauthenticated> {
    let Some(value) = headers.get(http::header::AUTHORIZATION) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Unauthenticated::NotBearer)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        Some(_) | None => Err(Unauthenticated::NotBearer),
    }
}

fn spiffe_id(der: &CertificateDer<'_>) -> Result<SpiffeId, String> {
    let (_, cert) = X509Certificate::from_der(der).map_err(|e| e.to_string())?;
    let san = cert.subject_alternative_name().map_err(|e| e.to_string())?;
    let names = san.map_or(&[][..], |san| &san.value.general_names);
    let mut uris = names.iter().filter_map(|name| {
        if let GeneralName::URI(uri) = name {
            Some(*uri)
        } else {
            None
        }
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => uri.parse::<SpiffeId>().map_err(|e| e.to_string()),
        (Some(_), Some(_)) => Err("it has more than one URI name".to_owned()),
        (None, _) => Err("it has no URI name".to_owned()),
    }
}
