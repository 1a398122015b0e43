//! The three proxies, each in front of a backend of its own: ours, Envoy with the same configuration, and nginx.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::backend::{Backend, Recorded};
use crate::mesh::envoy;
use crate::mesh::http::{PATIENCE, until};
use crate::mesh::namespace::Namespace;
use crate::mesh::process::Process;

/// Ends every input: whoever answers it has read all before it as requests.
const LAST: &[u8] = b"GET /last HTTP/1.1\r\nhost: last\r\nconnection: close\r\n\r\n";

/// A proxy and its backend.
pub(super) struct Peer {
    front: SocketAddr,
    backend: Backend,
    _process: Process,
}

/// What became of some bytes.
#[derive(Debug)]
pub(super) struct Observed {
    /// The status of each response.
    pub(super) statuses: Vec<u16>,
    /// Connections to the backend, without the one of the request that ends the input.
    pub(super) recorded: Vec<Recorded>,
}

impl Peer {
    /// Our proxy.
    pub(super) fn ours(namespace: &Namespace, home: &Path) -> Self {
        let program = env!("CARGO_BIN_EXE_sidecar");
        Self::start("ours", namespace, |front, backend| {
            let file = write(home, "ours.yaml", &bootstrap(front, backend));
            let mut command = Command::new(program);
            command.args(["--concurrency", "1", "-c"]).arg(file);
            (command, home.join("ours.log"))
        })
    }

    /// Envoy, from the very same configuration.
    pub(super) fn envoy(namespace: &Namespace, home: &Path, program: &Path) -> Self {
        Self::start("Envoy", namespace, |front, backend| {
            let file = write(home, "envoy.yaml", &bootstrap(front, backend));
            let mut command = Command::new(program);
            command
                .args(["--concurrency", "1", "--use-dynamic-base-id"])
                .args(["--log-level", "error", "--config-path"])
                .arg(file);
            (command, home.join("envoy.log"))
        })
    }

    /// nginx, as it is usually made a proxy.
    pub(super) fn nginx(namespace: &Namespace, home: &Path, program: &Path) -> Self {
        Self::start("nginx", namespace, |front, backend| {
            let file = write(home, "nginx.conf", &nginx(front, backend));
            let mut command = Command::new(program);
            command.arg("-p").arg(home).arg("-c").arg(file);
            command.args(["-e", "stderr"]);
            (command, home.join("nginx.log"))
        })
    }

    /// Starts what `command` makes of the two addresses, and waits until it accepts.
    fn start(
        name: &'static str,
        namespace: &Namespace,
        command: impl FnOnce(SocketAddr, SocketAddr) -> (Command, PathBuf),
    ) -> Self {
        let backend = Backend::start();
        // Nobody else takes ports in this namespace.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let front = free.local_addr().unwrap();
        drop(free);
        let (command, log) = command(front, backend.address);
        let process = Process::start(namespace, command, &log);
        until(name, namespace, || TcpStream::connect(front).ok());
        let peer = Self {
            front,
            backend,
            _process: process,
        };
        assert_eq!(peer.observe(b"").statuses, [200], "{name} serves");
        peer
    }

    /// Sends `bytes` on a connection of their own.
    pub(super) fn observe(&self, bytes: &[u8]) -> Observed {
        let answer = exchange(self.front, &[bytes, LAST].concat());
        let mut recorded = self.backend.recorded();
        if recorded.last().is_some_and(is_last) {
            recorded.pop();
        }
        let heads = answer.split("HTTP/1.1 ").skip(1);
        let statuses = heads.filter_map(|head| head.get(..3)?.parse().ok());
        Observed {
            statuses: statuses.collect(),
            recorded,
        }
    }
}

fn is_last(recorded: &Recorded) -> bool {
    matches!(&recorded.request, Ok(Some(request)) if request.meaning.target == "/last")
}

/// The program `nginx`, if there is one.
pub(super) fn nginx_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut programs = folders.map(|folder| folder.join("nginx"));
    programs.find(|program| program.is_file())
}

/// Envoy and nginx, or what is missing.
pub(super) fn programs() -> Result<(PathBuf, PathBuf), &'static str> {
    let envoy = envoy::program().ok_or("no Envoy; .ci/install fetches it")?;
    let nginx = nginx_program().ok_or("no nginx; .ci/install installs it")?;
    Ok((envoy, nginx))
}

/// Everything that comes back until the proxy ends the connection.
fn exchange(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A proxy that has refused the beginning may not take the rest.
    stream.write_all(bytes).ok();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    if let Err(error) = ended {
        let reset = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(reset, "{error} after {:?}", String::from_utf8_lossy(bytes));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn write(home: &Path, name: &str, text: &str) -> PathBuf {
    let file = home.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn bootstrap(front: SocketAddr, backend: SocketAddr) -> String {
    let (front, backend) = (front.port(), backend.port());
    format!(
        r#"
node: {{ id: front, cluster: front }}
static_resources:
  listeners:
  - name: front
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {front} }} }}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          generate_request_id: false
          stream_idle_timeout: 5s
          delayed_close_timeout: 0.1s
          request_headers_timeout: 5s
          http_protocol_options: {{ accept_http_10: true, default_host_for_http_10: old.example }}
          upgrade_configs: [ {{ upgrade_type: websocket }} ]
          route_config:
            name: local
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [ {{ match: {{ prefix: / }}, route: {{ cluster: backend, timeout: 20s }} }} ]
          http_filters:
          - name: router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: backend
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {backend} }} }} }}
"#
    )
}

fn nginx(front: SocketAddr, backend: SocketAddr) -> String {
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxied;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_header_timeout 5s;
  client_body_timeout 5s;
  keepalive_timeout 5s;
  server {{
    listen {front};
    server_name old.example;
    location / {{
      proxy_pass http://{backend};
      proxy_http_version 1.1;
      proxy_next_upstream off;
      proxy_set_header Host $host;
      proxy_set_header Connection '';
    }}
  }}
}}
"
    )
}
