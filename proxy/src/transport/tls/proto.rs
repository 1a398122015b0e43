//! TLS contexts from Envoy's `extensions.transport_sockets.tls.v3` messages.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

pub(crate) mod files;
mod params;
mod validation;

use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::transport_socket::ConfigType;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as pb;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::secret::Type as SecretType;
use xds_proto::pb::google::protobuf::Any;

use super::config::{ClientTls, ServerTls, TlsConfig};
use super::{ClientContext, ServerContext, Validation};
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::source::Source;
use crate::config::wire::{
    Conversion, Read, at, bad, data, each, flag, refuse_if, refused, required, type_name, unpack,
};
use crate::secret::{Certificate, Secret, SecretCell};
use crate::transport::{DownstreamTransport, UpstreamTransport};

const RAW: &str = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
const CLIENT: &str = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const SERVER: &str = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

/// The transport of a filter chain; an absent socket is plain.
pub(crate) fn downstream(
    cx: &mut Conversion<'_>,
    socket: Option<core::TransportSocket>,
) -> Read<DownstreamTransport> {
    let Some(any) = typed(socket)? else {
        return Ok(DownstreamTransport::Plain);
    };
    match type_name(&any) {
        RAW => Ok(DownstreamTransport::Plain),
        SERVER => {
            let context = server(cx, unpack(&any)?).map_err(at("typed_config"))?;
            let context = ServerContext::new(context).map_err(bad("typed_config"))?;
            Ok(DownstreamTransport::Tls(Arc::new(context)))
        }
        other => Err(unknown(other)),
    }
}

/// The transport of a cluster; an absent socket is plain.
pub(crate) fn upstream(
    cx: &mut Conversion<'_>,
    socket: Option<core::TransportSocket>,
) -> Read<UpstreamTransport> {
    let Some(any) = typed(socket)? else {
        return Ok(UpstreamTransport::Plain);
    };
    match type_name(&any) {
        RAW => Ok(UpstreamTransport::Plain),
        CLIENT => {
            let context = client(cx, unpack(&any)?).map_err(at("typed_config"))?;
            let context = ClientContext::new(context).map_err(bad("typed_config"))?;
            Ok(UpstreamTransport::Tls(Arc::new(context)))
        }
        other => Err(unknown(other)),
    }
}

fn unknown(name: &str) -> InvalidField {
    InvalidField::new(
        "typed_config",
        format_args!("transport {name} is not supported; use raw_buffer or tls"),
    )
}

fn typed(socket: Option<core::TransportSocket>) -> Read<Option<Any>> {
    let Some(core::TransportSocket { name, config_type }) = socket else {
        return Ok(None);
    };
    match config_type {
        Some(ConfigType::TypedConfig(any)) => Ok(Some(any)),
        None if name == "envoy.transport_sockets.raw_buffer" => Ok(None),
        None => Err(InvalidField::new("typed_config", "is required")),
    }
}

fn server(cx: &mut Conversion<'_>, context: pb::DownstreamTlsContext) -> Read<ServerTls> {
    let pb::DownstreamTlsContext {
        common_tls_context,
        require_client_certificate,
        require_sni,
        disable_stateful_session_resumption: _, // no session is ever resumed, see `ServerContext`
        session_timeout: _,                     // as above
        ocsp_staple_policy,
        full_scan_certs_on_sni_mismatch,
        prefer_client_ciphers,
        session_ticket_keys_type: _, // no session is ever resumed
    } = context;
    refuse_if(
        flag(require_sni) == Some(true),
        "require_sni",
        "is not supported; match server_names instead",
    )?;
    refuse_if(
        ocsp_staple_policy != 0,
        "ocsp_staple_policy",
        "OCSP stapling is not supported",
    )?;
    let no_scan = flag(full_scan_certs_on_sni_mismatch) == Some(false);
    cx.notes.note(
        "full_scan_certs_on_sni_mismatch",
        &no_scan,
        "all certificates are looked at",
    );
    named!(cx.notes, "", {
        prefer_client_ciphers => "the server's order counts",
    });
    let common = common(cx, required("common_tls_context", common_tls_context)?)
        .map_err(at("common_tls_context"))?;
    Ok(ServerTls {
        common,
        require_client_certificate: flag(require_client_certificate).unwrap_or(false),
    })
}

