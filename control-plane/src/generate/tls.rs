//! TLS contexts, both ways.
//!
//! Keys and roots never travel through the control plane's configuration: contexts name the secrets `default` and
//! `ROOTCA` of the proxy's own secret source, as Istio's do.

use super::wire;
use crate::model::authn::Identity;
use crate::model::service::Protocol;
use crate::model::traffic_policy::{ClientTls, ClientTlsMode};
use crate::scope::MeshSettings;
use xds_proto::name::{ClusterName, ROOT_SECRET, SDS_GRPC_CLUSTER, WORKLOAD_SECRET};
use xds_proto::pb::envoy::config::core::v3::{
    ApiConfigSource, ApiVersion, ConfigSource, DataSource, GrpcService, TransportSocket,
    api_config_source::ApiType, config_source::ConfigSourceSpecifier, data_source::Specifier,
    grpc_service, transport_socket::ConfigType,
};
use xds_proto::pb::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
    SubjectAltNameMatcher, TlsCertificate, TlsParameters, UpstreamTlsContext,
    certificate_validation_context::TrustChainVerification,
    common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
    subject_alt_name_matcher::SanType,
    tls_parameters::TlsProtocol,
};
use xds_proto::pb::envoy::r#type::matcher::v3::StringMatcher;
use xds_proto::pb::google::protobuf::Any;
use xds_proto::well_known::{alpn, filter};

/// The certificates that system trust stores of the usual distributions hold.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// No TLS.
pub(crate) fn raw_buffer() -> TransportSocket {
    socket(filter::RAW_BUFFER.name, wire::any(&RawBuffer::default()))
}

/// Mesh TLS from a client to `cluster`, whose endpoints prove one of `identities`.
pub(crate) fn mesh_client(
    mesh: &MeshSettings,
    cluster: &ClusterName,
    protocol: Protocol,
    identities: &[Identity],
) -> TransportSocket {
    let sans = match identities {
        // Nothing is known of the endpoints: at least they must belong to the mesh.
        [] => mesh_members(mesh),
        _ => identities
            .iter()
            .flat_map(|identity| accepted_ids(mesh, identity))
            .map(|id| uri(wire::exact(id)))
            .collect(),
    };
    let common = CommonTlsContext {
        alpn_protocols: client_alpn(protocol),
        ..mesh_common(mesh, sans)
    };
    upstream(common, &cluster.to_sni())
}

/// Mesh TLS as a rule spells it out (`ISTIO_MUTUAL`): its names replace what is known of the endpoints.
pub(crate) fn mesh_client_by_rule(
    mesh: &MeshSettings,
    tls: &ClientTls,
    cluster: &ClusterName,
    protocol: Protocol,
    identities: &[Identity],
) -> TransportSocket {
    let sans: Vec<_> = match (tls.subject_alt_names.as_slice(), identities) {
        ([], []) => mesh_members(mesh),
        ([], identities) => identities
            .iter()
            .flat_map(|known| accepted_ids(mesh, known))
            .map(|id| uri(wire::exact(id)))
            .collect(),
        (names, _) => names.iter().map(|name| san(name)).collect(),
    };
    let common = CommonTlsContext {
        alpn_protocols: client_alpn(protocol),
        ..mesh_common(mesh, sans)
    };
    upstream(common, tls.sni.as_deref().unwrap_or(&cluster.to_sni()))
}

/// TLS origination towards something outside the mesh (`SIMPLE`, `MUTUAL`).
pub(crate) fn originate(
    tls: &ClientTls,
    host: &str,
    pinned: &[crate::model::Name],
    http2: bool,
) -> TransportSocket {
    let wildcard = host.starts_with('*');
    let sni = tls
        .sni
        .as_deref()
        .unwrap_or(if wildcard { "" } else { host });
    let names: Vec<_> = match (tls.subject_alt_names.as_slice(), pinned) {
        ([], []) if sni.is_empty() => Vec::new(),
        ([], []) => vec![dns(wire::exact(sni))],
        ([], pinned) => pinned.iter().map(|name| san(name)).collect(),
        (named, _) => named.iter().map(|name| san(name)).collect(),
    };
    let mut validation = CertificateValidationContext {
        trusted_ca: Some(file(tls.ca_certificates.as_deref().unwrap_or(SYSTEM_ROOTS))),
        match_typed_subject_alt_names: names,
        crl: tls.ca_crl.as_deref().map(file),
        ..CertificateValidationContext::default()
    };
    if tls.insecure_skip_verify {
        validation = CertificateValidationContext {
            trust_chain_verification: TrustChainVerification::AcceptUntrusted.into(),
            ..CertificateValidationContext::default()
        };
    }
    let own = (tls.mode == ClientTlsMode::Mutual).then(|| TlsCertificate {
        certificate_chain: tls.client_certificate.as_deref().map(file),
        private_key: tls.private_key.as_deref().map(file),
        ..TlsCertificate::default()
    });
    let common = CommonTlsContext {
        tls_certificates: own.into_iter().collect(),
        alpn_protocols: if http2 {
            vec![alpn::H2.to_owned()]
        } else {
            Vec::new()
        },
        validation_context_type: Some(ValidationContextType::ValidationContext(validation)),
        ..CommonTlsContext::default()
    };
    upstream(common, sni)
}

