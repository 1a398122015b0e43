//! Two clients and two servers: of each, one has Envoy beside it and one has our proxy.

use std::net::SocketAddr;
use std::path::Path;

use crate::mesh::admin;
use crate::mesh::app::App;
use crate::mesh::bootstrap::Ads;
use crate::mesh::envoy::Envoy;
use crate::mesh::node::{Node, Pod};
use crate::mesh::process::Process;
use crate::mesh::sidecar;

/// Where the service `server` is reached.
pub(super) fn service(port: u16) -> SocketAddr {
    ([10, 96, 0, 1], port).into()
}

/// The pods of `testdata/traffic`, without their sidecars.
pub(super) struct Pods {
    pub(super) envoy_client: Pod,
    pub(super) tulle_client: Pod,
    pub(super) envoy_server: Pod,
    pub(super) tulle_server: Pod,
}

impl Pods {
    pub(super) fn new(node: &Node) -> Self {
        let pod = |name, index| node.pod(name, name, index);
        Self {
            envoy_client: pod("envoy-client", 1),
            tulle_client: pod("tulle-client", 2),
            envoy_server: pod("envoy-server", 3),
            tulle_server: pod("tulle-server", 4),
        }
    }

    /// Both clients.
    pub(super) fn clients(&self) -> [&Pod; 2] {
        [&self.envoy_client, &self.tulle_client]
    }

    /// Both servers.
    pub(super) fn servers(&self) -> [&Pod; 2] {
        [&self.envoy_server, &self.tulle_server]
    }
}

/// Everything that runs in the pods; ends when dropped.
pub(super) struct World<'a> {
    pub(super) envoys: [Envoy<'a>; 2],
    _processes: Vec<Process>,
    _apps: [App; 2],
}

impl<'a> World<'a> {
    /// Starts sidecars and servers, and waits until all are ready.
    pub(super) fn start(program: &Path, node: &'a Node, pods: &'a Pods) -> Self {
        let all = || pods.clients().into_iter().chain(pods.servers());
        all().for_each(sidecar::capture);
        let apps = pods
            .servers()
            .map(|pod| App::start(pod, &[8080, 8081, 8082, 8083], &[9000, 9001]));
        let of_envoy = [&pods.envoy_client, &pods.envoy_server];
        let of_ours = [&pods.tulle_client, &pods.tulle_server];
        let mut processes: Vec<_> = of_ours.map(|pod| sidecar::start(node, pod)).into();
        processes.extend(of_envoy.map(|pod| sidecar::serve_secrets(node, pod)));
        let envoys = of_envoy.map(|pod| Envoy::start(program, node, pod, Ads::Delta));
        let world = Self {
            envoys,
            _processes: processes,
            _apps: apps,
        };
        all().for_each(admin::ready);
        world
    }
}
