//! What a sidecar does with traffic while things around it change: new certificates, SIGTERM, a stricter policy.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use http::Request;
use http_body_util::Empty;
use serde_json::Value;

use crate::mesh::admin;
use crate::mesh::app::App;
use crate::mesh::http::{self as client, PATIENCE, Reply, Version, until};
use crate::mesh::node::{Node, Pod};
use crate::mesh::process::Process;
use crate::mesh::sidecar;

const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1)), 80);
const ECHO: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1)), 9000);

/// Unknown destinations are refused.
const REGISTRY_ONLY: &str = "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
";

/// Both pods with their sidecars.
struct Pair {
    client: Pod,
    server: Pod,
    sidecars: [Process; 2],
    node: Node,
}

impl Pair {
    fn start(test: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let node = Node::for_test(test, "lifecycle")?;
        let client = node.pod("client", "client", 1);
        let server = node.pod("server", "server", 2);
        let sidecars = [&client, &server].map(|pod| {
            sidecar::capture(pod);
            sidecar::start_with(&node, pod, settings)
        });
        admin::ready(&client);
        admin::ready(&server);
        Some(Self {
            client,
            server,
            sidecars,
            node,
        })
    }
}

#[test]
fn connections_live_on_while_certificates_are_renewed() {
    let test = "connections_live_on_while_certificates_are_renewed";
    let Some(pair) = Pair::start(test, &[("SECRET_TTL", "20s")]) else {
        return;
    };
    let _app = App::start(&pair.server, &[8080], &[]);
    echo(&pair.server, 9000);
    let first = [serial(&pair.client), serial(&pair.server)];
    let mut open = connect(&pair.client, ECHO);
    says_back(&mut open, b"before");
    until("both certificates are new", &pair.client.namespace, || {
        says_back(&mut open, b"meanwhile");
        assert_eq!(get(&pair.client, HTTP).header("x-server"), "server");
        let now = [serial(&pair.client), serial(&pair.server)];
        (now[0] != first[0] && now[1] != first[1]).then_some(())
    });
    says_back(&mut open, b"after");
    let mut new = connect(&pair.client, ECHO);
    says_back(&mut new, b"with the new certificates");
}

#[test]
fn a_sidecar_that_is_told_to_end_finishes_what_it_has_begun() {
    let test = "a_sidecar_that_is_told_to_end_finishes_what_it_has_begun";
    let settings = [
        ("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "true"),
        ("MINIMUM_DRAIN_DURATION", "1s"),
    ];
    let Some(pair) = Pair::start(test, &settings) else {
        return;
    };
    let app = bind(&pair.server, 8080);
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| get(&pair.client, HTTP));
        let (mut request, _) = app.accept().unwrap();
        read_head(&mut request);
        pair.sidecars[1].terminate();
        until("the sidecar drains", &pair.server.namespace, || {
            let info: Value =
                serde_json::from_str(&admin::page(&pair.server, "/server_info")).ok()?;
            (info["state"] == "DRAINING").then_some(())
        });
        let answer = b"HTTP/1.1 200 OK\r\nx-server: late\r\ncontent-length: 2\r\n\r\nok";
        request.write_all(answer).unwrap();
        asked.join().unwrap()
    });
    assert_eq!((asked.header("x-server"), &*asked.body), ("late", "ok"));
    until("the sidecar ends by itself", &pair.client.namespace, || {
        pair.sidecars[1].has_ended().then_some(())
    });
}

#[test]
fn unknown_destinations_pass_or_are_refused_as_the_policy_says() {
    let test = "unknown_destinations_pass_or_are_refused_as_the_policy_says";
    let Some(pair) = Pair::start(test, &[]) else {
        return;
    };
    let elsewhere = pair.node.pod("elsewhere", "elsewhere", 3);
    let _app = App::start(&elsewhere, &[7777], &[]);
    let unknown = elsewhere.at(7777);
    assert_eq!(get(&pair.client, unknown).header("x-server"), "elsewhere");
    pair.node.plane.write("policy.yaml", REGISTRY_ONLY);
    until(
        "unknown destinations are refused",
        &pair.client.namespace,
        || try_get(&pair.client, unknown).is_err().then_some(()),
    );
    let _server = App::start(&pair.server, &[8080], &[]);
    assert_eq!(get(&pair.client, HTTP).header("x-server"), "server");
    pair.node.plane.remove("policy.yaml");
    until("unknown destinations pass", &pair.client.namespace, || {
        try_get(&pair.client, unknown).ok()
    });
}

fn try_get(pod: &Pod, to: SocketAddr) -> anyhow::Result<Reply> {
    let request = Request::get("/")
        .header("host", "server")
        .body(Empty::new())?;
    client::send(&pod.namespace, to, Version::Http1, request)
}

fn get(pod: &Pod, to: SocketAddr) -> Reply {
    try_get(pod, to).unwrap()
}

/// The serial number of the workload's certificate.
fn serial(pod: &Pod) -> String {
    let certs: Value = serde_json::from_str(&admin::page(pod, "/certs")).unwrap();
    let chains = certs["certificates"].as_array().unwrap().iter();
    let mut serials = chains.filter_map(|one| one.pointer("/cert_chain/0/serial_number")?.as_str());
    serials.next().unwrap().to_owned()
}

fn bind(pod: &Pod, port: u16) -> TcpListener {
    let address = pod.at(port);
    pod.namespace.run(|| TcpListener::bind(address).unwrap())
}

fn connect(pod: &Pod, to: SocketAddr) -> TcpStream {
    let tcp = pod.namespace.run(|| TcpStream::connect(to).unwrap());
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp
}

/// Sends back whatever comes, on every connection, until the test ends.
fn echo(pod: &Pod, port: u16) {
    let listener = bind(pod, port);
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            std::thread::spawn(move || {
                let mut back = tcp.try_clone().unwrap();
                std::io::copy(&mut tcp, &mut back).ok();
                back.shutdown(Shutdown::Write).ok();
            });
        }
    });
}

fn says_back(tcp: &mut TcpStream, text: &[u8]) {
    tcp.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    tcp.read_exact(&mut back).unwrap();
    assert_eq!(back, text);
}

fn read_head(tcp: &mut TcpStream) {
    tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        tcp.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}
