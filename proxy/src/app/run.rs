//! A running proxy: stores, workers, listeners, and the control runtime on this thread with everything that is not on
//! the request path.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use xds_proto::name::SDS_GRPC_CLUSTER;
use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::resource::pack;

use super::{concurrency, pages};
use crate::admin::{self, AdminState};
use crate::cluster::{Clusters, dns, upkeep};
use crate::config::bootstrap::Bootstrap;
use crate::config::flags::RunFlags;
use crate::config::not_honoured::NamedFields;
use crate::config::sidecar::{DrainConfig, Sidecar};
use crate::http::Shared;
use crate::identity::Identity;
use crate::lifecycle::{Lifecycle, Phase};
use crate::listener::{Direction, Dispatcher};
use crate::logging::LogControl;
use crate::status::{Port, Status};
use crate::telemetry::access_log::Writer;
use crate::telemetry::istio::Workload;
use crate::telemetry::metrics::Registry;
use crate::worker::{self, Workers};
use crate::xds::apply::{Applier, Stores, Wanted, convert};
use crate::xds::follow::{self, Following};
use crate::xds::state::XdsState;

/// When what only starting needed is given back, counted from being ready: first requests are not to meet it.
const AFTER_START: Duration = Duration::from_secs(1);

/// The longest that leaving waits for the workers' last lines of access logs, and again until they are written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Everything a proxy is started with.
pub(super) struct Start {
    pub(super) started: Instant,
    /// What the bootstrap puts in force.
    pub(super) stores: Stores,
    pub(super) bootstrap: Bootstrap,
    pub(super) sidecar: Option<Sidecar>,
    pub(super) flags: RunFlags,
    pub(super) log: LogControl,
    /// The CPU limit in whole cores.
    pub(super) cpu_limit: Option<usize>,
}

/// The parts that everything on the control runtime shares.
struct Proxy {
    stores: Stores,
    registry: Registry,
    lifecycle: Lifecycle,
    xds: XdsState,
    dispatcher: Arc<Dispatcher>,
}

/// Stores that hold what is part of a bootstrap.
///
/// # Errors
/// Names the resource that is refused, and why.
pub(super) fn stores(bootstrap: &Bootstrap, flags: &RunFlags) -> anyhow::Result<Stores> {
    for field in &bootstrap.not_honoured {
        warn!("{field}");
    }
    let stores = Stores {
        mark: flags.proxy_mark,
        ..Stores::default()
    };
    apply_static(bootstrap, &stores)?;
    Ok(stores)
}

/// Runs until the process is told to end. `release` gives free memory back to the kernel.
pub(super) fn run(start: Start, release: fn()) -> anyhow::Result<()> {
    let stores = start.stores.clone();
    let registry = Registry::configured(start.bootstrap.stats.clone());
    let mesh = start
        .sidecar
        .as_ref()
        .and_then(|sidecar| sidecar.proxy_config.concurrency);
    let concurrency = concurrency::workers(start.flags.concurrency, mesh, start.cpu_limit);
    let shared = Shared {
        clusters: stores.clusters.clone(),
        metrics: registry.clone(),
        hostname: std::fs::read_to_string("/proc/sys/kernel/hostname")
            .unwrap_or_default()
            .trim()
            .into(),
        workload: Arc::new(workload(&start)),
        access_logs: Writer::start(&registry).context("cannot start the access log's thread")?,
    };
    let workers =
        Workers::start(concurrency, &shared).context("cannot start the worker threads")?;
    let dispatcher = Dispatcher::new(
        stores.listeners.clone(),
        stores.sockets.clone(),
        registry.clone(),
        workers.clone(),
    );
    let proxy = Proxy {
        stores,
        registry,
        lifecycle: Lifecycle::new(),
        xds: XdsState::default(),
        dispatcher,
    };
    let ended = worker::runtime()?.block_on(proxy.control(start, concurrency, release));
    workers.hand_over_access_logs(LAST_LINES);
    shared.access_logs.wait_until_written(LAST_LINES);
    ended
}

/// Who this proxy stands beside, for telemetry.
fn workload(start: &Start) -> Workload {
    let workload = Workload::of_node(&start.bootstrap.node);
    match &start.sidecar {
        Some(sidecar) => workload.with_principal(sidecar.identity.to_string()),
        None => workload,
    }
}

