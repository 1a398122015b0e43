//! Values that differ from what is there.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "kinds and values of the reflection library are not ours"
)]

use std::collections::HashMap;

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

/// Among them those under which metadata are looked for.
const KEYS: [&str; 4] = ["x", "envoy.lb", "istio", "tulle"];
const NUMBERS: [u32; 10] = [1, 2, 3, 7, 50, 120, 300, 999, 65_537, 100_000];
const TEXTS: [&str; 6] = ["x", "/x", "x.example", "192.168.1.2", "Cargo.toml", "HOME"];

/// Whether a message is set as a whole and not field by field.
pub(super) fn is_whole(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf" && message.name() != "Empty"
}

/// Whether a refused `true` says enough.
pub(super) fn is_switch(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Bool => true,
        Kind::Message(message) => message.full_name() == "google.protobuf.BoolValue",
        _ => false,
    }
}

/// Values of a field in groups, each of which has to have an effect; the values of an enum are one group each.
pub(super) fn of(field: &FieldDescriptor) -> Vec<(Option<String>, Vec<Value>)> {
    let kind = match field.kind() {
        Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
        kind => kind,
    };
    if let Kind::Enum(values) = kind {
        let one = |value: prost_reflect::EnumValueDescriptor| {
            let set = wrap(field, Value::EnumNumber(value.number()));
            (Some(value.name().to_owned()), vec![set])
        };
        return values
            .values()
            .filter(|value| value.number() != 0 || field.supports_presence())
            .map(one)
            .collect();
    }
    let values = of_kind(&kind).into_iter().map(|value| wrap(field, value));
    vec![(None, values.collect())]
}

/// A value as the field holds it: alone, in a list or in a map. A map of messages gets one, which the walk enters.
pub(super) fn wrap(field: &FieldDescriptor, value: Value) -> Value {
    if field.is_list() {
        return Value::List(vec![value]);
    }
    if field.is_map() {
        let kind = field.kind();
        let entry = kind.as_message().expect("a map is a list of entries");
        let keys = match entry.map_entry_key_field().kind() {
            Kind::String => {
                let whole = value
                    .as_message()
                    .is_none_or(|one| is_whole(&one.descriptor()));
                let keys = if whole { &KEYS[..] } else { &KEYS[..1] };
                keys.iter()
                    .map(|key| MapKey::String((*key).to_owned()))
                    .collect()
            }
            other => vec![of_kind(&other)[0].clone().into_map_key().expect("a key")],
        };
        let entries = keys.into_iter().map(|key| (key, value.clone()));
        return Value::Map(entries.collect::<HashMap<_, _>>());
    }
    value
}

fn of_kind(kind: &Kind) -> Vec<Value> {
    let numbers = || NUMBERS.into_iter();
    match kind {
        Kind::Bool => vec![Value::Bool(true), Value::Bool(false)],
        Kind::Double => numbers().map(|n| Value::F64(n.into())).collect(),
        Kind::Float => numbers().map(|n| Value::F32(n as f32)).collect(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            numbers().map(|n| Value::I32(n as i32)).collect()
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            numbers().map(|n| Value::I64(n.into())).collect()
        }
        Kind::Uint32 | Kind::Fixed32 => numbers().map(Value::U32).collect(),
        Kind::Uint64 | Kind::Fixed64 => numbers().map(|n| Value::U64(n.into())).collect(),
        Kind::String => TEXTS
            .iter()
            .map(|text| Value::String((*text).to_owned()))
            .collect(),
        Kind::Bytes => vec![Value::Bytes(prost::bytes::Bytes::from_static(b"x"))],
        Kind::Enum(_) => unreachable!("each value is a group of its own"),
        Kind::Message(message) => whole(message),
    }
}

fn whole(message: &MessageDescriptor) -> Vec<Value> {
    let field = |name: &str| {
        message
            .get_field_by_name(name)
            .expect("a field of the message")
    };
    let with = |name: &str, value: Value| {
        let mut set = DynamicMessage::new(message.clone());
        set.set_field(&field(name), value);
        Value::Message(set)
    };
    match message.name() {
        "Duration" => {
            let mut values: Vec<_> = NUMBERS[..7]
                .iter()
                .map(|n| with("seconds", Value::I64((*n).into())))
                .collect();
            values.push(with("nanos", Value::I32(500_000_000)));
            values
        }
        "Any" => vec![with(
            "type_url",
            Value::String("type.googleapis.com/unknown.Type".to_owned()),
        )],
        "Struct" | "Value" | "ListValue" => {
            let json = serde_json::json!({"config": "a", "object": "b", "x": "c"});
            let json = match message.name() {
                "ListValue" => serde_json::json!([json]),
                _ => json,
            };
            let set = DynamicMessage::deserialize(message.clone(), json);
            vec![Value::Message(set.expect("a valid struct"))]
        }
        "Timestamp" => vec![with("seconds", Value::I64(1))],
        "FieldMask" => vec![with(
            "paths",
            Value::List(vec![Value::String("x".to_owned())]),
        )],
        _ => of_kind(&field("value").kind())
            .into_iter()
            .map(|value| with("value", value))
            .collect(),
    }
}
