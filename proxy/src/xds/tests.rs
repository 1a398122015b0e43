//! Streams and files against real servers and files: what stays, what is resumed, what is asked for.

mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use xds_proto::name::ROOT_SECRET;
use xds_proto::pb::envoy::config::bootstrap::v3::Bootstrap as Message;
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::pb::envoy::service::discovery::v3::Resource;
use xds_proto::resource::{ResourceKind, pack};

use self::server::server;
use super::Dialect;
use super::apply::{Applier, Stores, Wanted, convert};
use super::follow::{self, Following};
use super::state::XdsState;
use crate::config::ads::StreamConfig;
use crate::config::bootstrap;
use crate::config::source::Source;
use crate::lifecycle::Lifecycle;
use crate::secret::{Secret, Secrets, TrustRoots, ValidationContext};

const PATIENCE: Duration = Duration::from_secs(30);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

/// Looks again and again until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let looks = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looks).await;
    assert!(looked.is_ok(), "{what} did not come about");
}

fn message(clusters: &str) -> Message {
    let text = format!("static_resources: {{clusters: [{clusters}]}}");
    bootstrap::parse(&text, "test").unwrap().message
}

/// Static clusters in force.
fn stores(clusters: &str) -> Stores {
    let stores = Stores::default();
    for cluster in message(clusters).static_resources.unwrap().clusters {
        let cluster = convert::cluster(&pack(&cluster).into(), &stores).unwrap();
        let name = cluster.config.name.clone();
        stores.clusters.apply([(name, Some(Arc::new(cluster)))]);
    }
    stores
}

/// Follows what is wanted; the aggregated stream goes to the cluster `xds`.
fn begin(stores: &Stores, ads: bool, clusters: Option<Source>) -> XdsState {
    let state = XdsState::default();
    let wanted = Wanted {
        listeners: None,
        clusters,
    };
    let applier = Applier::new(stores.clone(), state.clone(), wanted, Lifecycle::new());
    tokio::task::spawn_local(follow::run(Following {
        ads: ads.then(|| stream("xds")),
        node: Node::default(),
        clusters: Arc::clone(&stores.clusters),
        applier,
    }));
    state
}

fn stream(cluster: &str) -> StreamConfig {
    StreamConfig {
        dialect: Dialect::Delta,
        cluster: cluster.to_owned(),
        authority: String::new(),
        metadata: Vec::new(),
        token: None,
    }
}

fn at_port(name: &str, port: u16) -> String {
    format!(
        "{{name: {name}, type: STATIC, connect_timeout: 5s, http2_protocol_options: {{}}, load_assignment: {{cluster_name: {name}, \
         endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}}}"
    )
}

/// A cluster as the server sends it.
fn eds(name: &str) -> Resource {
    let text = format!(
        "{{name: {name}, type: EDS, connect_timeout: 1s, eds_cluster_config: {{eds_config: {{ads: {{}}}}}}}}"
    );
    let cluster = message(&text).static_resources.unwrap().clusters.remove(0);
    resource(name, pack(&cluster))
}

fn endpoints(name: &str) -> Resource {
    let text = at_port(name, 80);
    let cluster = message(&text).static_resources.unwrap().clusters.remove(0);
    resource(name, pack(&cluster.load_assignment.unwrap()))
}

fn resource(name: &str, body: xds_proto::pb::google::protobuf::Any) -> Resource {
    Resource {
        name: name.to_owned(),
        version: "1".to_owned(),
        resource: Some(body),
        ..Default::default()
    }
}

