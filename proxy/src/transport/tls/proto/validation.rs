//! Validation contexts: what a peer's certificate must be.

use std::sync::Arc;

use base64::Engine;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as pb;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::certificate_validation_context::TrustChainVerification;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::subject_alt_name_matcher::SanType;
use xds_proto::pb::envoy::r#type::matcher::v3::StringMatcher;
use xds_proto::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;

use crate::config::invalid::InvalidField;
use crate::config::wire::{Read, at, bad, data, each, flag, known, refuse_if, refused, required};
use crate::secret::{TrustRoots, ValidationContext};
use crate::transport::tls::{SanKind, SanMatcher, TextMatch};

/// A validation context.
pub(crate) fn context(context: pb::CertificateValidationContext) -> Read<ValidationContext> {
    let pb::CertificateValidationContext {
        trusted_ca,
        ca_certificate_provider_instance,
        system_root_certs,
        watched_directory: _, // files are followed whichever way they change
        verify_certificate_spki,
        verify_certificate_hash,
        match_typed_subject_alt_names,
        match_subject_alt_names,
        require_signed_certificate_timestamp,
        crl,
        allow_expired_certificate,
        trust_chain_verification,
        custom_validator_config,
        only_verify_leaf_cert_crl,
        max_verify_depth,
        suppress_client_ca_list: _, // no list is ever sent
    } = context;
    refused!({
        ca_certificate_provider_instance => "is not supported",
        system_root_certs => "is not supported; name a file in trusted_ca",
    });
    let timestamps = flag(require_signed_certificate_timestamp) == Some(true);
    refuse_if(
        timestamps,
        "require_signed_certificate_timestamp",
        "is not supported",
    )?;
    refused!({
        custom_validator_config => "is not supported",
        max_verify_depth => "is not supported",
    });
    let mut names = each(
        "match_typed_subject_alt_names",
        match_typed_subject_alt_names,
        typed_name,
    )?;
    names.extend(each(
        "match_subject_alt_names",
        match_subject_alt_names,
        |text| name(SanKind::Any, text),
    )?);
    let roots = trusted_ca
        .map(|source| data("trusted_ca", source))
        .transpose()?;
    let roots = roots
        .map(|pem| TrustRoots::from_pem(&pem))
        .transpose()
        .map_err(bad("trusted_ca"))?;
    let pins = |path: &str, list| each(path, list, |text: String| pin(&text));
    let mut read = ValidationContext {
        roots: roots.map(Arc::new),
        names,
        certificate_pins: pins("verify_certificate_hash", verify_certificate_hash)?,
        public_key_pins: pins("verify_certificate_spki", verify_certificate_spki)?,
        allow_expired: allow_expired_certificate,
        revocation_of_leaf_only: only_verify_leaf_cert_crl,
        accept_untrusted: match known("trust_chain_verification", trust_chain_verification)? {
            TrustChainVerification::VerifyTrustChain => false,
            TrustChainVerification::AcceptUntrusted => true,
        },
        ..ValidationContext::default()
    };
    if let Some(source) = crl {
        read.revoke_by_pem(&data("crl", source)?)
            .map_err(bad("crl"))?;
    }
    Ok(read)
}

/// A SHA-256 as 64 hexadecimal digits, with or without colons, or in base 64.
fn pin(text: &str) -> Read<[u8; 32]> {
    let hex: String = text.chars().filter(|c| *c != ':').collect();
    let bytes = if hex.len() == 64 {
        (0..32)
            .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
            .collect::<Option<Vec<u8>>>()
    } else {
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    };
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| InvalidField::new("", "is no SHA-256 in hexadecimal or base 64"))
}

fn typed_name(value: pb::SubjectAltNameMatcher) -> Read<SanMatcher> {
    let pb::SubjectAltNameMatcher {
        san_type,
        matcher,
        oid: _, // belongs to OTHER_NAME, which is refused
    } = value;
    let kind = match known::<SanType>("san_type", san_type)? {
        SanType::Email => SanKind::Email,
        SanType::Dns => SanKind::Dns,
        SanType::Uri => SanKind::Uri,
        SanType::IpAddress => SanKind::Ip,
        SanType::Unspecified | SanType::OtherName => {
            return Err(InvalidField::new(
                "san_type",
                "must be EMAIL, DNS, URI or IP_ADDRESS",
            ));
        }
    };
    name(kind, required("matcher", matcher)?).map_err(at("matcher"))
}

fn name(kind: SanKind, value: StringMatcher) -> Read<SanMatcher> {
    let StringMatcher {
        ignore_case,
        match_pattern,
    } = value;
    let text = match required("match_pattern", match_pattern)? {
        MatchPattern::Exact(text) => TextMatch::Exact(text.into()),
        MatchPattern::Prefix(text) => TextMatch::Prefix(text.into()),
        MatchPattern::Suffix(text) => TextMatch::Suffix(text.into()),
        MatchPattern::Contains(text) => TextMatch::Contains(text.into()),
        MatchPattern::SafeRegex(regex) => {
            TextMatch::regex(&regex.regex).map_err(bad("safe_regex"))?
        }
        MatchPattern::Custom(_) => return Err(InvalidField::new("custom", "is not supported")),
    };
    Ok(SanMatcher {
        kind,
        text,
        ignore_case,
    })
}
