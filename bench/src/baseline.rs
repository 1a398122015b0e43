//! The baseline: the same requests with and without one proxy in between, alternating, so that the two see the same
//! machine.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::{process, traffic};

/// What to measure, and how long.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) proxy: PathBuf,
    pub(crate) connections: usize,
    pub(crate) length: Duration,
    pub(crate) rounds: usize,
}

/// A proxy that ends with the measurement.
struct Proxy {
    process: Child,
    listener: SocketAddr,
    ready: Duration,
    _config: Folder,
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Plan {
    /// Measures and prints a table.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let backend = traffic::backend()?;
        let proxy = self.start(backend)?;
        let pid = proxy.process.id();
        let (idle_pss, idle_rss) = process::memory(pid)?;
        println!(
            "start to ready: {:.1} ms",
            proxy.ready.as_secs_f64() * 1000.0
        );
        println!(
            "idle memory: PSS {:.1} MiB, RSS {:.1} MiB",
            mib(idle_pss),
            mib(idle_rss)
        );
        println!(
            "{:<8} {:>9} {:>10} {:>10} {:>14}",
            "", "req/s", "p50 us", "p99 us", "proxy CPU us"
        );
        for connections in [1, self.connections] {
            println!("{connections} connections:");
            for _ in 0..self.rounds {
                self.measure("direct", backend, connections, None).await?;
                self.measure("proxy", proxy.listener, connections, Some(pid))
                    .await?;
            }
        }
        let (pss, rss) = process::memory(pid)?;
        println!(
            "memory after load: PSS {:.1} MiB, RSS {:.1} MiB",
            mib(pss),
            mib(rss)
        );
        Ok(())
    }

    async fn measure(
        &self,
        name: &str,
        to: SocketAddr,
        connections: usize,
        pid: Option<u32>,
    ) -> anyhow::Result<()> {
        let cpu = || pid.map(process::cpu_time).transpose();
        let before = cpu()?;
        let run = traffic::run(to, connections, self.length).await?;
        let used = cpu()?.zip(before).map(|(after, before)| after - before);
        let per_request = used.map(|used| used.as_secs_f64() * 1e6 / run.requests as f64);
        println!(
            "{name:<8} {:>9.0} {:>10.1} {:>10.1} {:>14}",
            run.requests as f64 / self.length.as_secs_f64(),
            run.latency.value_at_quantile(0.5) as f64 / 1000.0,
            run.latency.value_at_quantile(0.99) as f64 / 1000.0,
            per_request.map_or("-".to_owned(), |cpu| format!("{cpu:.1}")),
        );
        Ok(())
    }

    fn start(&self, backend: SocketAddr) -> anyhow::Result<Proxy> {
        let folder =
            Folder(std::env::temp_dir().join(format!("tulle-bench-{}", std::process::id())));
        std::fs::create_dir_all(&folder.0)?;
        let listener = free_port()?;
        let config = folder.0.join("envoy.yaml");
        std::fs::write(&config, bootstrap(listener, backend))?;
        let started = Instant::now();
        let process = Command::new(&self.proxy)
            .args(["--concurrency", "1", "-l", "warning", "-c"])
            .arg(&config)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| {
                format!(
                    "cannot run {}; build it with cargo build --release -p tulle-proxy",
                    self.proxy.display()
                )
            })?;
        let mut proxy = Proxy {
            process,
            listener,
            ready: Duration::ZERO,
            _config: folder,
        };
        while TcpStream::connect(listener).is_err() {
            anyhow::ensure!(
                proxy.process.try_wait()?.is_none(),
                "the proxy ended at once"
            );
            anyhow::ensure!(
                started.elapsed() < Duration::from_secs(10),
                "the proxy does not listen"
            );
        }
        proxy.ready = started.elapsed();
        Ok(proxy)
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn bootstrap(listener: SocketAddr, backend: SocketAddr) -> String {
    let address = |at: SocketAddr| {
        format!(
            "{{socket_address: {{address: {}, port_value: {}}}}}",
            at.ip(),
            at.port()
        )
    };
    format!(
        r#"
static_resources:
  listeners:
  - name: bench
    address: {listener}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: backend}}}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: backend
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: backend
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {backend}}}}}]}}]
"#,
        listener = address(listener),
        backend = address(backend),
    )
}