#[test]
fn a_server_that_goes_in_the_middle_is_resumed_with_what_was_applied_by_then() {
    run(async {
        let (port, mut streams) = server().await;
        let stores = stores(&at_port("xds", port));
        begin(&stores, true, Some(Source::Ads));
        let mut first = streams.recv().await.unwrap();
        let asked = first.request(ResourceKind::Cluster).await;
        assert!(asked.initial_resource_versions.is_empty());
        first
            .send(ResourceKind::Cluster, vec![eds("a"), eds("b")])
            .await;
        let mut wanted = first.request(ResourceKind::Endpoint).await;
        wanted.resource_names_subscribe.sort();
        assert_eq!(wanted.resource_names_subscribe, ["a", "b"]);
        // half of the endpoints, then the server is killed
        first
            .send(ResourceKind::Endpoint, vec![endpoints("a")])
            .await;
        until("cluster a", || stores.clusters.get("a").is_some()).await;
        drop(first);

        let mut second = streams.recv().await.unwrap();
        let clusters = second.request(ResourceKind::Cluster).await;
        let mut held: Vec<_> = clusters.initial_resource_versions.keys().collect();
        held.sort();
        assert_eq!(held, ["a", "b"]);
        let endpoints_held = second.request(ResourceKind::Endpoint).await;
        let held: Vec<_> = endpoints_held.initial_resource_versions.keys().collect();
        assert_eq!(held, ["a"]);
        assert_eq!(endpoints_held.resource_names_subscribe.len(), 2);
        assert!(stores.clusters.get("b").is_none(), "it waits for endpoints");
        second
            .send(ResourceKind::Endpoint, vec![endpoints("b")])
            .await;
        until("cluster b", || stores.clusters.get("b").is_some()).await;
    });
}

#[test]
fn a_refusal_names_the_resource_and_the_rest_of_its_response_serves() {
    run(async {
        let (port, mut streams) = server().await;
        let stores = stores(&at_port("xds", port));
        begin(&stores, true, Some(Source::Ads));
        let mut stream = streams.recv().await.unwrap();
        stream.request(ResourceKind::Cluster).await;
        let mut broken = eds("bad");
        broken.resource.as_mut().unwrap().value = vec![0xff];
        stream
            .send(ResourceKind::Cluster, vec![broken.clone(), eds("good")])
            .await;
        let refused = stream.request(ResourceKind::Cluster).await;
        assert_eq!(refused.response_nonce, "1");
        assert!(refused.error_detail.unwrap().message.contains("bad"));
        let wanted = stream.request(ResourceKind::Endpoint).await;
        assert_eq!(wanted.resource_names_subscribe, ["good"]);
        // a server that insists is answered all the same, once for the newest
        stream
            .send(ResourceKind::Cluster, vec![broken.clone()])
            .await;
        stream.send(ResourceKind::Cluster, vec![broken]).await;
        let refused = stream.request(ResourceKind::Cluster).await;
        assert!(refused.error_detail.is_some());
    });
}

fn roots() -> Secret {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["root".to_owned()]).unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let roots = TrustRoots::from_pem(pem.as_bytes()).unwrap();
    Secret::Validation(Arc::new(ValidationContext::trusting(roots)))
}

/// A cluster whose trust roots come from the cluster `agent`.
fn trusting_agent(dialect: &str) -> String {
    format!(
        "{{name: web, type: STATIC, connect_timeout: 1s, load_assignment: {{cluster_name: web}}, transport_socket: {{name: tls, \
         typed_config: {{'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, \
         common_tls_context: {{validation_context_sds_secret_config: {{name: {ROOT_SECRET}, sds_config: {{api_config_source: \
         {{api_type: {dialect}, transport_api_version: V3, grpc_services: [{{envoy_grpc: {{cluster_name: agent}}}}]}}}}}}}}}}}}}}"
    )
}

async fn takes_secrets_from_an_agent(dialect: &str) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("sds");
    let agent = Arc::new(Secrets::new());
    let (path, served) = (socket.clone(), Arc::clone(&agent));
    tokio::task::spawn_local(
        async move { crate::identity::sds::serve(&path, served).await.unwrap() },
    );
    let at_socket = format!(
        "{{name: agent, type: STATIC, connect_timeout: 5s, http2_protocol_options: {{}}, load_assignment: {{cluster_name: agent, \
         endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{pipe: {{path: {}}}}}}}}}]}}]}}}}",
        socket.display()
    );
    let stores = stores(&format!("{at_socket}, {}", trusting_agent(dialect)));
    begin(&stores, false, None);
    let web = stores.clusters.get("web").unwrap();
    let cell = web.config.secrets().next().unwrap().clone();
    assert!(!cell.is_ready());
    agent.apply(ROOT_SECRET, roots());
    until("the secret", || cell.is_ready()).await;
    let before = cell.generation();
    agent.apply(ROOT_SECRET, roots());
    until("the new secret", || cell.generation() != before).await;
}

