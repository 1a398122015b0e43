//! The server as a thread of the bench.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tonic::transport;
use tonic::transport::server::TcpIncoming;
use xds_proto::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use xds_proto::resource::Resource;

use super::progress::Progress;
use super::stream::Service;
use super::world::World;

/// A server for one proxy, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    world: Arc<Mutex<World>>,
    versions: watch::Sender<u64>,
    progress: Progress,
    /// The thread ends with it.
    _end: oneshot::Sender<()>,
}

impl Server {
    /// Starts a server on the core of the calling thread.
    pub(crate) fn start(world: World) -> anyhow::Result<Server> {
        let (versions, followed) = watch::channel(world.version());
        let (events, progress) = mpsc::channel();
        let world = Arc::new(Mutex::new(world));
        let service = Service {
            world: Arc::clone(&world),
            versions: followed,
            events,
        };
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let incoming = {
            let _inside = runtime.enter();
            let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into());
            incoming
                .map_err(|error| anyhow::anyhow!("the xDS server cannot listen: {error}"))?
                .with_nodelay(Some(true))
        };
        let at = incoming.local_addr()?;
        let (end, ended) = oneshot::channel::<()>();
        let served = transport::Server::builder()
            .add_service(AggregatedDiscoveryServiceServer::new(service))
            .serve_with_incoming(incoming);
        thread::Builder::new()
            .name("ads".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = served => {}
                        _ = ended => {}
                    }
                });
            })
            .context("cannot start the xDS server")?;
        Ok(Server {
            at,
            world,
            versions,
            progress: Progress(progress),
            _end: end,
        })
    }

    /// Waits until the proxy has accepted everything; `alive` says why waiting makes no sense any more.
    pub(crate) fn wait_for_all(
        &self,
        alive: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let sizes = self.lock().sizes();
        self.progress.wait_for(&sizes, alive)
    }

    /// Sends a resource that the proxy has in another version; when it left.
    pub(crate) fn change<R: Resource>(&self, resource: &R) -> anyhow::Result<Instant> {
        let version = {
            let mut world = self.lock();
            world.offer(resource);
            world.version()
        };
        self.versions.send_replace(version);
        self.progress.sent(R::KIND)
    }

    /// Waits until the proxy has accepted the last change of such a resource.
    pub(crate) fn wait_for_change<R: Resource>(&self) -> anyhow::Result<()> {
        self.progress.accepted(R::KIND)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
