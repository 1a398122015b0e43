//! Secrets for a neighbour: the workload's certificate and root on a Unix socket, as pilot-agent serves them to Envoy.
//!
//! Source: Envoy, *Secret discovery service* (`envoy.service.secret.v3`). Secrets that are not there yet are sent when
//! they arrive; other names are refused.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use xds_proto::name::{ROOT_SECRET, WORKLOAD_SECRET};
use xds_proto::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use xds_proto::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use xds_proto::pb::envoy::service::secret::v3::secret_discovery_service_server::{
    SecretDiscoveryService, SecretDiscoveryServiceServer,
};
use xds_proto::resource::{ResourceKind, pack};

use crate::grpc::OnThisThread;
use crate::secret::{Secret, SecretCell, Secrets};

/// How long accepting rests after a failure, usually for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves on a socket until the process ends. A stale socket is replaced; another kind of file is not.
///
/// # Errors
/// When the socket cannot be made.
pub async fn serve(socket: &Path, secrets: Arc<Secrets>) -> std::io::Result<()> {
    if std::fs::symlink_metadata(socket).is_ok_and(|meta| meta.file_type().is_socket()) {
        std::fs::remove_file(socket)?;
    }
    if let Some(folder) = socket.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let listener = UnixListener::bind(socket)?;
    // it gives the private key away: to this user only
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    let service = TowerToHyperService::new(SecretDiscoveryServiceServer::new(Service { secrets }));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let connection = http2::Builder::new(OnThisThread)
            .serve_connection(TokioIo::new(stream), service.clone());
        tokio::task::spawn_local(async move {
            // a neighbour that misbehaves ends its own connection only
            let _ = connection.await;
        });
    }
}

struct Service {
    secrets: Arc<Secrets>,
}

type Responses<T> = Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl SecretDiscoveryService for Service {
    type StreamSecretsStream = Responses<DiscoveryResponse>;
    type DeltaSecretsStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_secrets(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamSecretsStream>, Status> {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(follow(request.into_inner(), self.secrets.clone(), sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn delta_secrets(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaSecretsStream>, Status> {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(follow(request.into_inner(), self.secrets.clone(), sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn fetch_secrets(
        &self,
        request: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        let cells = find(&self.secrets, &request.into_inner().resource_names)?;
        for cell in &cells {
            cell.ready().await;
        }
        let served = cells.iter().filter_map(|cell| current(cell)).collect();
        Ok(Response::new(DiscoveryResponse::of(served, 1)))
    }
}

/// What the two dialects have in common: names asked for, answers sent.
trait Dialect {
    type Answer: Send + 'static;
    /// Names that are newly asked for; empty for an acknowledgement.
    fn names(self) -> Vec<String>;
}

impl Dialect for DiscoveryRequest {
    type Answer = DiscoveryResponse;
    fn names(self) -> Vec<String> {
        self.resource_names
    }
}

impl Dialect for DeltaDiscoveryRequest {
    type Answer = DeltaDiscoveryResponse;
    fn names(self) -> Vec<String> {
        self.resource_names_subscribe
    }
}

/// A secret as it is sent.
struct Served {
    name: String,
    version: String,
    body: xds_proto::pb::google::protobuf::Any,
}

trait Answer {
    fn of(served: Vec<Served>, nonce: u64) -> Self;
}

impl Answer for DiscoveryResponse {
    fn of(served: Vec<Served>, nonce: u64) -> Self {
        Self {
            version_info: served
                .iter()
                .map(|secret| secret.version.as_str())
                .collect::<Vec<_>>()
                .join("-"),
            resources: served.into_iter().map(|secret| secret.body).collect(),
            type_url: ResourceKind::Secret.type_url().to_owned(),
            nonce: nonce.to_string(),
            ..Default::default()
        }
    }
}

impl Answer for DeltaDiscoveryResponse {
    fn of(served: Vec<Served>, nonce: u64) -> Self {
        let resource = |secret: Served| Resource {
            name: secret.name,
            version: secret.version,
            resource: Some(secret.body),
            ..Default::default()
        };
        Self {
            resources: served.into_iter().map(resource).collect(),
            type_url: ResourceKind::Secret.type_url().to_owned(),
            nonce: nonce.to_string(),
            ..Default::default()
        }
    }
}

/// Serves one stream: what is asked for as soon as it is there, and again whenever it changes.
async fn follow<D: Dialect>(
    mut requests: Streaming<D>,
    secrets: Arc<Secrets>,
    answers: mpsc::Sender<Result<D::Answer, Status>>,
) where
    D::Answer: Answer,
{
    let mut watched: Vec<(Arc<SecretCell>, u64)> = Vec::new();
    let mut nonce = 0;
    loop {
        let changed = next_change(&watched);
        tokio::select! {
            request = requests.message() => {
                let Ok(Some(request)) = request else { return };
                match find(&secrets, &request.names()) {
                    Ok(cells) => watch(&mut watched, cells),
                    Err(refusal) => {
                        let _ = answers.send(Err(refusal)).await;
                        return;
                    }
                }
            }
            () = changed => {}
        }
        let mut served = Vec::new();
        for (cell, sent) in &mut watched {
            let now = *cell.watch().borrow();
            if now > *sent {
                *sent = now;
                served.extend(current(cell));
            }
        }
        if !served.is_empty() {
            nonce += 1;
            if answers
                .send(Ok(D::Answer::of(served, nonce)))
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

fn watch(watched: &mut Vec<(Arc<SecretCell>, u64)>, cells: Vec<Arc<SecretCell>>) {
    for cell in cells {
        if !watched.iter().any(|(known, _)| Arc::ptr_eq(known, &cell)) {
            watched.push((cell, 0));
        }
    }
}

/// Waits until one of the watched secrets has a value that was not sent.
async fn next_change(watched: &[(Arc<SecretCell>, u64)]) {
    let changes = watched.iter().map(|(cell, sent)| {
        let (mut watch, sent) = (cell.watch(), *sent);
        Box::pin(async move {
            if watch.wait_for(|count| *count > sent).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    });
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(changes).await;
}

fn find(secrets: &Secrets, names: &[String]) -> Result<Vec<Arc<SecretCell>>, Status> {
    let find = |name: &String| match name.as_str() {
        WORKLOAD_SECRET | ROOT_SECRET => Ok(secrets.cell(name)),
        _ => Err(Status::not_found(format!(
            "there is no secret {name:?}; there are {WORKLOAD_SECRET} and {ROOT_SECRET}"
        ))),
    };
    names.iter().map(find).collect()
}

fn current(cell: &SecretCell) -> Option<Served> {
    let version = cell.watch().borrow().to_string();
    let inline = |text: String| {
        Some(DataSource {
            specifier: Some(Specifier::InlineBytes(text.into_bytes())),
            ..Default::default()
        })
    };
    let r#type = match cell.get()? {
        Secret::Certificate(certificate) => {
            tls::secret::Type::TlsCertificate(tls::TlsCertificate {
                certificate_chain: inline(certificate.chain_pem()),
                private_key: inline(certificate.key_pem()),
                ..Default::default()
            })
        }
        Secret::Validation(context) => {
            tls::secret::Type::ValidationContext(tls::CertificateValidationContext {
                trusted_ca: context.roots.as_ref().and_then(|roots| inline(roots.pem())),
                ..Default::default()
            })
        }
    };
    let secret = tls::Secret {
        name: cell.name().to_string(),
        r#type: Some(r#type),
    };
    Some(Served {
        name: cell.name().to_string(),
        version,
        body: pack(&secret),
    })
}
