//! istioctl's questions over xDS: one request of a debug type, one answer, no acknowledgement.

use std::time::SystemTime;

use tokio::sync::mpsc;
use tonic::Status;
use xds_proto::pb::envoy::admin::v3::UpdateFailureState;
use xds_proto::pb::envoy::config::core::v3::{ControlPlane, Node};
use xds_proto::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use xds_proto::pb::envoy::service::status::v3::client_config::GenericXdsConfig;
use xds_proto::pb::envoy::service::status::v3::{ClientConfig, ConfigStatus};
use xds_proto::pb::google::protobuf::{Any, Timestamp};
use xds_proto::protobuf_struct;
use xds_proto::resource::{ResourceKind, pack_any};

use crate::debug;
use crate::identity::Caller;

use super::body::Outgoing;
use super::debug_dump;
use super::frame;
use super::status::{Connection, Sync, TypeStatus};
use super::stream::{Ads, Peer};

const PREFIX: &str = "istio.io/debug";
const SYNCZ: &str = "istio.io/debug/syncz";
const CONFIG_DUMP: &str = "istio.io/debug/config_dump";
const NOT_FOUND: &[u8] = b"404 page not found\n";

/// Whether the type is a debug question instead of a resource.
pub(super) fn is_one(type_url: &str) -> bool {
    type_url == PREFIX || type_url.starts_with("istio.io/debug/")
}

/// Answers and ends the stream.
pub(super) async fn serve(
    ads: &Ads,
    peer: &Peer,
    request: &DiscoveryRequest,
    feed: &mpsc::Sender<Outgoing>,
) -> Result<(), Status> {
    admit(ads, &peer.caller)?;
    let resources = match request.type_url.as_str() {
        SYNCZ => ads
            .connections
            .all()
            .iter()
            .map(|c| pack_any(&client_config(c)))
            .collect(),
        CONFIG_DUMP => config_dump(ads, request.resource_names.first()),
        PREFIX => vec![raw(
            ads,
            request.resource_names.first().map_or("", String::as_str),
        )],
        other => {
            return Err(Status::unimplemented(format!(
                "{other} is not answered by this control plane"
            )));
        }
    };
    let response = DiscoveryResponse {
        type_url: request.type_url.clone(),
        resources,
        control_plane: Some(ControlPlane {
            identifier: ads.identifier.clone(),
        }),
        ..DiscoveryResponse::default()
    };
    // A client that has gone in the meantime needs no answer.
    let _gone = feed
        .send(Outgoing::Message(frame::message(&response)))
        .await;
    feed.closed().await;
    Ok(())
}

/// Everybody's state is for the mesh's own namespace, or for the plaintext port that trusts its network.
fn admit(ads: &Ads, caller: &Caller) -> Result<(), Status> {
    match caller {
        Caller::Anonymous => Ok(()),
        Caller::Workload(id) if id.namespace() == ads.root_namespace => Ok(()),
        Caller::Workload(id) => Err(Status::permission_denied(format!(
            "{id} is not in namespace {}; use a token of it",
            ads.root_namespace
        ))),
    }
}

/// What the proxy `POD.NAMESPACE` should run; nothing where it is not connected here.
fn config_dump(ads: &Ads, name: Option<&String>) -> Vec<Any> {
    let all = ads.connections.all();
    let named = all
        .iter()
        .find(|connection| name.is_some_and(|name| *name == connection.proxy));
    named
        .map(|connection| debug_dump::sections(&ads.publisher, &connection.who))
        .unwrap_or_default()
}

/// The answer of an HTTP debug page, carried as it is.
fn raw(ads: &Ads, page: &str) -> Any {
    let value = match page.split('?').next().unwrap_or("") {
        "syncz" => debug::syncz(&ads.connections).into_bytes(),
        "list" => b"[\"/debug/syncz\"]\n".to_vec(),
        _ => NOT_FOUND.to_vec(),
    };
    Any {
        type_url: PREFIX.to_owned(),
        value,
    }
}

fn client_config(connection: &Connection) -> ClientConfig {
    let metadata = serde_json::json!({
        "CLUSTER_ID": connection.cluster,
        "NAMESPACE": connection.namespace,
        "ISTIO_VERSION": connection.version,
    });
    let node = Node {
        id: connection.proxy.clone(),
        metadata: protobuf_struct::from_json(&metadata),
        ..Node::default()
    };
    let types = connection.types.lock();
    ClientConfig {
        node: Some(node),
        generic_xds_configs: types
            .iter()
            .map(|(kind, status)| generic(*kind, status))
            .collect(),
        ..ClientConfig::default()
    }
}

fn generic(kind: ResourceKind, status: &TypeStatus) -> GenericXdsConfig {
    let config_status = match status.sync() {
        Sync::NotSent => ConfigStatus::NotSent,
        Sync::Synced => ConfigStatus::Synced,
        Sync::Stale => ConfigStatus::Stale,
        Sync::Rejected => ConfigStatus::Error,
    };
    GenericXdsConfig {
        type_url: kind.type_url().to_owned(),
        config_status: config_status.into(),
        last_updated: status.sent.as_ref().map(|mark| timestamp(mark.at)),
        error_state: status
            .rejected
            .as_ref()
            .map(|rejection| UpdateFailureState {
                details: rejection.reason.clone(),
                last_update_attempt: Some(timestamp(rejection.at)),
                ..UpdateFailureState::default()
            }),
        ..GenericXdsConfig::default()
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}
