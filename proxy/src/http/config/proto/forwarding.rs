//! What is said of the client to the upstream.

use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager as hcm;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::ForwardClientCertDetails;

use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, cidr, each, flag, known};
use crate::http::config::{
    ClientCertDetails, ForwardClientCert, ForwardClientCertMode, ForwardedRules, InternalAddresses,
};

pub(super) fn client_cert(
    cx: &mut Conversion<'_>,
    mode: i32,
    details: Option<hcm::SetCurrentClientCertDetails>,
) -> Read<ForwardClientCert> {
    let mode = match known("forward_client_cert_details", mode)? {
        ForwardClientCertDetails::Sanitize => ForwardClientCertMode::Sanitize,
        ForwardClientCertDetails::ForwardOnly => ForwardClientCertMode::ForwardOnly,
        ForwardClientCertDetails::AppendForward => ForwardClientCertMode::AppendForward,
        ForwardClientCertDetails::SanitizeSet => ForwardClientCertMode::SanitizeSet,
        ForwardClientCertDetails::AlwaysForwardOnly => ForwardClientCertMode::AlwaysForwardOnly,
    };
    let hcm::SetCurrentClientCertDetails {
        subject,
        cert,
        chain,
        dns,
        uri,
        issuer,
        format,
    } = details.unwrap_or_default();
    named!(cx.notes, "set_current_client_cert_details.", {
        issuer => "the issuer is not written",
        format => "the text form is written",
    });
    let details = ClientCertDetails {
        subject: flag(subject).unwrap_or(false),
        cert,
        chain,
        dns,
        uri,
    };
    Ok(ForwardClientCert { mode, details })
}

pub(super) fn forwarded(
    use_remote_address: bool,
    trusted_hops: u32,
    skip_append: bool,
    internal: Option<hcm::InternalAddressConfig>,
) -> Read<ForwardedRules> {
    let hcm::InternalAddressConfig {
        unix_sockets: _, // clients come over TCP
        cidr_ranges,
    } = internal.unwrap_or_default();
    let ranges = each("internal_address_config.cidr_ranges", cidr_ranges, cidr)?;
    Ok(ForwardedRules {
        use_remote_address,
        trusted_hops,
        skip_append,
        internal_addresses: InternalAddresses { ranges },
    })
}
