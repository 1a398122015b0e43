//! gRPC messages built by hand, so that a resource that thousands of proxies get is never copied for one of them.
//!
//! A message is the five-byte gRPC prefix, a few fields of its own and the shared resource bodies. Small bodies are
//! copied all the same: below [`SHARE_FROM`] bytes a copy is cheaper than a frame of its own.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use xds_proto::pb::envoy::config::core::v3::ControlPlane;

use super::watch::Update;

/// Bodies of at least this many bytes are sent by reference.
const SHARE_FROM: usize = 1024;
/// Field numbers that `DiscoveryResponse` and `DeltaDiscoveryResponse` have in common or of their own.
mod field {
    pub(super) const VERSION: u32 = 1;
    pub(super) const RESOURCES: u32 = 2;
    pub(super) const TYPE_URL: u32 = 4;
    pub(super) const NONCE: u32 = 5;
    pub(super) const SOTW_CONTROL_PLANE: u32 = 6;
    pub(super) const DELTA_REMOVED: u32 = 6;
    pub(super) const DELTA_CONTROL_PLANE: u32 = 7;
    pub(super) const RESOURCE_VERSION: u32 = 1;
    pub(super) const RESOURCE_ANY: u32 = 2;
    pub(super) const RESOURCE_NAME: u32 = 3;
}

/// What a response says beside its resources.
pub(super) struct Envelope<'a> {
    pub(super) type_url: &'a str,
    pub(super) nonce: &'a str,
    pub(super) control_plane: &'a str,
}

/// A `DiscoveryResponse` as gRPC frame chunks.
pub(super) fn state_of_the_world(envelope: &Envelope<'_>, update: &Update) -> Vec<Bytes> {
    let mut out = Chunks::default();
    out.text(field::VERSION, &format!("{:016x}", update.version));
    for resource in &update.resources {
        out.header(field::RESOURCES, resource.any.len());
        out.body(&resource.any);
    }
    out.text(field::TYPE_URL, envelope.type_url);
    out.text(field::NONCE, envelope.nonce);
    out.control_plane(field::SOTW_CONTROL_PLANE, envelope.control_plane);
    out.finish()
}

/// A `DeltaDiscoveryResponse` as gRPC frame chunks.
pub(super) fn delta(envelope: &Envelope<'_>, update: &Update) -> Vec<Bytes> {
    let mut out = Chunks::default();
    out.text(field::VERSION, &format!("{:016x}", update.version));
    for resource in &update.resources {
        let version = resource.version_text();
        let len = text_len(field::RESOURCE_VERSION, &version)
            + text_len(field::RESOURCE_NAME, &resource.name)
            + header_len(field::RESOURCE_ANY, resource.any.len())
            + resource.any.len();
        out.header(field::RESOURCES, len);
        out.text(field::RESOURCE_VERSION, &version);
        out.text(field::RESOURCE_NAME, &resource.name);
        out.header(field::RESOURCE_ANY, resource.any.len());
        out.body(&resource.any);
    }
    out.text(field::TYPE_URL, envelope.type_url);
    out.text(field::NONCE, envelope.nonce);
    for name in &update.removed {
        out.text(field::DELTA_REMOVED, name);
    }
    out.control_plane(field::DELTA_CONTROL_PLANE, envelope.control_plane);
    out.finish()
}

/// Any other message.
pub(super) fn message(message: &impl Message) -> Vec<Bytes> {
    let mut out = Chunks::default();
    out.own.put_slice(&message.encode_to_vec());
    out.finish()
}

/// Protobuf fields, part own, part shared.
#[derive(Default)]
struct Chunks {
    done: Vec<Bytes>,
    own: BytesMut,
}

impl Chunks {
    fn header(&mut self, tag: u32, len: usize) {
        encode_key(tag, WireType::LengthDelimited, &mut self.own);
        encode_varint(len as u64, &mut self.own);
    }

    fn text(&mut self, tag: u32, text: &str) {
        self.header(tag, text.len());
        self.own.put_slice(text.as_bytes());
    }

    fn body(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_FROM {
            self.own.put_slice(bytes);
            return;
        }
        self.done.push(self.own.split().freeze());
        self.done.push(bytes.clone());
    }