/// Mesh TLS that a server terminates: the client must prove a name of this mesh.
pub(crate) fn mesh_server(mesh: &MeshSettings, protocols: &[&str]) -> TransportSocket {
    let common = CommonTlsContext {
        alpn_protocols: protocols
            .iter()
            .map(|&protocol| protocol.to_owned())
            .collect(),
        ..mesh_common(mesh, mesh_members(mesh))
    };
    let context = DownstreamTlsContext {
        common_tls_context: Some(common),
        require_client_certificate: Some(wire::truth(true)),
        ..DownstreamTlsContext::default()
    };
    socket(filter::DOWNSTREAM_TLS.name, wire::any(&context))
}

/// What a client offers: the words of the mesh first, so that the server's filter chains can tell it apart.
///
/// A cluster of undeclared protocol carries bytes as well as HTTP, so it offers `istio` alone; a proxy that knows what it
/// carries may put the HTTP words in front.
fn client_alpn(protocol: Protocol) -> Vec<String> {
    let offered: &[&str] = match protocol {
        Protocol::Http | Protocol::GrpcWeb => &[alpn::ISTIO_HTTP_11, alpn::ISTIO, alpn::HTTP_11],
        Protocol::Http2 | Protocol::Grpc => &[alpn::ISTIO_H2, alpn::ISTIO, alpn::H2],
        Protocol::Auto
        | Protocol::Https
        | Protocol::Tls
        | Protocol::Tcp
        | Protocol::Mongo
        | Protocol::Redis
        | Protocol::MySql
        | Protocol::Udp
        | Protocol::Unsupported => &[alpn::ISTIO],
    };
    offered.iter().map(|&word| word.to_owned()).collect()
}

fn mesh_common(mesh: &MeshSettings, sans: Vec<SubjectAltNameMatcher>) -> CommonTlsContext {
    let validation = CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            match_typed_subject_alt_names: sans,
            ..CertificateValidationContext::default()
        }),
        validation_context_sds_secret_config: Some(secret(ROOT_SECRET)),
        ..CombinedCertificateValidationContext::default()
    };
    let minimum = if mesh.tls13_only {
        TlsProtocol::TlSv13
    } else {
        TlsProtocol::TlSv12
    };
    CommonTlsContext {
        tls_params: Some(TlsParameters {
            tls_minimum_protocol_version: minimum.into(),
            tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
            ..TlsParameters::default()
        }),
        tls_certificate_sds_secret_configs: vec![secret(WORKLOAD_SECRET)],
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(validation)),
        ..CommonTlsContext::default()
    }
}

/// A secret of the proxy's own source.
fn secret(name: &str) -> SdsSecretConfig {
    let envoy = grpc_service::EnvoyGrpc {
        cluster_name: SDS_GRPC_CLUSTER.to_owned(),
        ..Default::default()
    };
    let source = ApiConfigSource {
        api_type: ApiType::Grpc.into(),
        transport_api_version: ApiVersion::V3.into(),
        set_node_on_first_message_only: true,
        grpc_services: vec![GrpcService {
            target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(envoy)),
            ..GrpcService::default()
        }],
        ..ApiConfigSource::default()
    };
    SdsSecretConfig {
        name: name.to_owned(),
        sds_config: Some(ConfigSource {
            config_source_specifier: Some(ConfigSourceSpecifier::ApiConfigSource(source)),
            initial_fetch_timeout: Some(wire::duration(std::time::Duration::ZERO)),
            resource_api_version: ApiVersion::V3.into(),
            ..ConfigSource::default()
        }),
    }
}

/// The SPIFFE ids under which a workload may be known: one for each trust domain that the mesh goes by.
fn accepted_ids<'a>(
    mesh: &'a MeshSettings,
    identity: &'a Identity,
) -> impl Iterator<Item = String> + 'a {
    let Identity {
        namespace,
        service_account,
    } = identity;
    mesh.trust_domains()
        .map(move |domain| format!("spiffe://{domain}/ns/{namespace}/sa/{service_account}"))
}

/// Anyone of this mesh.
fn mesh_members(mesh: &MeshSettings) -> Vec<SubjectAltNameMatcher> {
    mesh.trust_domains()
        .map(|domain| uri(wire::prefix(format!("spiffe://{domain}/"))))
        .collect()
}

fn uri(matcher: StringMatcher) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: SanType::Uri.into(),
        matcher: Some(matcher),
        ..Default::default()
    }
}

fn dns(matcher: StringMatcher) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: SanType::Dns.into(),
        matcher: Some(matcher),
        ..Default::default()
    }
}

/// A name that a rule spells out: a URI if it looks like one, else a DNS name.
fn san(name: &str) -> SubjectAltNameMatcher {
    if name.contains("://") {
        uri(wire::exact(name))
    } else {
        dns(wire::exact(name))
    }
}

fn file(path: &str) -> DataSource {
    DataSource {
        specifier: Some(Specifier::Filename(path.to_owned())),
        ..DataSource::default()
    }
}

fn upstream(common: CommonTlsContext, sni: &str) -> TransportSocket {
    let context = UpstreamTlsContext {
        common_tls_context: Some(common),
        sni: sni.to_owned(),
        ..Default::default()
    };
    socket(filter::UPSTREAM_TLS.name, wire::any(&context))
}

fn socket(name: &str, config: Any) -> TransportSocket {
    TransportSocket {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}
