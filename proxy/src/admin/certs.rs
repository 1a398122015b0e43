//! `/certs`: certificates and trust roots in use.

use std::time::SystemTime;

use http::StatusCode;
use xds_proto::pb::envoy::admin::v3::subject_alternate_name::Name;
use xds_proto::pb::envoy::admin::v3::{self as pb, Certificates, SubjectAlternateName};

use super::{Reply, json};
use crate::secret::{Certificate, Secret, Secrets};

pub(super) fn respond(secrets: &Secrets) -> Reply {
    let mut certificates = Vec::new();
    for cell in secrets.all() {
        match cell.get() {
            Some(Secret::Certificate(certificate)) => certificates.push(pb::Certificate {
                cert_chain: vec![details(cell.name(), &certificate)],
                ..Default::default()
            }),
            Some(Secret::Validation(validation)) if validation.roots.is_some() => certificates
                .push(pb::Certificate {
                    ca_cert: vec![pb::CertificateDetails {
                        path: format!("<inline: {}>", cell.name()),
                        ..Default::default()
                    }],
                    ..Default::default()
                }),
            Some(Secret::Validation(_)) | None => {}
        }
    }
    match json::print(&Certificates { certificates }) {
        Ok(text) => Reply::json(text),
        Err(error) => Reply::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn details(name: &str, certificate: &Certificate) -> pb::CertificateDetails {
    let names = certificate
        .uri_names()
        .map(|uri| Name::Uri(uri.to_owned()))
        .chain(certificate.dns_names().map(|dns| Name::Dns(dns.to_owned())));
    let left = certificate
        .not_after()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    pb::CertificateDetails {
        path: format!("<inline: {name}>"),
        serial_number: certificate.serial().to_owned(),
        subject_alt_names: names
            .map(|name| SubjectAlternateName { name: Some(name) })
            .collect(),
        days_until_expiration: left.as_secs() / (24 * 3600),
        valid_from: Some(json::timestamp(certificate.not_before())),
        expiration_time: Some(json::timestamp(certificate.not_after())),
        ..Default::default()
    }
}