fn client(cx: &mut Conversion<'_>, context: pb::UpstreamTlsContext) -> Read<ClientTls> {
    let pb::UpstreamTlsContext {
        common_tls_context,
        sni,
        auto_host_sni,
        auto_sni_san_validation,
        allow_renegotiation,
        max_session_keys: _, // no session is ever resumed
        enforce_rsa_key_usage,
    } = context;
    refuse_if(
        flag(enforce_rsa_key_usage) == Some(true),
        "enforce_rsa_key_usage",
        "the key usage of certificates is not looked at",
    )?;
    refuse_if(
        auto_host_sni,
        "auto_host_sni",
        "is not supported; name the server in sni",
    )?;
    refuse_if(
        allow_renegotiation,
        "allow_renegotiation",
        "renegotiation is not supported",
    )?;
    let common =
        common(cx, common_tls_context.unwrap_or_default()).map_err(at("common_tls_context"))?;
    let sni = (!sni.is_empty()).then(|| Arc::from(sni));
    Ok(ClientTls {
        common,
        sni,
        verify_server_name: auto_sni_san_validation,
    })
}

fn common(cx: &mut Conversion<'_>, context: pb::CommonTlsContext) -> Read<TlsConfig> {
    let pb::CommonTlsContext {
        tls_params,
        tls_certificates,
        tls_certificate_sds_secret_configs,
        tls_certificate_provider_instance,
        custom_tls_certificate_selector,
        tls_certificate_certificate_provider,
        tls_certificate_certificate_provider_instance,
        alpn_protocols,
        custom_handshaker,
        key_log,
        validation_context_type,
    } = context;
    let provider = tls_certificate_provider_instance.is_some()
        || tls_certificate_certificate_provider.is_some()
        || tls_certificate_certificate_provider_instance.is_some();
    refuse_if(
        provider,
        "tls_certificate_provider_instance",
        "certificate providers are not supported; use SDS",
    )?;
    refused!({
        custom_tls_certificate_selector => "is not supported",
        custom_handshaker => "is not supported",
        key_log => "keys are never written to files",
    });
    let mut certificates = each("tls_certificates", tls_certificates, |one| {
        certificate(cx, one)
    })?;
    certificates.extend(each(
        "tls_certificate_sds_secret_configs",
        tls_certificate_sds_secret_configs,
        |one| sds(cx, one),
    )?);
    let validation = validation_context_type
        .map(|context| validation(cx, context))
        .transpose()?;
    let alpn = alpn_protocols
        .into_iter()
        .map(|protocol| protocol.into_bytes().into())
        .collect();
    let params = tls_params
        .map(params::read)
        .transpose()
        .map_err(at("tls_params"))?
        .unwrap_or_default();
    Ok(TlsConfig {
        certificates,
        validation,
        alpn,
        params,
    })
}

