//! One answer of the server, the same for both dialects.

use std::sync::Arc;

use prost::{Message, Name};
use xds_proto::pb::envoy::service::discovery::v3::{DiscoveryResponse, Resource};
use xds_proto::resource::{ResourceKind, message_name};

use super::wire::{Body, Delta, Envelope, StateOfTheWorld};

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
    /// The name on the envelope; empty where there is none, as state-of-the-world responses need not have one.
    pub(crate) name: String,
    pub(crate) version: Arc<str>,
    pub(crate) body: Body,
}

/// A response of a type that was never asked for.
#[derive(Debug, thiserror::Error)]
#[error("the server sent resources of type {0:?}, which nobody asked for")]
pub(crate) struct UnknownType(String);

impl TryFrom<Delta> for Response {
    type Error = UnknownType;

    fn try_from(message: Delta) -> Result<Self, UnknownType> {
        let Delta {
            system_version_info,
            resources,
            type_url,
            nonce,
            mut removed_resources,
            removed_resource_names,
        } = message;
        removed_resources.extend(removed_resource_names.into_iter().map(|name| name.name));
        let mut last: Arc<str> = "".into();
        let incoming = |resource: Envelope| {
            if resource.version != *last {
                last = resource.version.into();
            }
            resource.resource.map(|body| Incoming {
                name: resource.name,
                version: Arc::clone(&last), // of a push often the same for all
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
        StateOfTheWorld::from(message).try_into()
    }
}

impl TryFrom<StateOfTheWorld> for Response {
    type Error = UnknownType;

    fn try_from(message: StateOfTheWorld) -> Result<Self, UnknownType> {
        let StateOfTheWorld {
            version_info,
            resources,
            type_url,
            nonce,
        } = message;
        let kind = kind(&type_url)?;
        let version: Arc<str> = version_info.as_str().into();
        let sent = resources.len();
        let incoming = |(name, body)| Incoming {
            name,
            version: Arc::clone(&version),
            body,
        };
        let resources: Vec<_> = resources
            .into_iter()
            .filter_map(out_of_envelope)
            .map(incoming)
            .collect();
        // an empty envelope only says that its resource lives on, and may come without the others
        let all_are_here = resources.len() == sent;
        Ok(Self {
            kind,
            nonce,
            complete: matches!(kind, ResourceKind::Cluster | ResourceKind::Listener)
                && all_are_here,
            resources,
            version_info,
            removed: Vec::new(),
        })
    }
}

/// The name on the envelope and what is in it; most resources come without one. `None` for an empty envelope.
fn out_of_envelope(resource: Body) -> Option<(String, Body)> {
    let message = message_name(&resource.type_url).rsplit_once('.');
    if message != Some((Resource::PACKAGE, Resource::NAME)) {
        return Some((String::new(), resource));
    }
    match Envelope::decode(resource.value.clone()) {
        Ok(envelope) => Some((envelope.name, envelope.resource?)),
        Err(_) => Some((String::new(), resource)), // refused for its type
    }
}

fn kind(type_url: &str) -> Result<ResourceKind, UnknownType> {
    ResourceKind::from_type_url(type_url).ok_or_else(|| UnknownType(type_url.to_owned()))
}
