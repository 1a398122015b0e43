//! gRPC channels of the proxy's own: an HTTP/2 connection to an endpoint of a cluster, opened like any other upstream
//! connection, with the cluster's own TLS. Used for xDS, certificates and secrets, never for requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tonic::body::Body;

use crate::cluster::{Cluster, Clusters, PickError, PickFacts};
use crate::transport::{self, Address, ConnectOptions};

/// How often a silent server is asked whether it is still there, and how long it may take to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The cluster is not there.
    #[error("the cluster {0:?} is not configured; add it to static_resources.clusters")]
    NoCluster(String),
    /// The cluster has no endpoint, as long as its name does not resolve.
    #[error("cluster {cluster}: {source}")]
    NoEndpoint {
        /// The cluster.
        cluster: String,
        /// Why.
        source: PickError,
    },
    /// No connection.
    #[error(transparent)]
    Transport(#[from] transport::ConnectError),
    /// The server does not speak HTTP/2.
    #[error("the server at {0} does not speak HTTP/2: {1}")]
    Http2(Address, hyper::Error),
    /// The cluster's name cannot be an authority.
    #[error("{0:?} cannot be the :authority of the stream; set envoy_grpc.authority")]
    Authority(String),
}

/// Opens a channel to an endpoint of a cluster. The second half is what requests are addressed to, for generated
/// clients' `with_origin`.
///
/// # Errors
/// When the cluster has no endpoint, or none that speaks HTTP/2 over its transport.
pub(crate) async fn connect(
    clusters: &Clusters,
    cluster: &str,
    authority: &str,
) -> Result<(Channel, Uri), ConnectError> {
    let found = clusters
        .get(cluster)
        .ok_or_else(|| ConnectError::NoCluster(cluster.to_owned()))?;
    let authority = if authority.is_empty() {
        cluster
    } else {
        authority
    };
    let origin = format!("http://{authority}")
        .parse()
        .map_err(|_| ConnectError::Authority(authority.to_owned()))?;
    Ok((Channel(open(&found).await?), origin))
}

async fn open(cluster: &Arc<Cluster>) -> Result<SendRequest<Body>, ConnectError> {
    let mut rng = fastrand::Rng::new();
    let mut facts = PickFacts {
        hash: None,
        subset: &Default::default(),
        original_dst: None,
        excluded: &[],
        attempts: 1,
        rng: &mut rng,
    };
    let picked = cluster
        .pick(&mut facts)
        .map_err(|source| ConnectError::NoEndpoint {
            cluster: cluster.config.name.to_string(),
            source,
        })?;
    let endpoint = &picked.endpoint;
    let address = &endpoint.facts.address;
    let options = ConnectOptions {
        timeout: cluster.config.connect_timeout,
        mark: cluster.config.socket.mark,
        ..ConnectOptions::default()
    };
    let upstream =
        transport::connect(address, cluster.config.transport_for(endpoint), &options).await?;
    let (sender, connection) = http2::Builder::new(OnThisThread)
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .handshake(TokioIo::new(upstream))
        .await
        .map_err(|error| ConnectError::Http2(address.clone(), error))?;
    tokio::task::spawn_local(connection);
    Ok(sender)
}

/// A connection as the service that generated clients call.
#[derive(Debug, Clone)]
pub(crate) struct Channel(SendRequest<Body>);

impl tower::Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Runs the connection's tasks on the runtime of the caller's thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnThisThread;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}