fn apply_static(bootstrap: &Bootstrap, stores: &Stores) -> anyhow::Result<()> {
    let refused =
        |(name, reason): (String, String)| anyhow::anyhow!("{name:?} is refused: {reason}");
    for secret in &bootstrap.secrets {
        let convert::NamedSecret {
            name,
            secret,
            files,
        } = convert::secret(&pack(secret).into(), stores)
            .map_err(refused)
            .context("static secret")?;
        let cell = stores.secrets.cell(&name);
        cell.set(secret);
        stores.secrets.follow_files(&cell, files);
    }
    if sidecar_is_elsewhere(bootstrap) {
        stores.secrets.ask_sds_grpc();
    }
    apply_static_clusters(bootstrap.clusters.clone(), stores)?;
    let mut named = NamedFields::default();
    named.log(&stores.secrets.not_honoured());
    for listener in &bootstrap.listeners {
        let listener = convert::listener(&pack(listener).into(), stores)
            .map_err(refused)
            .context("static listener")?;
        named.log(&listener.not_honoured);
        stores.sockets.bind(&listener)?;
        stores
            .listeners
            .apply(&listener.name.clone(), Some(Arc::new(listener)));
    }
    Ok(())
}

/// Whether an agent beside this proxy serves the workload's identity, as pilot-agent does for Envoy.
fn sidecar_is_elsewhere(bootstrap: &Bootstrap) -> bool {
    let mut names = bootstrap.clusters.iter().map(|cluster| &cluster.name);
    names.any(|name| name == SDS_GRPC_CLUSTER)
}

/// Puts the clusters of a bootstrap in force.
///
/// # Errors
/// Names the cluster that is refused, and why.
pub(super) fn apply_static_clusters(clusters: Vec<Cluster>, stores: &Stores) -> anyhow::Result<()> {
    let mut named = NamedFields::default();
    for cluster in clusters {
        let refused = |(name, reason): (String, String)| {
            anyhow::anyhow!("static cluster {name:?} is refused: {reason}")
        };
        let cluster = convert::cluster(&pack(&cluster).into(), stores).map_err(refused)?;
        named.log(&cluster.config.not_honoured);
        stores
            .clusters
            .apply([(cluster.config.name.clone(), Some(Arc::new(cluster)))]);
    }
    Ok(())
}

/// Starts what clusters need off the request path: outlier sweeps, and the names of those that are there already.
pub(super) fn look_after(clusters: &Arc<Clusters>) {
    for cluster in clusters.snapshot().values() {
        tokio::task::spawn_local(dns::run(Arc::downgrade(cluster)));
    }
    tokio::task::spawn_local(upkeep::run(clusters.clone()));
}

