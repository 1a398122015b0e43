//! The only place where parts meet: bind everything, then spawn.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use xds_proto::mesh::MeshConfig;

use crate::ca::service::CertificateService;
use crate::config::Config;
use crate::debug::{self, Pages};
use crate::identity::Authenticator;
use crate::mesh::MeshFile;
use crate::xds::listen::{self, Security, Services};
use crate::xds::status::Connections;
use crate::xds::stream::Ads;
use crate::{log, metrics, version};
use secrets::Secrets;

mod secrets;
mod world;

/// Runs the program with its arguments (the first is its name) and returns its exit code: 0 done, 1 failed, 2 wrong usage.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let config = match Config::try_parse_from(args) {
        Ok(config) => config,
        Err(e) => {
            // Nowhere to complain to when the terminal is gone.
            let _printed = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    log::init(&config.log_level, config.log_format);
    match serve(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("tulle-control-plane: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: &Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        let running = start(config).await?;
        signalled().await.context("cannot listen for signals")?;
        tracing::info!("stopping");
        running.stop().await;
        Ok(())
    })
}

/// A control plane that serves.
pub struct Running {
    /// The TLS port.
    pub xds: SocketAddr,
    /// The plaintext port, when there is one.
    pub plaintext: Option<SocketAddr>,
    /// The monitoring port.
    pub debug: SocketAddr,
    /// The root certificate that proxies must trust, as PEM.
    pub root_pem: String,
    drain: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Ends all streams and waits for all tasks.
    pub async fn stop(mut self) {
        self.drain.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Binds all ports and starts all tasks.
///
/// # Errors
/// A broken file, an address in use: the message names it and says what to do.
pub async fn start(config: &Config) -> anyhow::Result<Running> {
    let mesh = match &config.mesh_config {
        Some(path) => MeshFile::load(path)?,
        None => MeshFile::fixed(MeshConfig::default()),
    };
    let secrets = Secrets::open(config, mesh.current().trust_domain())?;
    let tls = secrets.acceptor(&config.tls_san)?;
    let ports = Ports::bind(config).await?;
    let mut running = ports.running(secrets.authority.root_pem())?;

    let drain = running.drain.subscribe();
    let (publisher, ready) = world::start(&mut running.tasks, config, &mesh, &drain);
    let connections = Arc::new(Connections::default());
    let ads = Arc::new(Ads {
        publisher,
        connections: connections.clone(),
        identifier: identifier(),
        root_namespace: mesh.current().root_namespace().to_owned(),
        ready: ready.clone(),
        drain: drain.clone(),
    });
    let services = Arc::new(Services {
        ads,
        certificates: CertificateService::new(secrets.authority),
        authenticator: Authenticator {
            tokens: secrets.tokens,
            mesh,
        },
    });
    let pages = Arc::new(Pages {
        connections,
        metrics: metrics::install(),
        ready,
    });
    running.serve(ports, tls, services, pages)?;
    Ok(running)
}

impl Running {
    fn serve(
        &mut self,
        ports: Ports,
        tls: TlsAcceptor,
        services: Arc<Services>,
        pages: Arc<Pages>,
    ) -> anyhow::Result<()> {
        let drain = self.drain.subscribe();
        tracing::info!("xDS and certificates over TLS on {}", self.xds);
        self.tasks.spawn(listen::serve(
            ports.xds,
            Security::Tls(tls),
            services.clone(),
            drain.clone(),
        ));
        if let Some(listener) = ports.plaintext {
            tracing::warn!(
                "xDS WITHOUT TLS AND WITHOUT AUTHENTICATION on {}: whoever reaches it gets the configuration of any \
                 proxy; for tests and demos only",
                listener.local_addr()?
            );
            self.tasks.spawn(listen::serve(
                listener,
                Security::Plaintext,
                services,
                drain.clone(),
            ));
        }
        tracing::info!("monitoring on {}", self.debug);
        self.tasks.spawn(debug::serve(ports.debug, pages, drain));
        Ok(())
    }
}

struct Ports {
    xds: TcpListener,
    plaintext: Option<TcpListener>,
    debug: TcpListener,
}

impl Ports {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        let plaintext = match config.xds_plaintext {
            Some(address) => Some(bind("--xds-plaintext", address).await?),
            None => None,
        };
        Ok(Self {
            xds: bind("--xds-address", config.xds_address).await?,
            plaintext,
            debug: bind("--debug-address", config.debug_address).await?,
        })
    }

    fn running(&self, root_pem: &str) -> anyhow::Result<Running> {
        Ok(Running {
            xds: self.xds.local_addr()?,
            plaintext: self
                .plaintext
                .as_ref()
                .map(TcpListener::local_addr)
                .transpose()?,
            debug: self.debug.local_addr()?,
            root_pem: root_pem.to_owned(),
            drain: watch::Sender::new(false),
            tasks: JoinSet::new(),
        })
    }
}

async fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| {
        format!(
            "cannot listen on {address}; end the program that does, or choose another with {flag}"
        )
    })
}

async fn signalled() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// `control_plane.identifier`: who answers, in the JSON that istioctl reads.
fn identifier() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.as_deref().map_or("tulle-control-plane", str::trim);
    let info = serde_json::json!({
        "version": version::VERSION, "revision": version::COMMIT, "golang_version": "", "status": "Clean",
        "tag": version::VERSION,
    });
    serde_json::json!({ "Component": "istiod", "ID": name, "Info": info }).to_string()
}
