//! Encoding that depends on the message alone.
//!
//! Protobuf leaves the order of map entries open, and a hash map gives a different one in every run. Resources are compared
//! and versioned by their bytes, so here the entries of every map are sorted by key. Bytes inside an `Any` are taken as they
//! are: pack them canonically too.

use prost::bytes::BufMut;
use prost::encoding::{WireType, decode_varint, encode_varint};
use prost::{Message, Name};

/// A message type from which a map can be reached.
struct Shape {
    name: &'static str,
    fields: &'static [(u32, Field)],
}

/// A field through which a map can be reached; numbers index [`SHAPES`].
#[derive(Clone, Copy)]
enum Field {
    Message(usize),
    Map(Option<usize>),
}

include!("generated/maps.rs");

/// Encodes `message` with the entries of every map sorted by key.
pub fn encode<M: Message + Name>(message: &M) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    match shape_of::<M>() {
        Some(shape) => sorted(shape, &bytes).expect("own encoding is well formed"),
        None => bytes,
    }
}

fn shape_of<M: Name>() -> Option<&'static Shape> {
    let name = M::full_name();
    SHAPES
        .binary_search_by(|shape| shape.name.cmp(&name))
        .ok()
        .map(|at| &SHAPES[at])
}

/// One field as it lies in the bytes.
struct Raw<'a> {
    number: u32,
    /// Key and value together.
    whole: &'a [u8],
    /// Contents of a length-delimited field.
    payload: Option<&'a [u8]>,
}

/// Rewrites the fields of one message; `None` when the bytes are not a message.
fn sorted(shape: &Shape, mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut entries = Entries::default();
    while let Some(field) = next_field(&mut bytes)? {
        let known = shape
            .fields
            .iter()
            .find(|(number, _)| *number == field.number)
            .map(|(_, known)| *known);
        if entries.number != field.number {
            entries.flush(&mut out);
        }
        match (known, field.payload) {
            (Some(Field::Map(value)), Some(payload)) => {
                entries.push(field.number, entry(value, payload)?)
            }
            (Some(Field::Message(at)), Some(payload)) => {
                put(&mut out, field.number, &sorted(&SHAPES[at], payload)?)
            }
            (_, None) | (None, Some(_)) => out.put_slice(field.whole),
        }
    }
    entries.flush(&mut out);
    Some(out)
}

/// Map entries of one field that follow each other.
#[derive(Default)]
struct Entries {
    number: u32,
    collected: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entries {
    fn push(&mut self, number: u32, entry: (Vec<u8>, Vec<u8>)) {
        self.number = number;
        self.collected.push(entry);
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        self.collected.sort();
        for (_, entry) in self.collected.drain(..) {
            put(out, self.number, &entry);
        }
    }
}

/// Key and rewritten bytes of one map entry.
fn entry(value: Option<usize>, mut bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut key, mut out) = (Vec::new(), Vec::with_capacity(bytes.len()));
    while let Some(field) = next_field(&mut bytes)? {
        match (field.number, field.payload, value) {
            (2, Some(payload), Some(at)) => put(&mut out, 2, &sorted(&SHAPES[at], payload)?),
            (number, payload, _) => {
                if number == 1 {
                    key = payload.unwrap_or(field.whole).to_vec();
                }
                out.put_slice(field.whole);
            }
        }
    }
    Some((key, out))
}

/// Takes the next field off `bytes`; `Some(None)` at their end, `None` when they are malformed.
fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<Option<Raw<'a>>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let start = *bytes;
    let key = decode_varint(bytes).ok()?;
    let number = u32::try_from(key >> 3).ok()?;
    let payload = match WireType::try_from(key & 7).ok()? {
        WireType::Varint => {
            decode_varint(bytes).ok()?;
            None
        }
        WireType::SixtyFourBit => take(bytes, 8).map(|_| None)?,
        WireType::ThirtyTwoBit => take(bytes, 4).map(|_| None)?,
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
            Some(take(bytes, length)?)
        }
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    Some(Some(Raw {
        number,
        whole: &start[..start.len() - bytes.len()],
        payload,
    }))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn put(out: &mut Vec<u8>, number: u32, payload: &[u8]) {
    encode_varint(
        u64::from(number) << 3 | WireType::LengthDelimited as u64,
        out,
    );
    encode_varint(payload.len() as u64, out);
    out.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pb::envoy::config::core::v3::Metadata;
    use crate::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
    use crate::pb::google::protobuf::Struct;
    use crate::protobuf_struct;

    fn fields() -> Struct {
        let pairs = (0..40).map(|n| (format!("key{n}"), json!({"b": n, "a": [{"y": 1, "x": 2}]})));
        protobuf_struct::from_map(&pairs.collect())
    }

    fn routes() -> RouteConfiguration {
        let filter_metadata = (0..20).map(|n| (format!("filter{n}"), fields())).collect();
        let metadata = Metadata {
            filter_metadata,
            ..Metadata::default()
        };
        let host = VirtualHost {
            name: "h".into(),
            metadata: Some(metadata),
            ..VirtualHost::default()
        };
        RouteConfiguration {
            name: "80".into(),
            virtual_hosts: vec![host.clone(), host],
            ..RouteConfiguration::default()
        }
    }

    #[test]
    fn equal_messages_have_equal_bytes() {
        assert_eq!(encode(&routes()), encode(&routes()));
        assert_ne!(routes().encode_to_vec(), routes().encode_to_vec());
    }

    #[test]
    fn the_message_stays_the_same() {
        let bytes = encode(&routes());
        assert_eq!(bytes.len(), routes().encoded_len());
        assert_eq!(
            RouteConfiguration::decode(bytes.as_slice()).expect("own output"),
            routes()
        );
    }

    #[test]
    fn entries_are_sorted_by_key() {
        let text = String::from_utf8_lossy(&encode(&fields())).into_owned();
        let at = |key: &str| text.find(key).expect("every key is there");
        assert!(at("key0") < at("key1") && at("key1") < at("key2"));
        assert!(SHAPES.is_sorted_by_key(|shape| shape.name));
    }
}