impl Proxy {
    async fn control(self, start: Start, concurrency: usize, release: fn()) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        self.serve_admin(&start, concurrency).await?;
        self.serve_status(&start).await?;
        look_after(&self.stores.clusters);
        let dispatcher = self.dispatcher.clone();
        tokio::task::spawn_local(async move { dispatcher.run().await });
        if let Some(sidecar) = &start.sidecar {
            let (clusters, secrets) = (self.stores.clusters.clone(), self.stores.secrets.clone());
            let identity = Identity::new(
                sidecar.ca.clone(),
                sidecar.identity.clone(),
                clusters,
                secrets,
            );
            tokio::task::spawn_local(identity.run());
        }
        self.follow_xds(&start);
        let (lifecycle, started) = (self.lifecycle.clone(), start.started);
        tokio::task::spawn_local(async move {
            lifecycle.reached(Phase::Live).await;
            info!(
                "ready after {} ms with {concurrency} workers",
                started.elapsed().as_millis()
            );
        });
        self.give_back_after_start(release);
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: draining"),
            _ = interrupt.recv() => info!("SIGINT: draining"),
            () = self.lifecycle.reached(Phase::Draining) => info!("asked to drain"),
        }
        let drain = start
            .sidecar
            .map_or(Drain::STANDALONE, |sidecar| Drain::of(&sidecar.drain));
        tokio::select! {
            () = self.drain(&drain) => {}
            _ = terminate.recv() => warn!("second SIGTERM: leaving at once"),
            _ = interrupt.recv() => warn!("second SIGINT: leaving at once"),
        }
        Ok(())
    }

    /// What only starting needed goes back to the kernel: first free memory, the work on which touches pages of the program.
    fn give_back_after_start(&self, release: fn()) {
        let lifecycle = self.lifecycle.clone();
        tokio::task::spawn_local(async move {
            lifecycle.reached(Phase::Live).await;
            tokio::time::sleep(AFTER_START).await;
            release();
            pages::give_back();
        });
    }

    async fn serve_admin(&self, start: &Start, concurrency: usize) -> anyhow::Result<()> {
        let Some(address) = start.bootstrap.admin else {
            return Ok(());
        };
        let listener = bind(address, "the admin interface").await?;
        let state = AdminState {
            started: start.started,
            bootstrap: Arc::new(start.bootstrap.clone()),
            concurrency,
            listeners: self.stores.listeners.clone(),
            routes: self.stores.routes.clone(),
            clusters: self.stores.clusters.clone(),
            secrets: self.stores.secrets.clone(),
            xds: self.xds.clone(),
            metrics: self.registry.clone(),
            log: start.log.clone(),
            lifecycle: self.lifecycle.clone(),
        };
        tokio::task::spawn_local(admin::serve(listener, state));
        Ok(())
    }

    async fn serve_status(&self, start: &Start) -> anyhow::Result<()> {
        let Some(sidecar) = &start.sidecar else {
            return Ok(());
        };
        let config = &sidecar.status;
        let status = Rc::new(Status::new(
            config,
            self.lifecycle.clone(),
            self.registry.clone(),
        )?);
        let ports = [
            (Some(config.health_port), Port::Health),
            (config.status_port, Port::Agent),
            (Some(config.prometheus_port), Port::Prometheus),
        ];
        for (number, port) in ports {
            let Some(number) = number else { continue };
            let every = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            let address = SocketAddr::new(start.flags.own_address.unwrap_or(every), number);
            let listener = bind(address, "the status interface").await?;
            tokio::task::spawn_local(status.clone().serve(listener, port));
        }
        Ok(())
    }

    fn follow_xds(&self, start: &Start) {
        let wanted = Wanted {
            listeners: start.bootstrap.lds.clone(),
            clusters: start.bootstrap.cds.clone(),
        };
        if wanted == Wanted::default() {
            self.lifecycle.advance(Phase::Live);
        }
        let applier = Applier::new(
            self.stores.clone(),
            self.xds.clone(),
            wanted,
            self.lifecycle.clone(),
        );
        let following = Following {
            ads: start.bootstrap.ads.clone(),
            node: start.bootstrap.node.clone(),
            clusters: self.stores.clusters.clone(),
            applier,
        };
        tokio::task::spawn_local(follow::run(following));
        let secrets = self.stores.secrets.clone();
        tokio::task::spawn_local(async move { secrets.look_for_ever().await });
    }

    /// Inbound connections end gently; outbound ones keep working, since the application may need them to shut down.
    async fn drain(&self, drain: &Drain) {
        self.lifecycle.advance(Phase::Draining);
        self.dispatcher
            .drain(|direction| direction != Direction::Outbound);
        let idle = async {
            let Some(after) = drain.idle_after else {
                return std::future::pending().await;
            };
            tokio::time::sleep(after).await;
            while self.dispatcher.active_connections() > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let late = async {
            match drain.limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = idle => info!("no connection is open any more: leaving"),
            () = late => info!("drained for {:?}: leaving", drain.limit.unwrap_or_default()),
            () = self.lifecycle.reached(Phase::Quitting) => info!("asked to quit"),
        }
    }
}

/// When a draining proxy leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Drain {
    /// At the latest.
    limit: Option<Duration>,
    /// As soon as no connection is open, from this time on.
    idle_after: Option<Duration>,
}

impl Drain {
    /// Without a mesh that says how.
    const STANDALONE: Self = Self {
        limit: Some(Duration::from_secs(5)),
        idle_after: Some(Duration::ZERO),
    };

    /// As Istio's sidecar: after a fixed time, or when it is idle, not both.
    fn of(config: &DrainConfig) -> Self {
        match config.exit_on_zero_connections {
            true => Self {
                limit: None,
                idle_after: Some(config.minimum_drain),
            },
            false => Self {
                limit: Some(config.termination_drain),
                idle_after: None,
            },
        }
    }
}

async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot bind {what} to {address}; is another proxy running in this network namespace?"
        )
    })
}
