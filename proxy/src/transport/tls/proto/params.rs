//! Versions, suites and curves.

use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as pb;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::tls_parameters::TlsProtocol;

use crate::config::wire::{Read, known, refuse_if, refused};
use crate::transport::tls::config::{CipherSuite, Curve, TlsParams, TlsVersion};

pub(super) fn read(params: pb::TlsParameters) -> Read<TlsParams> {
    let pb::TlsParameters {
        tls_minimum_protocol_version,
        tls_maximum_protocol_version,
        cipher_suites,
        ecdh_curves,
        signature_algorithms,
        compliance_policies,
    } = params;
    refused!({
        signature_algorithms => "the list cannot be chosen",
        compliance_policies => "compliance policies are not supported",
    });
    let defaults = TlsParams::default();
    let min = version(
        "tls_minimum_protocol_version",
        tls_minimum_protocol_version,
        defaults.min,
    )?;
    let max = version(
        "tls_maximum_protocol_version",
        tls_maximum_protocol_version,
        defaults.max,
    )?;
    let suites: Vec<_> = cipher_suites
        .iter()
        .flat_map(|list| list.trim_matches(['[', ']']).split('|'))
        .collect();
    let known_suites: Vec<_> = suites
        .iter()
        .filter_map(|name| CipherSuite::from_name(name))
        .collect();
    refuse_if(
        !suites.is_empty() && known_suites.is_empty(),
        "cipher_suites",
        "none of them is supported",
    )?;
    let curves: Vec<_> = ecdh_curves
        .iter()
        .filter_map(|name| Curve::from_name(name))
        .collect();
    refuse_if(
        !ecdh_curves.is_empty() && curves.is_empty(),
        "ecdh_curves",
        "none of them is supported",
    )?;
    Ok(TlsParams {
        min,
        max,
        cipher_suites: known_suites,
        curves,
    })
}

fn version(path: &str, value: i32, default: TlsVersion) -> Read<TlsVersion> {
    Ok(match known::<TlsProtocol>(path, value)? {
        TlsProtocol::TlsAuto => default,
        TlsProtocol::TlSv10 => TlsVersion::V1_0,
        TlsProtocol::TlSv11 => TlsVersion::V1_1,
        TlsProtocol::TlSv12 => TlsVersion::V1_2,
        TlsProtocol::TlSv13 => TlsVersion::V1_3,
    })
}
