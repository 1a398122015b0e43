use super::*;
use crate::xds::Dialect;

const ADS: &str = r#"
node: {id: sidecar~10.0.0.1~a.default~default.svc.cluster.local, cluster: a}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 15000}}}
dynamic_resources:
  lds_config: {ads: {}, resource_api_version: V3}
  cds_config: {ads: {}, resource_api_version: V3}
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: xds}, initial_metadata: [{key: Authorization, value: Bearer x}]}]
static_resources:
  clusters: [{name: xds, connect_timeout: 1s, type: STATIC}]
"#;

fn refusal(text: &str) -> String {
    match parse(text, "b.yaml") {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn reads_a_bootstrap_with_ads() {
    let bootstrap = parse(ADS, "b.yaml").unwrap();
    let ads = bootstrap.ads.unwrap();
    assert_eq!((ads.dialect, ads.cluster.as_str()), (Dialect::Delta, "xds"));
    assert_eq!(
        ads.metadata,
        [("authorization".to_owned(), "Bearer x".to_owned())]
    );
    assert_eq!(bootstrap.admin, Some("127.0.0.1:15000".parse().unwrap()));
    assert_eq!(
        (bootstrap.lds, bootstrap.cds),
        (Some(Source::Ads), Some(Source::Ads))
    );
    assert_eq!(bootstrap.clusters.len(), 1);
    assert_eq!(bootstrap.not_honoured, []);
}

#[test]
fn reads_json_too() {
    let bootstrap = parse(
        r#"{"node": {"id": "a"}, "statsFlushInterval": "5s"}"#,
        "b.json",
    )
    .unwrap();
    assert_eq!(bootstrap.node.id, "a");
    assert_eq!(&*bootstrap.not_honoured[0].path, "stats_flush_interval");
}

#[test]
fn names_the_field_that_is_wrong() {
    for (text, wanted) in [
        ("node: [", "not YAML or JSON"),
        ("nodes: {}", "nodes"),
        (&ADS.replace("name: xds,", "name: other,"), "ads_config"),
        (&ADS.replace("DELTA_GRPC", "REST"), "api_type"),
        (
            &ADS.replace("lds_config: {ads: {}, ", "lds_config: {"),
            "lds_config",
        ),
        (&ADS.replace("127.0.0.1", "localhost"), "admin.address"),
    ] {
        let error = refusal(text);
        assert!(error.contains(wanted), "{error} does not name {wanted}");
    }
}

#[test]
fn clusters_and_listeners_come_from_files_and_streams_of_their_own() {
    let own = "api_config_source: {api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: CLUSTER}}]}";
    let text = ADS
        .replace(
            "cds_config: {ads: {}",
            "cds_config: {path_config_source: {path: /etc/cds.yaml}",
        )
        .replace("lds_config: {ads: {}", &format!("lds_config: {{{own}"));
    let bootstrap = parse(&text.replace("CLUSTER", "xds"), "b.yaml").unwrap();
    let path = std::path::PathBuf::from("/etc/cds.yaml");
    assert_eq!(bootstrap.cds, Some(Source::File(path.into())));
    match bootstrap.lds {
        Some(Source::Stream(stream)) => assert_eq!(stream.dialect, Dialect::Sotw),
        other => panic!("wanted a stream, got {other:?}"),
    }
    let unknown = refusal(&text.replace("CLUSTER", "nowhere"));
    assert!(
        unknown.contains("lds_config") && unknown.contains("nowhere"),
        "{unknown}"
    );
}
