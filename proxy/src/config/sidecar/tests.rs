use super::*;
use crate::telemetry::metrics::{Registry, Series};

fn environment(extra: &[(&str, &str)]) -> Environment {
    [
        ("POD_NAME", "a-1"),
        ("POD_NAMESPACE", "shop"),
        ("INSTANCE_IP", "10.0.0.7"),
        ("SERVICE_ACCOUNT", "a"),
    ]
    .iter()
    .chain(extra)
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect()
}

fn read(extra: &[(&str, &str)]) -> Sidecar {
    Sidecar::read(&environment(extra), &SidecarFlags::default()).unwrap()
}

#[test]
fn an_injected_pod_becomes_a_node_and_an_xds_cluster() {
    let sidecar = read(&[
        (
            "PROXY_CONFIG",
            "{\"discoveryAddress\":\"istiod.mesh.svc:15012\",\"concurrency\":2}",
        ),
        ("ISTIO_META_CLUSTER_ID", "east"),
        ("ISTIO_METAJSON_LABELS", "{\"app\":\"a\"}"),
    ]);
    let node = &sidecar.bootstrap.node;
    assert_eq!(node.id, "sidecar~10.0.0.7~a-1.shop~shop.svc.cluster.local");
    assert_eq!(node.cluster, "a.shop");
    let metadata = xds_proto::protobuf_struct::to_map(node.metadata.as_ref().unwrap());
    assert_eq!(metadata["CLUSTER_ID"], "east");
    assert_eq!(metadata["PROXY_CONFIG"]["concurrency"], 2.0);
    assert_eq!(
        sidecar.identity.to_string(),
        "spiffe://cluster.local/ns/shop/sa/a"
    );
    assert_eq!(sidecar.ca.address, "istiod.mesh.svc:15012");
    assert_eq!(sidecar.bootstrap.clusters[0].name, "xds-grpc");
    assert!(sidecar.bootstrap.clusters[0].transport_socket.is_some());
}

#[test]
fn a_control_plane_at_an_address_is_still_istiod_by_name() {
    let sidecar = read(&[("CA_ADDR", "10.1.2.3:15012")]);
    assert_eq!(sidecar.ca.server_name, "istiod.istio-system.svc");
}

#[test]
fn says_which_variable_is_missing_or_wrong() {
    let without = |name: &str| {
        let mut env = environment(&[]);
        env.remove(name);
        Sidecar::read(&env, &SidecarFlags::default())
            .unwrap_err()
            .to_string()
    };
    assert!(without("POD_NAME").contains("POD_NAME is not set"));
    for (name, value) in [
        ("INSTANCE_IP", "x"),
        ("PROXY_CONFIG", "{"),
        ("ISTIO_METAJSON_LABELS", "1"),
        ("MINIMUM_DRAIN_DURATION", "soon"),
    ] {
        let error = Sidecar::read(&environment(&[(name, value)]), &SidecarFlags::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(name), "{error}");
    }
}

/// Which of these names a sidecar counts.
fn counted<'a>(sidecar: &Sidecar, names: &[&'a str]) -> Vec<&'a str> {
    let registry = Registry::configured(sidecar.bootstrap.stats.clone());
    let counted = |name: &&&str| {
        let (scope, stat) = name.split_once('.').unwrap();
        let series = match scope {
            "istiocustom" => Series::new(stat.to_owned()),
            scope => Series::scope(scope, stat),
        };
        let before = registry.snapshot().len();
        registry.counter(series);
        registry.snapshot().len() > before
    };
    names.iter().filter(counted).copied().collect()
}

const STANDARD: &str = "istiocustom.istio_requests_total";
const PLANE: &str = "cluster.xds-grpc.upstream_cx_total";
const SERVICE: &str = "cluster.outbound|80||web.upstream_rq_200";
const OTHER: &str = "cluster.inbound|80||.upstream_cx_total";
const OPEN: &str = "listener.10.0.0.7_80.downstream_cx_active";
const ALL: [&str; 5] = [STANDARD, PLANE, SERVICE, OTHER, OPEN];

#[test]
fn a_sidecar_counts_what_istios_does() {
    assert_eq!(counted(&read(&[]), &ALL), [STANDARD, PLANE]);
    let leaving = read(&[("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "true")]);
    assert_eq!(counted(&leaving, &ALL), [STANDARD, PLANE, OPEN]);
}

#[test]
fn proxy_config_and_annotations_add_to_what_a_sidecar_counts() {
    let config = "{proxyStatsMatcher: {inclusionPrefixes: [cluster.outbound], inclusionRegexps: ['listener.*']}}";
    let sidecar = read(&[("PROXY_CONFIG", config)]);
    assert_eq!(counted(&sidecar, &ALL), [STANDARD, PLANE, SERVICE, OPEN]);
    assert_eq!(sidecar.bootstrap.not_honoured, []);

    // an annotation counts instead of the list of the same kind, the other lists stay
    let annotations = "{\"sidecar.istio.io/statsInclusionPrefixes\": \"a, cluster.inbound\"}";
    let both = [
        ("PROXY_CONFIG", config),
        ("ISTIO_METAJSON_ANNOTATIONS", annotations),
    ];
    assert_eq!(counted(&read(&both), &ALL), [STANDARD, PLANE, OTHER, OPEN]);

    let annotations = "{\"sidecar.istio.io/statsInclusionPrefixes\": \"listener.{pod_ip}_\", \
        \"sidecar.istio.io/statsInclusionSuffixes\": \"_rq_200,\"}";
    let sidecar = read(&[("ISTIO_METAJSON_ANNOTATIONS", annotations)]);
    assert_eq!(counted(&sidecar, &ALL), [STANDARD, PLANE, SERVICE, OPEN]);
}

#[test]
fn a_pattern_of_statistics_that_is_none_is_named_with_its_place() {
    let annotations = "{\"sidecar.istio.io/statsInclusionRegexps\": \"(\"}";
    let config = "{proxyStatsMatcher: {inclusionRegexps: ['(']}}";
    for (name, value, place) in [
        (
            "ISTIO_METAJSON_ANNOTATIONS",
            annotations,
            "sidecar.istio.io/statsInclusionRegexps: \"(\"",
        ),
        (
            "PROXY_CONFIG",
            config,
            "proxyStatsMatcher.inclusionRegexps of PROXY_CONFIG: \"(\"",
        ),
    ] {
        let env = environment(&[(name, value)]);
        let error = Sidecar::read(&env, &SidecarFlags::default()).unwrap_err();
        assert!(error.to_string().starts_with(place), "{error}");
    }
}
