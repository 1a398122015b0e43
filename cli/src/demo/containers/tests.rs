use serde_json::json;

use super::*;

fn place<'a>(pod: &'a Value, variables: &'a BTreeMap<String, String>) -> Place<'a> {
    Place {
        pod,
        addresses: PodAddresses {
            pod: Ipv4Addr::new(10, 0, 0, 1),
            listen: Ipv4Addr::UNSPECIFIED,
            application: Ipv4Addr::LOCALHOST,
            interfaces: Ipv4Addr::LOCALHOST,
            proxy: None,
        },
        variables,
        host_ip: Ipv4Addr::new(10, 0, 0, 2),
        program: "/bin/tulle",
        root_dir: "/pod",
        isolation: Isolation::User,
    }
}

#[test]
fn variables_are_expanded_as_kubernetes_does() {
    let env = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    assert_eq!(expand("$(A).$(B).$(A", &env), "1.$(B).$(A");
}

#[test]
fn a_container_without_a_command_is_an_echo_server_and_says_so() {
    let pod = json!({"metadata": {"labels": {"version": "v3"}}, "spec": {"containers": [
        {"name": "web", "image": "nginx", "args": ["-g"], "ports": [{"containerPort": 80}]}]}});
    let container = &containers(&place(&pod, &BTreeMap::new()))[0];
    assert!(container.stand_in);
    assert_eq!(
        container.argv,
        [
            "/bin/tulle",
            "app",
            "server",
            "--address",
            "0.0.0.0",
            "--port",
            "80",
            "--version",
            "v3"
        ]
    );
}

#[test]
fn the_sidecar_gets_its_arguments_and_the_pods_fields() {
    let pod = json!({"metadata": {"name": "a", "annotations": {"x/y": "z"}}, "spec": {
        "initContainers": [
            {"name": "istio-init", "args": ["istio-iptables", "-p", "15001"]},
            {"name": "istio-proxy", "restartPolicy": "Always", "args": ["proxy", "sidecar", "--domain", "$(NS)"],
             "env": [{"name": "NS", "value": "shop"}, {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                     {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['x/y']"}}}],
             "startupProbe": {"httpGet": {"port": 15021, "path": "/healthz/ready"}}}]}});
    let list = containers(&place(&pod, &BTreeMap::new()));
    assert_eq!(
        list[0].argv[1..],
        [
            "proxy",
            "istio-iptables",
            "-p",
            "15001",
            "--proxy-mark",
            "1337"
        ]
    );
    assert!(!list[0].sidecar && list[1].sidecar);
    assert_eq!(list[1].argv[4..6], ["--domain", "shop"]);
    assert_eq!(
        (list[1].env["IP"].as_str(), list[1].env["N"].as_str()),
        ("10.0.0.1", "z")
    );
    assert_eq!(
        list[1].startup,
        Some((
            SocketAddrV4::new(Ipv4Addr::LOCALHOST, 15021),
            "/healthz/ready".to_owned()
        ))
    );
}
