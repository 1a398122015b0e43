//! `google.protobuf.Struct` to JSON values and back.

use serde_json::{Map, Number, Value};

use crate::pb::google::protobuf::value::Kind;
use crate::pb::google::protobuf::{ListValue, Struct, Value as ProtoValue};

/// A struct as a JSON object. Whole numbers print without a fraction; a number that JSON cannot hold becomes `null`.
pub fn to_json(value: &Struct) -> Value {
    Value::Object(to_map(value))
}

/// A struct as a JSON map.
pub fn to_map(value: &Struct) -> Map<String, Value> {
    value
        .fields
        .iter()
        .map(|(key, value)| (key.clone(), value_to_json(value)))
        .collect()
}

/// One protobuf value as JSON.
pub fn value_to_json(value: &ProtoValue) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(*flag),
        Some(Kind::NumberValue(number)) => number_to_json(*number),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::StructValue(fields)) => to_json(fields),
        Some(Kind::ListValue(list)) => {
            Value::Array(list.values.iter().map(value_to_json).collect())
        }
    }
}

/// A JSON map as a struct. Numbers become doubles, which is all that a struct has.
pub fn from_map(map: &Map<String, Value>) -> Struct {
    Struct {
        fields: map
            .iter()
            .map(|(key, value)| (key.clone(), value_from_json(value)))
            .collect(),
    }
}

/// A JSON object as a struct; `None` for any other JSON value.
pub fn from_json(value: &Value) -> Option<Struct> {
    value.as_object().map(from_map)
}

/// One JSON value as a protobuf value.
pub fn value_from_json(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(value_from_json).collect(),
        }),
        Value::Object(map) => Kind::StructValue(from_map(map)),
    };
    ProtoValue { kind: Some(kind) }
}

fn number_to_json(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        // Every double below 2^53 without a fraction is an exact i64.
        return Value::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_round_trip() {
        let value = json!({"a": "x", "b": [1, 2.5, -3], "c": {"d": null, "e": true}, "f": {}});
        assert_eq!(to_json(&from_json(&value).expect("an object")), value);
    }

    #[test]
    fn only_objects_are_structs() {
        assert_eq!(from_json(&json!([1])), None);
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_null() {
        assert_eq!(
            value_to_json(&ProtoValue {
                kind: Some(Kind::NumberValue(f64::NAN))
            }),
            Value::Null
        );
        assert_eq!(
            value_to_json(&ProtoValue {
                kind: Some(Kind::NumberValue(f64::INFINITY))
            }),
            Value::Null
        );
    }
}
