//! A client that asks the control plane what it has for a proxy.

use std::collections::BTreeSet;

use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use xds_proto::node::NodeMetadata;
use xds_proto::pb::envoy::config::core::v3::Node as XdsNode;
use xds_proto::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use xds_proto::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use xds_proto::resource::ResourceKind;

use super::node::{Node, PLANE, Pod};
use super::plane::PLAINTEXT;

/// The names of all resources of a kind that the control plane has for the sidecar of a pod.
pub(crate) fn offered(node: &Node, pod: &Pod, kind: ResourceKind) -> BTreeSet<String> {
    let metadata = NodeMetadata {
        namespace: Some("default".to_owned()),
        instance_ips: vec![pod.ip.to_string()],
        ..NodeMetadata::default()
    };
    let subscription = DeltaDiscoveryRequest {
        node: Some(XdsNode {
            id: pod.node_id(),
            metadata: Some(metadata.to_struct()),
            ..XdsNode::default()
        }),
        type_url: kind.type_url().to_owned(),
        ..DeltaDiscoveryRequest::default()
    };
    node.hub.block_on(async || {
        let address = format!("http://{PLANE}:{PLAINTEXT}");
        let channel = Endpoint::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap();
        let (requests, outgoing) = tokio::sync::mpsc::channel(1);
        requests.send(subscription).await.unwrap();
        let stream = ReceiverStream::new(outgoing);
        let answer = AggregatedDiscoveryServiceClient::new(channel)
            .delta_aggregated_resources(stream)
            .await;
        let first = answer
            .unwrap()
            .into_inner()
            .message()
            .await
            .unwrap()
            .unwrap();
        first
            .resources
            .into_iter()
            .map(|resource| resource.name)
            .collect()
    })
}
