//! What `/explain` says is what the data path does.

use std::net::SocketAddr;

use http::Request;
use http_body_util::Empty;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::mesh::admin;
use crate::mesh::app::App;
use crate::mesh::http::{self as client, Reply, Version};
use crate::mesh::node::{Node, Pod};
use crate::mesh::sidecar;

/// A request to one of the services of `testdata/traffic`.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    host: &'static str,
    path: &'static str,
    header: (&'static str, String),
}

fn asked() -> impl Strategy<Value = Asked> {
    let paths = [
        "/",
        "/envoy",
        "/envoy/a?b=c",
        "/tulle",
        "/tullery",
        "/picked",
        "/picked/a",
        "/old",
        "/old/a",
        "/closed/a",
        "/rewritten",
        "/other?x=y",
    ];
    let values = ["envoy", "trifle", "no", "", "t e"].map(str::to_owned);
    let pick = select(values.to_vec()).prop_map(|value| ("x-pick", value));
    let user = (0..50_u8).prop_map(|user| ("x-user", format!("user-{user}")));
    let header = prop_oneof![pick, user];
    let methods = select(&["GET", "POST", "DELETE"][..]);
    let hosts = select(&["server", "sticky"][..]);
    (methods, hosts, select(paths.to_vec()), header).prop_map(|(method, host, path, header)| {
        Asked {
            method,
            host,
            path,
            header,
        }
    })
}

#[test]
fn requests_go_where_the_explanation_said() {
    const REQUESTS: usize = 150;
    let Some(node) = Node::for_test("requests_go_where_the_explanation_said", "traffic") else {
        return;
    };
    let client = node.pod("tulle-client", "tulle-client", 2);
    let servers =
        [("envoy-server", 3), ("tulle-server", 4)].map(|(name, at)| node.pod(name, name, at));
    let all = || servers.iter().chain([&client]);
    all().for_each(sidecar::capture);
    let _apps = servers.each_ref().map(|pod| App::start(pod, &[8080], &[]));
    let _sidecars: Vec<_> = all().map(|pod| sidecar::start(&node, pod)).collect();
    all().for_each(admin::ready);

    let mut runner = TestRunner::deterministic();
    let (mut forwarded, mut answered, mut hashed) = (0, 0, 0);
    for _ in 0..REQUESTS {
        let asked = asked().new_tree(&mut runner).unwrap().current();
        let said = explain(&client, &asked);
        let reply = send(&client, &asked);
        let context = format!("{asked:?}: {said:#} but {reply:?}");
        let outcome = said["outcome"].as_str().unwrap();
        if let Some(answer) = outcome.strip_prefix("answered with ") {
            assert_eq!(answer[..3], *reply.status.as_str(), "{context}");
            answered += 1;
            continue;
        }
        assert_eq!(reply.status, 200, "{context}");
        let endpoint = outcome.strip_prefix("forwarded to ").expect("forwarded");
        let ip = endpoint.split(':').next();
        let server = servers.iter().find(|pod| Some(&*pod.ip.to_string()) == ip);
        if is_certain(&said) {
            assert_eq!(server.unwrap().name, reply.header("x-server"), "{context}");
            forwarded += 1;
            hashed += usize::from(step(&said, "hash policy").is_some());
        }
    }
    assert!(
        forwarded > 30 && answered > 10 && hashed > 10,
        "too few of a kind: {forwarded} forwarded, {hashed} of them by hash, {answered} answered"
    );
}

/// Whether nothing is left to chance: neither the cluster nor the endpoint is drawn.
fn is_certain(said: &Value) -> bool {
    let because = |stage| step(said, stage).unwrap()["because"].as_str().unwrap();
    let hashed = step(said, "hash policy").is_some_and(|step| step["result"] != "nothing");
    !because("cluster").contains("drawn") && (hashed || because("endpoint").contains("among 1 "))
}

fn step<'a>(said: &'a Value, stage: &str) -> Option<&'a Value> {
    let steps = said["steps"].as_array().unwrap();
    steps.iter().find(|step| step["stage"] == stage)
}

fn service(host: &str) -> SocketAddr {
    let last = if host == "server" { 1 } else { 2 };
    ([10, 96, 0, last], 80).into()
}

fn explain(pod: &Pod, asked: &Asked) -> Value {
    let Asked {
        method,
        host,
        path,
        header: (name, value),
    } = asked;
    let url = format!("http://{host}{path}");
    let query = [
        ("url", url),
        ("method", (*method).to_owned()),
        ("header", format!("{name}: {value}")),
        ("destination", service(host).to_string()),
    ];
    let query = query.map(|(name, value)| format!("{name}={}", escaped(&value)));
    let page = admin::page(pod, &format!("/explain?{}", query.join("&")));
    serde_json::from_str(&page).unwrap()
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(escape).collect()
}

fn send(pod: &Pod, asked: &Asked) -> Reply {
    let request = Request::builder()
        .method(asked.method)
        .uri(asked.path)
        .header("host", asked.host)
        .header(asked.header.0, &asked.header.1);
    let request = request.body(Empty::new()).unwrap();
    client::send(&pod.namespace, service(asked.host), Version::Http1, request).unwrap()
}
