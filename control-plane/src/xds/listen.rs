//! The gRPC ports: accept, TLS, HTTP/2, and which service is asked for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tonic::codec::BufferSettings;
use tonic::{Status, Streaming};
use tonic_prost::ProstDecoder;

use crate::ca::service::CertificateService;
use crate::flag::{Flag, raised};
use crate::identity::{Authenticator, Caller};

use super::body;
use super::stream::{self, Ads, Peer, Requests};

const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const SOTW: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const CERTIFICATE: &str = "/istio.v1.auth.IstioCertificateService/CreateCertificate";
/// A proxy that resumes with tens of thousands of versions stays far below.
const MAX_REQUEST: usize = 32 << 20;
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A silent connection is asked whether it lives after this time …
const KEEPALIVE: Duration = Duration::from_secs(30);
/// … and dropped when it does not answer within this one.
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);
const MAX_STREAMS_PER_CONNECTION: u32 = 128;
const MAX_CONNECTIONS: usize = 100_000;

/// The services behind both ports.
pub(crate) struct Services {
    pub(crate) ads: Arc<Ads>,
    pub(crate) certificates: CertificateService,
    pub(crate) authenticator: Authenticator,
}

/// How a port is secured.
pub(crate) enum Security {
    /// Not at all; whoever reaches the port gets what the node that it names would get.
    Plaintext,
    /// TLS; callers prove who they are by client certificate or join token.
    Tls(TlsAcceptor),
}

/// Accepts connections until drained; established ones end by themselves when their streams do.
pub(crate) async fn serve(
    listener: TcpListener,
    security: Security,
    services: Arc<Services>,
    mut drain: Flag,
) {
    let security = Arc::new(security);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = raised(&mut drain) => return,
        };
        let Ok((tcp, peer)) = accepted.inspect_err(|e| tracing::warn!("accept failed: {e}")) else {
            // Out of file descriptors: accepting at once again would spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (security, services, drain) = (security.clone(), services.clone(), drain.clone());
        tokio::spawn(async move {
            connection(tcp, peer, &security, services, drain).await;
            drop(permit);
        });
    }
}

async fn connection(
    tcp: TcpStream,
    peer: SocketAddr,
    security: &Security,
    services: Arc<Services>,
    drain: Flag,
) {
    if let Err(e) = tcp.set_nodelay(true) {
        tracing::debug!(%peer, "TCP_NODELAY: {e}");
    }
    match security {
        Security::Plaintext => {
            http(
                tcp,
                Client {
                    peer,
                    certificate: None,
                    plaintext: true,
                },
                services,
                drain,
            )
            .await
        }
        Security::Tls(acceptor) => {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await {
                Ok(Ok(tls)) => {
                    let certs = tls.get_ref().1.peer_certificates();
                    let certificate = certs
                        .and_then(|certs| certs.first())
                        .map(|der| der.clone().into_owned());
                    http(
                        tls,
                        Client {
                            peer,
                            certificate,
                            plaintext: false,
                        },
                        services,
                        drain,
                    )
                    .await;
                }
                Ok(Err(e)) => tracing::info!(%peer, "TLS handshake failed: {e}"),
                Err(_) => tracing::info!(%peer, "TLS handshake took more than {HANDSHAKE:?}"),
            }
        }
    }
}

/// What a connection knows of its other end before any request.
struct Client {
    peer: SocketAddr,
    certificate: Option<CertificateDer<'static>>,
    plaintext: bool,
}

async fn http<I>(io: I, client: Client, services: Arc<Services>, mut drain: Flag)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let client = Arc::new(client);
    let peer = client.peer;
    let service = service_fn(move |request| {
        let (services, client) = (services.clone(), client.clone());
        async move { Ok::<_, Infallible>(route(request, &client, &services).await) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_ANSWER)
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = raised(&mut drain) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = outcome {
        tracing::debug!(%peer, "connection ended: {e}");
    }
}

async fn route(
    request: Request<Incoming>,
    client: &Client,
    services: &Arc<Services>,
) -> Response<tonic::body::Body> {
    let caller = match authenticate(&request, client, services) {
        Ok(caller) => caller,
        Err(status) => return status.into_http(),
    };
    match request.uri().path() {
        CERTIFICATE => services.certificates.call(caller, request).await,
        DELTA => ads(client, caller, services, Requests::Delta(decode(request))),
        SOTW => ads(
            client,
            caller,
            services,
            Requests::StateOfTheWorld(decode(request)),
        ),
        other => Status::unimplemented(format!("{other} is not served here")).into_http(),
    }
}

fn authenticate(
    request: &Request<Incoming>,
    client: &Client,
    services: &Services,
) -> Result<Caller, Status> {
    let credential =
        client.certificate.is_some() || request.headers().contains_key(http::header::AUTHORIZATION);
    if client.plaintext && !credential {
        return Ok(Caller::Anonymous);
    }
    services
        .authenticator
        .caller(client.certificate.as_ref(), request.headers())
        .map_err(|e| {
            crate::metrics::unauthenticated();
            tracing::warn!(peer = %client.peer, "caller refused: {e}");
            Status::unauthenticated(e.to_string())
        })
}

fn decode<M: prost::Message + Default + 'static>(request: Request<Incoming>) -> Streaming<M> {
    let decoder = ProstDecoder::<M>::new(BufferSettings::default());
    Streaming::new_request(decoder, request.into_body(), None, Some(MAX_REQUEST))
}

fn ads(
    client: &Client,
    caller: Caller,
    services: &Services,
    requests: Requests,
) -> Response<tonic::body::Body> {
    let (feed, body) = body::channel();
    let peer = Peer {
        caller,
        address: client.peer.to_string(),
    };
    tokio::spawn(stream::serve(services.ads.clone(), peer, requests, feed));
    let mut response = Response::new(tonic::body::Body::new(body));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}
