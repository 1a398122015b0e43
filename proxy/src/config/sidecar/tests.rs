use super::*;

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
