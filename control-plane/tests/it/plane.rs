//! A control plane over a temporary directory, and clients of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tulle_control_plane::app::{Running, start};
use tulle_control_plane::config::Config;
use tulle_control_plane::data_dir::DataDir;
use tulle_control_plane::token::{ServiceAccount, TokenKey};
use xds_proto::node::{NodeId, NodeMetadata, ProxyKind};
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use xds_proto::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use xds_proto::resource::ResourceKind;

/// Nothing in these tests takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Plane {
    pub(crate) home: TempDir,
    pub(crate) running: Running,
}

impl Plane {
    /// Starts over a directory with the services `reviews` and `ratings`.
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("mesh")).unwrap();
        write_service(home.path(), "reviews", &["10.1.0.1"]);
        write_service(home.path(), "ratings", &["10.2.0.1"]);
        Self::start_in(home).await
    }

    pub(crate) async fn start_in(home: TempDir) -> Self {
        let registry = format!("file:{}", home.path().join("mesh").display());
        let data = data_dir(home.path()).display().to_string();
        let any = "127.0.0.1:0";
        let args = [
            "tulle-control-plane",
            "--registry",
            &registry,
            "--data-dir",
            &data,
            "--xds-address",
            any,
        ];
        let ports = ["--xds-plaintext", any, "--debug-address", any];
        let config = Config::try_parse_from(args.iter().chain(&ports)).unwrap();
        let running = start(&config).await.unwrap();
        Self { home, running }
    }

    pub(crate) async fn restart(self) -> Self {
        let Self { home, running } = self;
        running.stop().await;
        Self::start_in(home).await
    }

    pub(crate) fn write(&self, service: &str, endpoints: &[&str]) {
        write_service(self.home.path(), service, endpoints);
    }

    pub(crate) fn remove(&self, service: &str) {
        std::fs::remove_file(
            self.home
                .path()
                .join("mesh")
                .join(format!("{service}.yaml")),
        )
        .unwrap();
    }

    /// A join token of this control plane.
    pub(crate) fn token(&self, namespace: &str, account: &str) -> String {
        let dir = DataDir::open(&data_dir(self.home.path())).unwrap();
        let account = ServiceAccount::new(namespace, account).unwrap();
        TokenKey::open(&dir)
            .unwrap()
            .mint(&account, Duration::from_secs(600))
            .unwrap()
    }

    pub(crate) async fn plaintext(&self) -> Channel {
        let address = self.running.plaintext.unwrap();
        Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    /// TLS to the name that sidecars dial, with a client certificate or without.
    pub(crate) async fn tls(
        &self,
        client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Channel {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.running.root_pem.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut tls = match client {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let (connector, address) = (TlsConnector::from(Arc::new(tls)), self.running.xds);
        let connect = tower::service_fn(move |_: http::Uri| {
            let connector = connector.clone();
            async move {
                let tcp = TcpStream::connect(address).await?;
                let name = ServerName::try_from("istiod.istio-system.svc").unwrap();
                connector.connect(name, tcp).await.map(TokioIo::new)
            }
        });
        Endpoint::from_static("http://istiod.istio-system.svc")
            .connect_with_connector(connect)
            .await
            .unwrap()
    }

    /// Body of a page of the monitoring port.
    pub(crate) async fn page(&self, path: &str) -> String {
        let mut tcp = TcpStream::connect(self.running.debug).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

fn data_dir(home: &Path) -> PathBuf {
    home.join("data")
}

/// Written beside and moved into place, as a careful editor does.
pub(crate) fn write_service(home: &Path, name: &str, endpoints: &[&str]) {
    let addresses: String = endpoints
        .iter()
        .map(|ip| format!("- addresses: [\"{ip}\"]\n"))
        .collect();
    let yaml = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  clusterIP: 10.96.0.{ip}\n  \
         ports:\n  - {{name: http, port: 9080}}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  \
         name: {name}-1\n  namespace: default\n  labels: {{kubernetes.io/service-name: {name}}}\naddressType: IPv4\n\
         ports:\n- {{name: http, port: 9080}}\nendpoints:\n{addresses}",
        ip = 10 + name.len() + usize::from(name.as_bytes()[1]),
    );
    let draft = home.join(format!(".{name}.draft"));
    std::fs::write(&draft, yaml).unwrap();
    std::fs::rename(draft, home.join("mesh").join(format!("{name}.yaml"))).unwrap();
}

/// Name of the cluster of `service`.
pub(crate) fn cluster(service: &str) -> String {
    format!("outbound|9080||{service}.default.svc.cluster.local")
}

pub(crate) fn node(pod: &str, namespace: &str) -> Node {
    let id = NodeId {
        kind: ProxyKind::Sidecar,
        ip: "10.9.0.1".parse().unwrap(),
        pod: pod.to_owned(),
        namespace: namespace.to_owned(),
        domain: "cluster.local".to_owned(),
    };
    let metadata = NodeMetadata {
        namespace: Some(namespace.to_owned()),
        service_account: Some("client".to_owned()),
        instance_ips: vec!["10.9.0.1".to_owned()],
        ..NodeMetadata::default()
    };
    Node {
        id: id.to_string(),
        metadata: Some(metadata.to_struct()),
        ..Node::default()
    }
}

/// Waits for `future`, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("nothing came within a minute")
}

/// An incremental ADS stream.
pub(crate) struct Delta {
    requests: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
    node: Option<Node>,
}

impl Delta {
    pub(crate) async fn open(
        channel: Channel,
        node: Node,
        token: Option<&str>,
    ) -> Result<Self, Status> {
        let (requests, outgoing) = mpsc::channel(16);
        let request = with_token(Request::new(ReceiverStream::new(outgoing)), token);
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let responses = soon(client.delta_aggregated_resources(request))
            .await?
            .into_inner();
        Ok(Self {
            requests,
            responses,
            node: Some(node),
        })
    }

    pub(crate) async fn send(&mut self, kind: ResourceKind, mut request: DeltaDiscoveryRequest) {
        request.type_url = kind.type_url().to_owned();
        request.node = self.node.take();
        self.requests.send(request).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, kind: ResourceKind, names: &[&str]) {
        let resource_names_subscribe = names.iter().map(|n| (*n).to_owned()).collect();
        self.send(
            kind,
            DeltaDiscoveryRequest {
                resource_names_subscribe,
                ..Default::default()
            },
        )
        .await;
    }

    pub(crate) async fn next(&mut self) -> Result<DeltaDiscoveryResponse, Status> {
        let message = soon(self.responses.message()).await?;
        message.ok_or_else(|| Status::ok("the server ended the stream"))
    }

    /// The next response, acknowledged.
    pub(crate) async fn accept(&mut self, kind: ResourceKind) -> DeltaDiscoveryResponse {
        let response = self.next().await.unwrap();
        assert_eq!(response.type_url, kind.type_url());
        let request = DeltaDiscoveryRequest {
            response_nonce: response.nonce.clone(),
            ..Default::default()
        };
        self.send(kind, request).await;
        response
    }
}

/// A state-of-the-world ADS stream.
pub(crate) struct StateOfTheWorld {
    requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
    node: Option<Node>,
}

impl StateOfTheWorld {
    pub(crate) async fn open(channel: Channel, node: Node) -> Self {
        let (requests, outgoing) = mpsc::channel(16);
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let responses = soon(client.stream_aggregated_resources(ReceiverStream::new(outgoing)))
            .await
            .unwrap();
        Self {
            requests,
            responses: responses.into_inner(),
            node: Some(node),
        }
    }

    pub(crate) async fn send(&mut self, kind: &str, mut request: DiscoveryRequest) {
        request.type_url = kind.to_owned();
        request.node = self.node.take();
        self.requests.send(request).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> DiscoveryResponse {
        soon(self.responses.message())
            .await
            .unwrap()
            .expect("the stream goes on")
    }
}

pub(crate) fn with_token<T>(mut request: Request<T>, token: Option<&str>) -> Request<T> {
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}