    fn control_plane(&mut self, tag: u32, identifier: &str) {
        let message = ControlPlane {
            identifier: identifier.to_owned(),
        };
        self.header(tag, message.encoded_len());
        message.encode(&mut self.own).expect("the buffer grows");
    }

    /// Puts the gRPC prefix (no compression, length) before everything.
    fn finish(mut self) -> Vec<Bytes> {
        if !self.own.is_empty() {
            self.done.push(self.own.freeze());
        }
        let len: usize = self.done.iter().map(Bytes::len).sum();
        let mut prefix = BytesMut::with_capacity(5 + self.done.first().map_or(0, Bytes::len));
        prefix.put_u8(0);
        prefix.put_u32(u32::try_from(len).expect("a response is far below 4 GiB"));
        if let Some(first) = self.done.first_mut() {
            prefix.put_slice(first);
            *first = prefix.freeze();
        } else {
            self.done.push(prefix.freeze());
        }
        self.done
    }
}

fn header_len(tag: u32, len: usize) -> usize {
    key_len(tag) + encoded_len_varint(len as u64)
}

fn text_len(tag: u32, text: &str) -> usize {
    header_len(tag, text.len()) + text.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse};
    use xds_proto::pb::google::protobuf::Any;
    use xds_proto::resource::ResourceKind;

    use super::*;
    use crate::generate::Resource;

    fn resource(name: &str, size: usize) -> Arc<Resource> {
        let any = Any {
            type_url: "t".to_owned(),
            value: vec![7; size],
        };
        let any = Bytes::from(any.encode_to_vec());
        Arc::new(Resource {
            kind: ResourceKind::Cluster,
            name: name.into(),
            version: 10,
            any,
        })
    }

    fn joined(chunks: &[Bytes]) -> Vec<u8> {
        let all = chunks.concat();
        assert_eq!(all[0], 0);
        assert_eq!(
            u32::from_be_bytes([all[1], all[2], all[3], all[4]]) as usize,
            all.len() - 5
        );
        all[5..].to_vec()
    }

    fn update() -> Update {
        let resources = vec![resource("a", 3), resource("b", 5000), resource("c", 2000)];
        Update {
            resources,
            removed: vec!["x".into(), "y".into()],
            version: 255,
            ..Update::default()
        }
    }

    const ENVELOPE: Envelope<'static> = Envelope {
        type_url: "type",
        nonce: "1",
        control_plane: "cp",
    };

    #[test]
    fn a_state_of_the_world_frame_decodes_to_what_was_meant() {
        let bytes = joined(&state_of_the_world(&ENVELOPE, &update()));
        let got = DiscoveryResponse::decode(&*bytes).unwrap();
        assert_eq!(got.version_info, "00000000000000ff");
        assert_eq!(
            got.resources
                .iter()
                .map(|r| r.value.len())
                .collect::<Vec<_>>(),
            [3, 5000, 2000]
        );
        assert_eq!((got.type_url.as_str(), got.nonce.as_str()), ("type", "1"));
        assert_eq!(got.control_plane.unwrap().identifier, "cp");
    }

    #[test]
    fn a_delta_frame_decodes_to_what_was_meant() {
        let bytes = joined(&delta(&ENVELOPE, &update()));
        let got = DeltaDiscoveryResponse::decode(&*bytes).unwrap();
        let names: Vec<_> = got
            .resources
            .iter()
            .map(|r| (r.name.as_str(), r.version.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("a", "000000000000000a"),
                ("b", "000000000000000a"),
                ("c", "000000000000000a")
            ]
        );
        assert_eq!(
            got.resources[1].resource.as_ref().unwrap().value.len(),
            5000
        );
        assert_eq!(got.removed_resources, ["x", "y"]);
        assert_eq!((got.type_url.as_str(), got.nonce.as_str()), ("type", "1"));
        assert_eq!(got.control_plane.unwrap().identifier, "cp");
    }

    #[test]
    fn a_large_body_is_shared_and_not_copied() {
        let big = resource("b", 5000);
        let update = Update {
            resources: vec![big.clone()],
            ..Update::default()
        };
        let chunks = delta(&ENVELOPE, &update);
        assert!(
            chunks
                .iter()
                .any(|chunk| chunk.as_ptr() == big.any.as_ptr())
        );
    }

    #[test]
    fn an_empty_message_is_a_bare_prefix() {
        assert_eq!(message(&ControlPlane::default()).concat(), [0; 5]);
    }
}