/// A secret as it came over SDS or stands in a bootstrap.
pub(crate) fn secret(cx: &mut Conversion<'_>, secret: pb::Secret) -> Read<(Arc<str>, Secret)> {
    let pb::Secret { name, r#type } = secret;
    let value = match required("type", r#type)? {
        SecretType::TlsCertificate(value) => Secret::Certificate(Arc::new(
            read_certificate(cx, value).map_err(at("tls_certificate"))?,
        )),
        SecretType::ValidationContext(value) => {
            let read = validation::context(value).map_err(at("validation_context"))?;
            let path = "validation_context.trusted_ca";
            refuse_if(read.roots.is_none(), path, "is required in a secret")?;
            Secret::Validation(Arc::new(read))
        }
        SecretType::SessionTicketKeys(_) | SecretType::GenericSecret(_) => {
            return Err(InvalidField::new(
                "type",
                "must be a tls_certificate or a validation_context",
            ));
        }
    };
    Ok((name.into(), value))
}

fn certificate(cx: &mut Conversion<'_>, certificate: pb::TlsCertificate) -> Read<Arc<SecretCell>> {
    let files = files::inline_certificate(&certificate);
    let read = Secret::Certificate(Arc::new(read_certificate(cx, certificate)?));
    let cell = Arc::new(SecretCell::fixed("inline", read));
    cx.secrets.follow_files(&cell, files);
    Ok(cell)
}

fn read_certificate(cx: &mut Conversion<'_>, certificate: pb::TlsCertificate) -> Read<Certificate> {
    let pb::TlsCertificate {
        certificate_chain,
        private_key,
        pkcs12,
        watched_directory: _, // files are followed whichever way they change
        private_key_provider,
        password,
        ocsp_staple,
        signed_certificate_timestamp,
        tls_params,
    } = certificate;
    refused!({
        pkcs12 => "is not supported; give certificate_chain and private_key in PEM",
        private_key_provider => "is not supported",
        password => "encrypted keys are not supported",
        ocsp_staple => "is not supported",
        tls_params => "is supported for the whole context only",
    });
    named!(cx.notes, "", {
        signed_certificate_timestamp => "timestamps are not sent",
    });
    let chain = data(
        "certificate_chain",
        required("certificate_chain", certificate_chain)?,
    )?;
    let key = data("private_key", required("private_key", private_key)?)?;
    Certificate::from_pem(&chain, &key).map_err(bad("certificate_chain"))
}

/// The cell of a secret by name, filled from the source that is named with it, else by the identity or the bootstrap.
fn sds(cx: &mut Conversion<'_>, config: pb::SdsSecretConfig) -> Read<Arc<SecretCell>> {
    let pb::SdsSecretConfig { name, sds_config } = config;
    refuse_if(name.is_empty(), "name", "must not be empty")?;
    let Some(source) = sds_config else {
        return Ok(cx.secrets.cell(&name));
    };
    let source = Source::read(source, "sds_config", &mut cx.notes)?;
    Ok(cx.secrets.cell_from(&source, &name))
}

fn validation(cx: &mut Conversion<'_>, context: ValidationContextType) -> Read<Validation> {
    let provider = || {
        InvalidField::new(
            "validation_context_type",
            "certificate providers are not supported; use SDS",
        )
    };
    match context {
        ValidationContextType::ValidationContext(context) => {
            let files = files::inline_validation(&context);
            let fixed = validation::context(context).map_err(at("validation_context"))?;
            if files.is_none() {
                let secret = None;
                return Ok(Validation { fixed, secret });
            }
            let read = Secret::Validation(Arc::new(fixed));
            let cell = Arc::new(SecretCell::fixed("inline", read));
            cx.secrets.follow_files(&cell, files);
            Ok(Validation::by_secret(cell, Vec::new()))
        }
        ValidationContextType::ValidationContextSdsSecretConfig(config) => {
            let cell = sds(cx, config).map_err(at("validation_context_sds_secret_config"))?;
            Ok(Validation::by_secret(cell, Vec::new()))
        }
        ValidationContextType::CombinedValidationContext(combined) => {
            let pb::common_tls_context::CombinedCertificateValidationContext {
                default_validation_context,
                validation_context_sds_secret_config,
                validation_context_certificate_provider,
                validation_context_certificate_provider_instance,
            } = combined;
            if validation_context_certificate_provider.is_some()
                || validation_context_certificate_provider_instance.is_some()
            {
                return Err(provider());
            }
            let watched = default_validation_context
                .as_ref()
                .and_then(|context| context.watched_directory.as_ref());
            cx.notes.note(
                "combined_validation_context.default_validation_context.watched_directory",
                &watched,
                "the files are read when the resource comes",
            );
            let fixed = validation::context(default_validation_context.unwrap_or_default())
                .map_err(at("combined_validation_context.default_validation_context"))?;
            let secret = validation_context_sds_secret_config
                .map(|config| sds(cx, config))
                .transpose()?;
            Ok(Validation { fixed, secret })
        }
        ValidationContextType::ValidationContextCertificateProvider(_)
        | ValidationContextType::ValidationContextCertificateProviderInstance(_) => Err(provider()),
    }
}
