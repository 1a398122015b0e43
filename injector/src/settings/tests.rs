use std::collections::BTreeMap;

use super::*;

fn settings(annotations: &[(&str, &str)]) -> Result<(Settings, Vec<String>), InjectError> {
    let annotations: BTreeMap<_, _> = annotations
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let pod = PodMeta {
        annotations,
        ..PodMeta::default()
    };
    let mut warnings = Vec::new();
    Settings::of(&pod, &Config::default(), &mut warnings).map(|settings| (settings, warnings))
}

#[test]
fn invalid_annotations_are_refused_by_name() {
    let cases = [
        ("traffic.sidecar.istio.io/includeInboundPorts", "80,http"),
        ("traffic.sidecar.istio.io/excludeInboundPorts", "0"),
        ("traffic.sidecar.istio.io/includeOutboundPorts", "*"),
        ("traffic.sidecar.istio.io/excludeOutboundPorts", "70000"),
        (
            "traffic.sidecar.istio.io/includeOutboundIPRanges",
            "10.0.0.0",
        ),
        ("traffic.sidecar.istio.io/excludeOutboundIPRanges", "*"),
        ("traffic.sidecar.istio.io/excludeInterfaces", "an interface"),
        (
            "istio.io/reroute-virtual-interfaces",
            "a-name-that-is-too-long",
        ),
        ("status.sidecar.istio.io/port", "99999"),
        ("sidecar.istio.io/interceptionMode", "redirect"),
        ("sidecar.istio.io/nativeSidecar", "yes"),
        ("sidecar.istio.io/rewriteAppHTTPProbers", "on"),
        ("sidecar.istio.io/proxyCPU", "lots"),
        ("sidecar.istio.io/proxyMemory", "128MB"),
        ("sidecar.istio.io/userVolume", "[]"),
        ("readiness.status.sidecar.istio.io/periodSeconds", "-1"),
        ("proxy.istio.io/config", "concurrency: many"),
        ("sidecar.istio.io/bootstrapOverride", "my-config"),
        ("inject.istio.io/templates", "sidecar,spire"),
    ];
    for (name, value) in cases {
        let error = settings(&[(name, value)]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("annotation {name}")),
            "{name}={value}: {error}"
        );
    }
}

#[test]
fn annotations_that_are_not_honoured_are_warned_about_by_name() {
    let (_, warnings) = settings(&[
        ("sidecar.istio.io/statsHistogramBuckets", "{}"),
        ("sidecar.istio.io/statsInclusionPrefixes", "cluster."),
    ])
    .unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("sidecar.istio.io/statsHistogramBuckets"),
        "{warnings:?}"
    );
}

#[test]
fn spaces_in_lists_do_not_count_and_own_ports_are_always_left_out() {
    let (settings, _) = settings(&[
        (
            "traffic.sidecar.istio.io/excludeInboundPorts",
            " 9090, 15020 ",
        ),
        ("status.sidecar.istio.io/port", "15020"),
    ])
    .unwrap();
    assert_eq!(
        settings.capture.exclude_inbound_ports,
        "15090,15021,15020,9090"
    );
}

#[test]
fn an_empty_list_captures_nothing_while_no_list_captures_all() {
    let empty = settings(&[("traffic.sidecar.istio.io/includeInboundPorts", "")])
        .unwrap()
        .0;
    assert_eq!(empty.capture.include_inbound_ports, "");
    assert_eq!(settings(&[]).unwrap().0.capture.include_inbound_ports, "*");
}

#[test]
fn an_image_without_a_slash_keeps_repository_and_tag() {
    let image = |name| {
        settings(&[("sidecar.istio.io/proxyImage", name)])
            .unwrap()
            .0
            .image
    };
    let tag = env!("CARGO_PKG_VERSION");
    assert_eq!(image("proxy-debug"), format!("tulle/proxy-debug:{tag}"));
    assert_eq!(
        image("registry.example/mesh/proxy:9"),
        "registry.example/mesh/proxy:9"
    );
}

#[test]
fn one_resource_annotation_replaces_all_defaults() {
    let (settings, _) = settings(&[("sidecar.istio.io/proxyCPU", "10m")]).unwrap();
    assert_eq!(
        settings.resources,
        serde_json::json!({"requests": {"cpu": "10m"}})
    );
}

#[test]
fn the_pods_proxy_config_lies_over_the_meshs() {
    let config = Config::default()
        .with_mesh_config("defaultConfig: {concurrency: 4, proxyMetadata: {A: mesh, B: mesh}}")
        .unwrap();
    let text = "proxyMetadata: {B: pod}\nholdApplicationUntilProxyStarts: true";
    let pod = PodMeta {
        annotations: BTreeMap::from([("proxy.istio.io/config".to_owned(), text.to_owned())]),
        ..PodMeta::default()
    };
    let settings = Settings::of(&pod, &config, &mut Vec::new()).unwrap();
    assert_eq!(settings.proxy_config.concurrency, Some(4));
    assert_eq!(settings.proxy_config.proxy_metadata["A"], "mesh");
    assert_eq!(settings.proxy_config.proxy_metadata["B"], "pod");
    assert!(
        !settings.hold_application,
        "a native sidecar starts before the application anyway"
    );
}
