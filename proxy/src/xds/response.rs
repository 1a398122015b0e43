//! One answer of the server, the same for both dialects.

use std::sync::Arc;

use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse};
use xds_proto::pb::google::protobuf::Any;
use xds_proto::resource::ResourceKind;

/// A response, ready to be applied.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) kind: ResourceKind,
    pub(crate) nonce: String,
    pub(crate) version_info: String,
    pub(crate) resources: Vec<Incoming>,
    pub(crate) removed: Vec<String>,
    /// The resources are all there are of this kind: what is missing is gone.
    pub(crate) complete: bool,
}

/// One resource of a response.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The name on the envelope; empty in state-of-the-world responses, where the body alone has it.
    pub(crate) name: String,
    pub(crate) version: Arc<str>,
    pub(crate) body: Any,
}

/// A response of a type that was never asked for.
#[derive(Debug, thiserror::Error)]
#[error("the server sent resources of type {0:?}, which nobody asked for")]
pub(crate) struct UnknownType(String);

impl TryFrom<DeltaDiscoveryResponse> for Response {
    type Error = UnknownType;

    fn try_from(message: DeltaDiscoveryResponse) -> Result<Self, UnknownType> {
        let DeltaDiscoveryResponse {
            system_version_info,
            resources,
            type_url,
            mut removed_resources,
            removed_resource_names,
            nonce,
            control_plane: _,   // shown by the server's own status
            resource_errors: _, // reported by servers that speak xdstp locators; none was asked for
        } = message;
        removed_resources.extend(removed_resource_names.into_iter().map(|name| name.name));
        let incoming = |resource: xds_proto::pb::envoy::service::discovery::v3::Resource| {
            resource.resource.map(|body| Incoming {
                name: resource.name,
                version: resource.version.into(),
                body,
            })
        };
        Ok(Self {
            kind: kind(&type_url)?,
            nonce,
            version_info: system_version_info,
            resources: resources.into_iter().filter_map(incoming).collect(),
            removed: removed_resources,
            complete: false,
        })
    }
}

impl TryFrom<DiscoveryResponse> for Response {
    type Error = UnknownType;

    fn try_from(message: DiscoveryResponse) -> Result<Self, UnknownType> {
        let DiscoveryResponse {
            version_info,
            resources,
            canary: _, // Envoy, too, only logs it
            type_url,
            nonce,
            control_plane: _,
            resource_errors: _,
        } = message;
        let kind = kind(&type_url)?;
        let version: Arc<str> = version_info.as_str().into();
        let incoming = |body| Incoming {
            name: String::new(),
            version: Arc::clone(&version),
            body,
        };
        Ok(Self {
            kind,
            nonce,
            resources: resources.into_iter().map(incoming).collect(),
            version_info,
            removed: Vec::new(),
            complete: matches!(kind, ResourceKind::Cluster | ResourceKind::Listener),
        })
    }
}

fn kind(type_url: &str) -> Result<ResourceKind, UnknownType> {
    ResourceKind::from_type_url(type_url).ok_or_else(|| UnknownType(type_url.to_owned()))
}
