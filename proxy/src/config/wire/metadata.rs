//! Texts and labels in metadata.

use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3::Metadata;
use xds_proto::pb::google::protobuf::{Struct, Value};

use crate::cluster::subset::LabelSet;
use crate::config::origin::Origin;

/// The text under a key and a name of the metadata.
pub(crate) fn text(metadata: Option<&Metadata>, key: &str, name: &str) -> Option<Arc<str>> {
    let value = metadata?.filter_metadata.get(key)?.fields.get(name)?;
    Some(value_text(value).into())
}

/// The labels under a key of the metadata.
pub(crate) fn labels(metadata: Option<&Metadata>, key: &str) -> LabelSet {
    metadata
        .and_then(|metadata| metadata.filter_metadata.get(key))
        .map(struct_labels)
        .unwrap_or_default()
}

/// A struct as labels; values that are no strings keep their JSON text.
pub(crate) fn struct_labels(fields: &Struct) -> LabelSet {
    let one = |(name, value): (&String, &Value)| (Arc::from(&**name), value_text(value).into());
    fields.fields.iter().map(one).collect()
}

fn value_text(value: &Value) -> String {
    match xds_proto::protobuf_struct::value_to_json(value) {
        serde_json::Value::String(text) => text,
        other @ (serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_)) => other.to_string(),
    }
}

/// Where the metadata says that a thing comes from.
pub(crate) fn origin(metadata: Option<&Metadata>) -> Origin {
    let of = |name: &str| text(metadata, "tulle", name);
    Origin {
        object: of("object").or_else(|| text(metadata, "istio", "config")),
        rule: of("rule"),
        name: of("name"),
    }
}
