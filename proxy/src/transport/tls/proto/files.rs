//! Which files a secret is made from, and how it is made from them again.

use std::path::PathBuf;

use xds_proto::pb::envoy::config::core::v3::DataSource;
use xds_proto::pb::envoy::config::core::v3::data_source::Specifier;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as pb;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::secret::Type as SecretType;

use crate::config::not_honoured::NotHonouredFields;
use crate::config::wire::Conversion;
use crate::http::route::Routes;
use crate::secret::Secrets;
use crate::secret::files::{Files, Stamp};

/// The files of a secret; `None` where it has none. To be asked before the secret is read, so that no change goes unseen.
pub(crate) fn of(secret: &pb::Secret) -> Option<Files> {
    let paths = paths(secret);
    let again = secret.clone();
    (!paths.is_empty()).then(|| Files {
        seen: Stamp::of(&paths),
        paths,
        make: Box::new(move || {
            let (secrets, routes) = (Secrets::new(), Routes::new());
            let mut cx = Conversion {
                secrets: &secrets,
                routes: &routes,
                notes: NotHonouredFields::of("secret", &again.name),
            };
            let read = super::secret(&mut cx, again.clone());
            read.map(|(_, secret)| secret)
                .map_err(|error| error.to_string())
        }),
    })
}

/// A certificate that stands in a TLS context itself.
pub(super) fn inline_certificate(certificate: &pb::TlsCertificate) -> Option<Files> {
    inline(SecretType::TlsCertificate(certificate.clone()))
}

/// A validation context that stands in a TLS context itself.
pub(super) fn inline_validation(context: &pb::CertificateValidationContext) -> Option<Files> {
    inline(SecretType::ValidationContext(context.clone()))
}

fn inline(r#type: SecretType) -> Option<Files> {
    of(&pb::Secret {
        name: "inline".to_owned(),
        r#type: Some(r#type),
    })
}

fn paths(secret: &pb::Secret) -> Vec<PathBuf> {
    let sources = match &secret.r#type {
        Some(SecretType::TlsCertificate(certificate)) => {
            [&certificate.certificate_chain, &certificate.private_key]
        }
        Some(SecretType::ValidationContext(context)) => [&context.trusted_ca, &context.crl],
        Some(SecretType::SessionTicketKeys(_) | SecretType::GenericSecret(_)) | None => {
            return Vec::new();
        }
    };
    let sources = sources.into_iter().flatten();
    sources.filter_map(path).collect()
}

fn path(source: &DataSource) -> Option<PathBuf> {
    match &source.specifier {
        Some(Specifier::Filename(file)) => Some(file.into()),
        Some(
            Specifier::InlineBytes(_)
            | Specifier::InlineString(_)
            | Specifier::EnvironmentVariable(_),
        )
        | None => None,
    }
}