#[test]
fn secrets_come_over_a_stream_of_their_own_to_any_cluster_in_both_dialects() {
    run(async {
        takes_secrets_from_an_agent("DELTA_GRPC").await;
        takes_secrets_from_an_agent("GRPC").await;
    });
}

/// Puts a file in its place the way careful writers do.
fn publish(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn from_file(path: &Path) -> String {
    format!("{{path_config_source: {{path: {}}}}}", path.display())
}

/// Clusters whose endpoints come from a source.
fn clusters_in_a_file(names: &[&str], endpoints: &str) -> String {
    let cluster = |name: &&str| {
        format!(
            "- '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: {name}\n  type: EDS\n  connect_timeout: 1s\n  \
             eds_cluster_config: {{eds_config: {endpoints}}}\n"
        )
    };
    let resources: String = names.iter().map(cluster).collect();
    format!("version_info: '1'\nresources:\n{resources}")
}

fn endpoints_in_a_file(names: &[&str]) -> String {
    let assignment = |name: &&str| {
        format!(
            "- '@type': type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\n  cluster_name: {name}\n  endpoints: \
             [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 80}}}}}}}}]}}]\n"
        )
    };
    let resources: String = names.iter().map(assignment).collect();
    format!("resources:\n{resources}")
}

#[test]
fn clusters_and_their_endpoints_come_from_files_which_are_followed() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| -> PathBuf { folder.path().join(name) };
        let (cds, eds) = (file("cds.yaml"), file("eds.yaml"));
        publish(&cds, &clusters_in_a_file(&["a"], &from_file(&eds)));
        publish(&eds, &endpoints_in_a_file(&["a", "b"]));
        let stores = stores("");
        let state = begin(&stores, false, Some(Source::File(Arc::new(cds.clone()))));
        let has = |name: &str| {
            let cluster = stores.clusters.get(name);
            cluster.is_some_and(|cluster| cluster.endpoints().hosts().count() == 1)
        };
        until("cluster a", || has("a")).await;
        publish(&cds, "resources: 7");
        publish(&cds, &clusters_in_a_file(&["a", "b"], &from_file(&eds)));
        until("cluster b", || has("b")).await;
        publish(&cds, &clusters_in_a_file(&["b"], &from_file(&eds)));
        until("the end of a", || stores.clusters.get("a").is_none()).await;
        assert!(has("b") && state.has_answer(ResourceKind::Cluster));
    });
}

#[test]
fn what_comes_to_be_wanted_is_asked_for_while_the_server_says_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let cds = folder.path().join("cds.yaml");
        let want = |names: &[&str]| publish(&cds, &clusters_in_a_file(names, "{ads: {}}"));
        let (port, mut streams) = server().await;
        let stores = stores(&at_port("xds", port));
        want(&["a"]);
        begin(&stores, true, Some(Source::File(Arc::new(cds.clone()))));
        let mut first = streams.recv().await.unwrap();
        let asked = first.request(ResourceKind::Endpoint).await;
        assert_eq!(asked.resource_names_subscribe, ["a"]);
        want(&["a", "b"]);
        let asked = first.request(ResourceKind::Endpoint).await;
        assert_eq!(asked.resource_names_subscribe, ["b"]);
        want(&[]);
        let asked = first.request(ResourceKind::Endpoint).await;
        assert_eq!(asked.resource_names_unsubscribe, ["a", "b"]);
        drop(first);
        want(&["c"]);
        let mut second = streams.recv().await.unwrap();
        let asked = second.request(ResourceKind::Endpoint).await;
        assert_eq!(asked.resource_names_subscribe, ["c"]);
        second
            .send(ResourceKind::Endpoint, vec![endpoints("c")])
            .await;
        until("cluster c", || stores.clusters.get("c").is_some()).await;
    });
}
