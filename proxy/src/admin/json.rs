//! Canonical proto JSON of admin messages, with the descriptors that are linked in.

use std::time::SystemTime;

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};
use xds_proto::pb::google::protobuf::Timestamp;

use crate::config::descriptors::pool_for;

/// A moment as messages carry it.
pub(super) fn timestamp(at: SystemTime) -> Timestamp {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp {
        seconds,
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}

/// Prints one message as Envoy does: field names of the proto file, defaults left out.
pub(super) fn print<M: Message + Name>(message: &M) -> Result<String, String> {
    let (name, bytes) = (M::full_name(), message.encode_to_vec());
    let descriptor = pool_for(&name, &bytes)
        .get_message_by_name(&name)
        .ok_or_else(|| format!("message {name} is not in the descriptor set"))?;
    let message =
        DynamicMessage::decode(descriptor, bytes.as_slice()).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(
        &mut out,
        serde_json::ser::PrettyFormatter::with_indent(b" "),
    );
    let options = SerializeOptions::new().use_proto_field_name(true);
    message
        .serialize_with_options(&mut serializer, &options)
        .map_err(|error| error.to_string())?;
    out.push(b'\n');
    String::from_utf8(out).map_err(|error| error.to_string())
}
