//! What node metadata is read from and written to.

use serde_json::json;

use super::*;

fn read(value: Value) -> NodeMetadata {
    let metadata = protobuf_struct::from_json(&value).expect("an object");
    NodeMetadata::from_struct(&metadata).expect("valid metadata")
}

#[test]
fn reads_what_an_injected_sidecar_sends() {
    let metadata = read(json!({
        "NAME": "reviews-v1", "NAMESPACE": "default", "INSTANCE_IPS": "10.0.0.7,fd00::7",
        "LABELS": {"app": "reviews", "version": "v1"}, "CLUSTER_ID": "Kubernetes",
        "POD_PORTS": "[{\"containerPort\":9080,\"protocol\":\"TCP\"}]",
        "APP_CONTAINERS": "reviews", "DNS_CAPTURE": "true", "ENVOY_STATUS_PORT": 15021,
        "INTERCEPTION_MODE": "REDIRECT", "PROXY_CONFIG": {"concurrency": 2}, "MY_OWN": "kept",
    }));
    assert_eq!(metadata.namespace.as_deref(), Some("default"));
    assert_eq!(metadata.instance_ips, ["10.0.0.7", "fd00::7"]);
    assert_eq!(metadata.labels["version"], "v1");
    assert_eq!(metadata.pod_ports[0].container_port, 9080);
    assert_eq!(metadata.dns_capture, Some(true));
    assert_eq!(metadata.envoy_status_port, Some(15021));
    assert_eq!(metadata.interception_mode, Some(InterceptionMode::Redirect));
    assert_eq!(metadata.raw_proxy_config, json!({"concurrency": 2}));
    assert_eq!(metadata.proxy_config().expect("valid").concurrency, Some(2));
    assert_eq!(metadata.rest["MY_OWN"], "kept");
}

#[test]
fn takes_the_other_forms_of_a_value() {
    let metadata = read(json!({
        "DNS_CAPTURE": true, "ENABLE_HBONE": 1, "METADATA_DISCOVERY": "", "ENVOY_STATUS_PORT": "15021",
        "INSTANCE_IPS": ["10.0.0.7"], "POD_PORTS": [{"name": "http", "containerPort": 80}], "HTTP10": 1,
        "CLUSTER_ID": "", "STS_PORT": null,
    }));
    assert_eq!(metadata.dns_capture, Some(true));
    assert_eq!(metadata.enable_hbone, Some(true));
    assert_eq!(metadata.metadata_discovery, None);
    assert_eq!(metadata.envoy_status_port, Some(15021));
    assert_eq!(metadata.instance_ips, ["10.0.0.7"]);
    assert_eq!(metadata.pod_ports[0].name.as_deref(), Some("http"));
    assert_eq!(metadata.http10.as_deref(), Some("1"));
    assert_eq!(metadata.cluster_id, None);
}

#[test]
fn survives_the_round_trip() {
    let metadata = read(json!({
        "NAME": "p", "INSTANCE_IPS": "10.0.0.7", "POD_PORTS": "[{\"containerPort\":1}]", "DNS_CAPTURE": "0",
        "ENVOY_PROMETHEUS_PORT": 15090, "PLATFORM_METADATA": {"zone": "a"}, "UNHEARD_OF": {"x": [1]},
    }));
    assert_eq!(
        NodeMetadata::from_struct(&metadata.to_struct()).expect("own output"),
        metadata
    );
}

#[test]
fn refuses_a_value_that_does_not_fit() {
    for value in [
        json!({"DNS_CAPTURE": "maybe"}),
        json!({"ENVOY_STATUS_PORT": 70000}),
        json!({"LABELS": 1}),
    ] {
        let metadata = protobuf_struct::from_json(&value).expect("an object");
        assert!(NodeMetadata::from_struct(&metadata).is_err(), "{value}");
    }
}
