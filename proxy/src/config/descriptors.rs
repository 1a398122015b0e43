//! The descriptors that JSON needs, of the messages at hand and whatever they refer to: those of all messages together
//! take several times the memory of an idle proxy and most of the time that it needs to start.

use std::collections::{BTreeSet, HashMap};

use prost::bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage};

/// One file of the descriptor set, undecoded but for what leads to it and on from it.
struct File<'a> {
    name: &'a str,
    package: &'a str,
    imports: Vec<&'a str>,
    bytes: &'a [u8],
}

/// Reads a message from its JSON form; fields that it does not have are errors.
///
/// # Errors
/// In words, which field and what was expected.
pub(super) fn from_json<M: Message + Name + Default>(json: serde_json::Value) -> Result<M, String> {
    let descriptor = pool_for(&M::full_name(), json.to_string().as_bytes())
        .get_message_by_name(&M::full_name())
        .expect("the descriptor set holds what is linked in");
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(descriptor, json, &options)
        .map_err(|error| error.to_string())?;
    M::decode(message.encode_to_vec().as_slice()).map_err(|error| error.to_string())
}

/// The descriptors of a message and of every message whose type URL occurs in `text`, be it JSON or encoded.
pub(crate) fn pool_for(message: &str, text: &[u8]) -> DescriptorPool {
    let files =
        files(xds_proto::FILE_DESCRIPTOR_SET).expect("the linked descriptor set is well-formed");
    let mut by_package: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_name = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        by_package.entry(file.package).or_default().push(index);
        by_name.insert(file.name, index);
    }
    let mut open: Vec<usize> = std::iter::once(message)
        .chain(type_names(text))
        .flat_map(packages)
        .filter_map(|package| by_package.get(package))
        .flatten()
        .copied()
        .collect();
    let mut needed = BTreeSet::new();
    while let Some(index) = open.pop() {
        if needed.insert(index) {
            let imports = files[index].imports.iter();
            open.extend(imports.filter_map(|name| by_name.get(name)));
        }
    }
    // A set of its own: each file is field 1 of it, in the order in which imports come first.
    let mut set = Vec::new();
    for index in needed {
        let bytes = files[index].bytes;
        prost::encoding::bytes::encode(1, &bytes.to_vec(), &mut set);
    }
    DescriptorPool::decode(set.as_slice()).expect("files with all that they import are complete")
}

/// The packages that a message of this name may be in: all of its prefixes that end before a dot.
fn packages(message: &str) -> impl Iterator<Item = &str> {
    message.match_indices('.').map(|(dot, _)| &message[..dot])
}

/// Everything that has the form of a type URL's name, which follows the last slash.
fn type_names(text: &[u8]) -> impl Iterator<Item = &str> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    text.split(|byte| *byte == b'/')
        .skip(1)
        .filter_map(move |rest| {
            let end = rest.iter().position(|byte| !is_name(byte));
            let name = &rest[..end.unwrap_or(rest.len())];
            str::from_utf8(name).ok().filter(|name| name.contains('.'))
        })
}

/// Splits a `google.protobuf.FileDescriptorSet` into its files.
fn files(mut set: &[u8]) -> Option<Vec<File<'_>>> {
    let mut files = Vec::new();
    while set.has_remaining() {
        let (1, bytes) = field(&mut set)? else {
            return None;
        };
        files.push(file(bytes)?);
    }
    Some(files)
}

/// Reads name, package and imports, which are written before everything else.
fn file(bytes: &[u8]) -> Option<File<'_>> {
    let mut file = File {
        name: "",
        package: "",
        imports: Vec::new(),
        bytes,
    };
    let mut rest = bytes;
    while rest.has_remaining() {
        let (number, value) = field(&mut rest)?;
        match number {
            1 => file.name = str::from_utf8(value).ok()?,
            2 => file.package = str::from_utf8(value).ok()?,
            3 => file.imports.push(str::from_utf8(value).ok()?),
            _ => break,
        }
    }
    Some(file)
}

/// The next field; its value is empty if it is a number.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let (number, kind) = decode_key(bytes).ok()?;
    let length = decode_varint(bytes).ok()?;
    if kind != WireType::LengthDelimited {
        return (kind == WireType::Varint).then_some((number, &[]));
    }
    let (value, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some((number, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> DescriptorPool {
        DescriptorPool::decode(xds_proto::FILE_DESCRIPTOR_SET).unwrap()
    }

    #[test]
    fn every_message_is_found_with_all_that_its_fields_refer_to() {
        let all = all();
        let mut seen = BTreeSet::new();
        for message in all.all_messages() {
            if !seen.insert(message.parent_file().name().to_owned()) {
                continue;
            }
            let name = message.full_name();
            let found = pool_for(name, b"").get_message_by_name(name).unwrap();
            assert_eq!(found.fields().len(), message.fields().len(), "{name}");
        }
        assert!(seen.len() > 100);
    }

    #[test]
    fn messages_named_in_json_and_in_encoded_bytes_are_there_and_others_are_not() {
        let router = "envoy.extensions.filters.http.router.v3.Router";
        let tcp = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
        let json =
            br#"{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}"#;
        let pool = pool_for("google.protobuf.Any", json);
        assert!(pool.get_message_by_name(router).is_some());
        assert!(pool.get_message_by_name(tcp).is_none());
        let encoded = [
            b"\x0a\x3cexample.com/".as_slice(),
            tcp.as_bytes(),
            b"\x12\x00",
        ]
        .concat();
        let pool = pool_for("google.protobuf.Any", &encoded);
        assert!(pool.get_message_by_name(tcp).is_some());
        assert!(pool.files().len() < all().files().len() / 3);
    }

    #[test]
    fn bytes_that_are_no_descriptor_set_are_told() {
        for bytes in [
            &[0x12, 0x00][..],
            &[0x0a, 0x05, 0x0a],
            &[0x0a, 0x02, 0x0a, 0x05],
        ] {
            assert!(files(bytes).is_none(), "{bytes:?}");
        }
    }
}
