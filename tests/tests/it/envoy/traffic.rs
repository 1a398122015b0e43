//! Real traffic between sidecars: whichever of the two is Envoy, the answer is the same.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;

use super::prepare;
use super::world::{Pods, World, service};
use crate::mesh::http::{self as client, PATIENCE, Reply, Version};
use crate::mesh::namespace::Namespace;
use crate::mesh::node::Pod;

/// One request and what must come of it.
struct Case {
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    status: u16,
    /// The pod that answers; empty where a sidecar answers itself.
    server: &'static str,
    /// Lines of the request as the server sees it.
    seen: &'static [&'static str],
    /// A header of the answer.
    reply: (&'static str, &'static str),
}

const ANY: Case = Case {
    method: "GET",
    path: "/",
    headers: &[],
    status: 200,
    server: "",
    seen: &[],
    reply: ("content-length", ""),
};

const CASES: &[Case] = &[
    Case {
        path: "/envoy/a?b=c",
        server: "envoy-server",
        seen: &["GET /envoy/a?b=c"],
        ..ANY
    },
    Case {
        path: "/tulle/a",
        method: "POST",
        server: "tulle-server",
        seen: &["POST /tulle/a"],
        ..ANY
    },
    Case {
        path: "/picked",
        headers: &[("x-pick", "envoy")],
        server: "envoy-server",
        ..ANY
    },
    Case {
        path: "/picked",
        headers: &[("x-pick", "trifle")],
        server: "tulle-server",
        ..ANY
    },
    Case {
        path: "/old",
        status: 308,
        reply: ("location", "http://server/new"),
        ..ANY
    },
    Case {
        path: "/closed/door",
        status: 418,
        ..ANY
    },
    Case {
        path: "/rewritten/x",
        headers: &[("x-secret", "1")],
        server: "*",
        seen: &["GET /inner/x", "x-added: yes", "host: server"],
        reply: ("x-reply", "yes"),
        ..ANY
    },
];

#[test]
fn envoy_and_ours_route_alike_in_both_directions() {
    let Some((program, node)) = prepare("envoy_and_ours_route_alike_in_both_directions", "traffic")
    else {
        return;
    };
    let pods = Pods::new(&node);
    let world = World::start(&program, &node, &pods);
    for pod in pods.clients() {
        for case in CASES {
            for (version, port) in [
                (Version::Http1, 80),
                (Version::Http2, 81),
                (Version::Http1, 82),
            ] {
                case.check(pod, version, service(port));
            }
        }
    }
    for envoy in &world.envoys {
        envoy.assert_nothing_was_refused();
    }
}

#[test]
fn weights_split_between_envoy_and_ours() {
    const REQUESTS: usize = 160;
    let Some((program, node)) = prepare("weights_split_between_envoy_and_ours", "traffic") else {
        return;
    };
    let pods = Pods::new(&node);
    let _world = World::start(&program, &node, &pods);
    for pod in pods.clients() {
        let replies = (0..REQUESTS).map(|_| ask(pod, Version::Http1, service(80), &ANY));
        let servers: Vec<String> = replies
            .map(|reply| reply.header("x-server").to_owned())
            .collect();
        let of_envoy = servers
            .iter()
            .filter(|name| *name == "envoy-server")
            .count();
        let of_ours = servers
            .iter()
            .filter(|name| *name == "tulle-server")
            .count();
        assert_eq!(of_envoy + of_ours, REQUESTS, "{servers:?}");
        // three quarters, give or take five standard deviations
        assert!(
            (92..=148).contains(&of_envoy),
            "{}: {of_envoy} of {REQUESTS}",
            pod.name
        );
    }
}

#[test]
fn mutual_tls_holds_between_envoy_and_ours() {
    let Some((program, node)) = prepare("mutual_tls_holds_between_envoy_and_ours", "traffic")
    else {
        return;
    };
    let pods = Pods::new(&node);
    let _world = World::start(&program, &node, &pods);
    for pod in pods.clients() {
        for (server, path) in pods.servers().into_iter().zip(["/envoy", "/tulle"]) {
            let case = Case { path, ..ANY };
            let reply = ask(pod, Version::Http1, service(80), &case);
            let from = format!("URI={}", pod.identity());
            let to = format!("By={}", server.identity());
            assert!(
                reply.body.contains(&from) && reply.body.contains(&to),
                "{}",
                reply.body
            );
        }
        for (port, from) in [(9000, "tcp"), (9001, "undeclared")] {
            let greeting = greeting(&pod.namespace, service(port)).unwrap();
            assert!(
                greeting.ends_with("-server"),
                "{from} from {}: {greeting:?}",
                pod.name
            );
        }
    }
    for server in pods.servers() {
        let plain = client::get(&node.hub, server.at(8080), "/");
        assert!(
            plain.is_err(),
            "{} answers without TLS: {plain:?}",
            server.name
        );
        let plain = greeting(&node.hub, server.at(9000)).unwrap_or_default();
        assert_eq!(plain, "", "{} greets without TLS", server.name);
    }
}

impl Case {
    fn check(&self, pod: &Pod, version: Version, to: SocketAddr) {
        let reply = ask(pod, version, to, self);
        let context = format!(
            "{} {} {} to {to} by {version:?}: {reply:?}",
            pod.name, self.method, self.path
        );
        assert_eq!(
            reply.status,
            StatusCode::from_u16(self.status).unwrap(),
            "{context}"
        );
        if self.server != "*" {
            assert_eq!(reply.header("x-server"), self.server, "{context}");
        }
        for line in self.seen {
            assert!(reply.body.contains(line), "{line:?} is not in {context}");
        }
        let (name, value) = self.reply;
        assert!(value.is_empty() || reply.header(name) == value, "{context}");
        assert!(!reply.body.contains("x-secret"), "{context}");
    }
}

fn ask(pod: &Pod, version: Version, to: SocketAddr, case: &Case) -> Reply {
    let mut request = Request::builder().method(case.method);
    request = match version {
        Version::Http1 => request.uri(case.path).header("host", "server"),
        Version::Http2 => request.uri(format!("http://server{}", case.path)),
    };
    for (name, value) in case.headers {
        request = request.header(*name, *value);
    }
    let request: Request<Empty<Bytes>> = request.body(Empty::new()).unwrap();
    let reply = client::send(&pod.namespace, to, version, request);
    reply.unwrap_or_else(|error| panic!("{} {} to {to}: {error:#}", pod.name, case.path))
}

/// What a server that speaks first says.
fn greeting(namespace: &Namespace, to: SocketAddr) -> std::io::Result<String> {
    namespace.run(|| {
        let mut tcp = TcpStream::connect(to)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut greeting = String::new();
        tcp.read_to_string(&mut greeting)?;
        Ok(greeting)
    })
}
