//! What MeshConfig reads, and its defaults.

use super::*;

fn read(yaml: &str) -> MeshConfig {
    serde_saphyr::from_str(yaml).expect("valid MeshConfig")
}

#[test]
fn absent_fields_have_istios_defaults() {
    let mesh = MeshConfig::default();
    assert_eq!(mesh.trust_domain(), "cluster.local");
    assert_eq!(mesh.root_namespace(), "istio-system");
    assert_eq!(mesh.outbound_policy(), OutboundPolicyMode::AllowAny);
    assert_eq!(mesh.inbound_policy(), InboundPolicyMode::Passthrough);
    assert!(mesh.auto_mtls() && mesh.prometheus_merge());
    assert_eq!(mesh.access_log_file(), None);
    assert_eq!(mesh.connect_timeout(), StdDuration::from_secs(10));
    assert_eq!(mesh.path_normalization(), PathNormalizationMode::Base);
    assert_eq!((mesh.outbound_port(), mesh.inbound_port()), (15001, 15006));
    assert_eq!(
        mesh.default_config.discovery_address(),
        "istiod.istio-system.svc:15012"
    );
    assert!(mesh.not_honoured().is_empty());
}

#[test]
fn reads_istios_yaml() {
    let mesh = read(
        "
        trustDomain: td.example
        trustDomainAliases: [old.example]
        outboundTrafficPolicy: {mode: REGISTRY_ONLY}
        enableAutoMtls: false
        accessLogFile: /dev/stdout
        accessLogEncoding: JSON
        connectTimeout: 1m30s
        protocolDetectionTimeout: 0.1s
        tcpKeepalive: {time: 10s, probes: 3}
        defaultHttpRetryPolicy: {attempts: 3, perTryTimeout: 2s, retryOn: '5xx'}
        h2UpgradePolicy: UPGRADE
        pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}
        meshMTLS: {minProtocolVersion: TLSV1_3}
        defaultServiceExportTo: ['.']
        defaultConfig:
          concurrency: 4
          drainDuration: 1s
          proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}
        ",
    );
    assert_eq!(mesh.trust_domain(), "td.example");
    assert_eq!(mesh.outbound_policy(), OutboundPolicyMode::RegistryOnly);
    assert!(!mesh.auto_mtls());
    assert_eq!(mesh.access_log_encoding(), AccessLogEncoding::Json);
    assert_eq!(mesh.connect_timeout(), StdDuration::from_secs(90));
    assert_eq!(
        mesh.protocol_detection_timeout(),
        Some(StdDuration::from_millis(100))
    );
    assert_eq!(
        mesh.default_http_retry_policy
            .as_ref()
            .and_then(|retry| retry.attempts),
        Some(3)
    );
    assert_eq!(mesh.h2_upgrade_policy(), H2UpgradePolicy::Upgrade);
    assert_eq!(
        mesh.path_normalization(),
        PathNormalizationMode::DecodeAndMergeSlashes
    );
    assert_eq!(mesh.min_tls_version(), TlsVersion::V1_3);
    assert_eq!(mesh.default_config.concurrency, Some(4));
    assert_eq!(mesh.not_honoured(), Vec::<String>::new());
}

#[test]
fn null_is_the_default() {
    let mesh = read(
        "trustDomain:\ntrustDomainAliases:\ndefaultConfig:\nconnectTimeout:\nextensionProviders:\n",
    );
    assert_eq!(mesh.trust_domain(), "cluster.local");
    assert!(mesh.not_honoured().is_empty());
}

#[test]
fn names_what_is_not_honoured_and_what_nobody_knows() {
    let mesh = read(
        "
        enableTracing: true
        trustDomian: typo.example
        outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}
        meshMTLS: {cipherSuites: [X]}
        defaultConfig: {tracing: {sampling: 1}, binaryPath: /envoy, nonsense: 1}
        ",
    );
    assert_eq!(
        mesh.not_honoured(),
        [
            "enableTracing",
            "trustDomian (no such field)",
            "defaultConfig.binaryPath",
            "defaultConfig.nonsense (no such field)",
            "defaultConfig.tracing",
            "outboundTrafficPolicy.mode: ALLOW_ANY_DYNAMIC_DNS",
            "meshMTLS.cipherSuites",
        ]
    );
}

#[test]
fn nothing_is_lost_on_the_way_back() {
    let mesh = read(
        "trustDomain: a\nlocalityLbSetting: {enabled: true}\ndefaultConfig: {tracing: {sampling: 1.5}}\n",
    );
    let text = serde_saphyr::to_string(&mesh).expect("serialises");
    assert_eq!(read(&text), mesh);
}

#[test]
fn refuses_values_that_do_not_fit_and_says_where() {
    for yaml in [
        "connectTimeout: soon",
        "outboundTrafficPolicy: {mode: ALLOW}",
        "proxyListenPort: 70000",
    ] {
        let refused = serde_saphyr::from_str::<MeshConfig>(yaml)
            .expect_err(yaml)
            .to_string();
        assert!(refused.contains("line 1"), "{refused}");
    }
}
