//! One element of `x-forwarded-client-cert`. Source: Envoy "HTTP header manipulation", that header.

use std::fmt::Write as _;

use super::config::ClientCertDetails;
use crate::transport::PeerIdentity;

/// The element for the client's certificate, shown to us as `own`.
pub(crate) fn element(
    peer: &PeerIdentity,
    own: Option<&str>,
    details: ClientCertDetails,
) -> String {
    let mut out = String::new();
    if let Some(own) = own {
        let _ = write!(out, "By={own};");
    }
    let _ = write!(out, "Hash={}", peer.hash());
    if details.cert {
        let _ = write!(out, ";Cert=\"{}\"", peer.url_encoded_pem());
    }
    if details.subject {
        let _ = write!(out, ";Subject=\"{}\"", peer.subject().replace('"', "\\\""));
    }
    if details.uri {
        for uri in peer.uri_names() {
            let _ = write!(out, ";URI={uri}");
        }
    }
    if details.dns {
        for name in peer.dns_names() {
            let _ = write!(out, ";DNS={name}");
        }
    }
    out
}
