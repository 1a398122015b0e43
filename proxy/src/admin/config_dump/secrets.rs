//! The secrets part of the dump. Private keys are never shown, as in Envoy.

use xds_proto::pb::envoy::admin::v3::SecretsConfigDump;
use xds_proto::pb::envoy::admin::v3::secrets_config_dump::DynamicSecret;
use xds_proto::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as pb;
use xds_proto::resource::{ResourceKind, pack_any};

use super::resources::Shown;
use crate::admin::{AdminState, json};
use crate::secret::{Secret, SecretCell};

pub(super) fn dump(state: &AdminState, wanted: &dyn Fn(&str) -> bool) -> SecretsConfigDump {
    let mut dump = SecretsConfigDump::default();
    for cell in state
        .secrets
        .all()
        .iter()
        .filter(|cell| wanted(cell.name()))
    {
        let resource = state.xds.resource(ResourceKind::Secret, cell.name());
        let shown = resource.filter(|resource| resource.error.is_some());
        let shown = shown.map(Shown::of);
        let secret = DynamicSecret {
            name: cell.name().to_string(),
            version_info: "uninitialized".to_owned(),
            last_updated: cell.since().map(json::timestamp),
            client_status: shown.as_ref().map_or(0, |shown| shown.status),
            error_state: shown.and_then(|shown| shown.error),
            ..Default::default()
        };
        match cell.get() {
            None => dump.dynamic_warming_secrets.push(secret),
            Some(value) => dump.dynamic_active_secrets.push(DynamicSecret {
                version_info: value_version(&value),
                secret: Some(pack_any(&message(cell, &value))),
                ..secret
            }),
        }
    }
    dump
}

fn value_version(secret: &Secret) -> String {
    match secret {
        Secret::Certificate(certificate) => certificate.serial().to_owned(),
        Secret::Validation(_) => "current".to_owned(),
    }
}

fn message(cell: &SecretCell, secret: &Secret) -> pb::Secret {
    let r#type = match secret {
        Secret::Certificate(certificate) => pb::secret::Type::TlsCertificate(pb::TlsCertificate {
            certificate_chain: inline(certificate.chain_pem()),
            private_key: Some(DataSource {
                specifier: Some(Specifier::InlineString("[redacted]".to_owned())),
                ..Default::default()
            }),
            ..Default::default()
        }),
        Secret::Validation(validation) => {
            pb::secret::Type::ValidationContext(pb::CertificateValidationContext {
                trusted_ca: validation
                    .roots
                    .as_ref()
                    .and_then(|roots| inline(roots.pem())),
                ..Default::default()
            })
        }
    };
    pb::Secret {
        name: cell.name().to_string(),
        r#type: Some(r#type),
    }
}

fn inline(pem: String) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(Specifier::InlineBytes(pem.into_bytes())),
        ..Default::default()
    })
}
