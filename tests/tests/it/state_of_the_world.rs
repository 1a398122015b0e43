//! Our proxy under servers that speak the state-of-the-world protocol, started from Envoy's bootstrap file.

use std::net::SocketAddr;

use http::Request;
use http_body_util::Empty;
use xds_proto::resource::ResourceKind;

use crate::mesh::admin;
use crate::mesh::app::App;
use crate::mesh::bootstrap::{self, Ads};
use crate::mesh::client::offered;
use crate::mesh::http::{self as client, Reply, Version, until};
use crate::mesh::node::{Node, Pod};
use crate::mesh::sidecar;

const SERVICE: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 1)),
    80,
);

const ROUTE: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server}
spec:
  hosts: [server]
  http: [{match: [{uri: {prefix: /door}}], directResponse: {status: 418}}, {route: [{destination: {host: server}}]}]
";

const LATER: &str = "
apiVersion: v1
kind: Service
metadata: {name: later}
spec: {clusterIP: 10.96.9.9, ports: [{name: http, port: 9191}]}
";

#[test]
fn ours_follows_our_control_plane_by_state_of_the_world() {
    let test = "ours_follows_our_control_plane_by_state_of_the_world";
    let Some(node) = Node::for_test(test, "state_of_the_world") else {
        return;
    };
    let (pod, server) = (
        node.pod("client", "client", 1),
        node.pod("server", "server", 2),
    );
    let _app = App::start(&server, &[8080], &[9000]);
    sidecar::capture(&pod);
    let file = bootstrap::write_with_secrets(&node, &pod, Ads::StateOfTheWorld);
    let _sidecar = sidecar::start_from(&file, &pod);
    admin::ready(&pod);
    assert_in_force(&node, &pod);
    assert_eq!(ask(&pod, "/").header("x-server"), "server");

    node.plane.write("later.yaml", LATER);
    node.plane.write("route.yaml", ROUTE);
    until("the new route is in force", &pod.namespace, || {
        (ask(&pod, "/door").status == 418).then_some(())
    });
    until("the new service is in force", &pod.namespace, || {
        let later = "outbound|9191||later.default.svc.cluster.local";
        admin::in_force(&pod).clusters.contains(later).then_some(())
    });
    assert_in_force(&node, &pod);
    assert_eq!(ask(&pod, "/").header("x-server"), "server");

    node.plane.remove("later.yaml");
    until("the service is gone", &pod.namespace, || {
        let names = admin::in_force(&pod);
        let gone = !names.listeners.contains("0.0.0.0_9191");
        gone.then_some(())
    });
    assert_in_force(&node, &pod);
}

fn ask(pod: &Pod, path: &str) -> Reply {
    let request = Request::get(path).header("host", "server");
    let request = request.body(Empty::new()).unwrap();
    client::send(&pod.namespace, SERVICE, Version::Http1, request).unwrap()
}

/// What the control plane has becomes what the proxy runs, and it refused nothing.
fn assert_in_force(node: &Node, pod: &Pod) {
    let clusters = offered(node, pod, ResourceKind::Cluster);
    let listeners = offered(node, pod, ResourceKind::Listener);
    until(
        "the proxy runs what it should, and no more",
        &pod.namespace,
        || {
            let names = admin::in_force(pod);
            let same = names.clusters == clusters
                && names.listeners == listeners
                && names.routes == names.wanted_routes;
            same.then_some(())
        },
    );
    node.plane.assert_acknowledged(&node.hub, &pod.name);
}
