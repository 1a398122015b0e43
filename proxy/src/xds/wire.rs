//! Responses as they are read off a stream: as much of Envoy's messages as is looked at, under their field numbers, the bytes
//! of a resource as a part of the response that they came in, which may be a hundred megabytes long.
//!
//! Source: Envoy, `envoy.service.discovery.v3`. Left out, and so passed over, are remarks for people (`canary`), what the
//! server's own status shows (`control_plane`), errors of resources that are asked for by xdstp locators (none is), and of a
//! resource all but its name, version and body.

use bytes::Bytes;
use prost::Message;
use xds_proto::pb::envoy::service::discovery::v3 as pb;
use xds_proto::pb::google::protobuf::Any;

/// `DiscoveryResponse`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StateOfTheWorld {
    #[prost(string, tag = "1")]
    pub(crate) version_info: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) resources: Vec<Body>,
    #[prost(string, tag = "4")]
    pub(crate) type_url: String,
    #[prost(string, tag = "5")]
    pub(crate) nonce: String,
}

/// `DeltaDiscoveryResponse`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Delta {
    #[prost(string, tag = "1")]
    pub(crate) system_version_info: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) resources: Vec<Envelope>,
    #[prost(string, tag = "4")]
    pub(crate) type_url: String,
    #[prost(string, tag = "5")]
    pub(crate) nonce: String,
    #[prost(string, repeated, tag = "6")]
    pub(crate) removed_resources: Vec<String>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) removed_resource_names: Vec<pb::ResourceName>,
}

/// `Resource`: a resource with its name and version.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Envelope {
    #[prost(string, tag = "1")]
    pub(crate) version: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) resource: Option<Body>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
}

/// `google.protobuf.Any`: a resource's type and bytes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Body {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: Bytes,
}

impl From<Any> for Body {
    fn from(any: Any) -> Self {
        let Any { type_url, value } = any;
        Self {
            type_url,
            value: value.into(),
        }
    }
}

impl From<pb::DiscoveryResponse> for StateOfTheWorld {
    fn from(message: pb::DiscoveryResponse) -> Self {
        Self {
            version_info: message.version_info,
            resources: message.resources.into_iter().map(Body::from).collect(),
            type_url: message.type_url,
            nonce: message.nonce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_of_a_response_is_what_envoys_messages_say() {
        let any = Any {
            type_url: "type.googleapis.com/a.B".to_owned(),
            value: vec![1, 2, 3],
        };
        let world = pb::DiscoveryResponse {
            version_info: "7".to_owned(),
            resources: vec![any.clone()],
            canary: true,
            type_url: "t".to_owned(),
            nonce: "n".to_owned(),
            ..Default::default()
        };
        let read = StateOfTheWorld::decode(world.encode_to_vec().as_slice()).unwrap();
        assert_eq!(read, StateOfTheWorld::from(world));
        let removed = pb::ResourceName {
            name: "d".to_owned(),
            ..Default::default()
        };
        let delta = pb::DeltaDiscoveryResponse {
            system_version_info: "8".to_owned(),
            resources: vec![pb::Resource {
                name: "a".to_owned(),
                version: "1".to_owned(),
                aliases: vec!["b".to_owned()],
                resource: Some(any.clone()),
                ..Default::default()
            }],
            type_url: "t".to_owned(),
            removed_resources: vec!["c".to_owned()],
            removed_resource_names: vec![removed.clone()],
            nonce: "n".to_owned(),
            ..Default::default()
        };
        let expected = Delta {
            system_version_info: "8".to_owned(),
            resources: vec![Envelope {
                version: "1".to_owned(),
                resource: Some(any.into()),
                name: "a".to_owned(),
            }],
            type_url: "t".to_owned(),
            nonce: "n".to_owned(),
            removed_resources: vec!["c".to_owned()],
            removed_resource_names: vec![removed],
        };
        let read = Delta::decode(delta.encode_to_vec().as_slice()).unwrap();
        assert_eq!(read, expected);
    }

    #[test]
    fn the_bytes_of_a_resource_are_a_part_of_the_response() {
        let message = StateOfTheWorld {
            resources: vec![Body {
                type_url: "t".to_owned(),
                value: Bytes::from_static(&[7; 100]),
            }],
            ..Default::default()
        };
        let encoded = Bytes::from(message.encode_to_vec());
        let read = StateOfTheWorld::decode(encoded.clone()).unwrap();
        assert!(
            encoded
                .as_ptr_range()
                .contains(&read.resources[0].value.as_ptr())
        );
    }
}
