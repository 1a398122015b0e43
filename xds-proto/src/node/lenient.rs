//! The forms in which metadata values arrive: everything may be a string, because it often comes from environment variables,
//! and every number is a double, because it travels in a `google.protobuf.Struct`.

/// Flags: `true`, `"true"`, `"1"`, `1`.
pub(super) mod flag {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    pub(in crate::node) fn serialize<S: Serializer>(
        flag: &Option<bool>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match flag {
            Some(true) => to.serialize_str("true"),
            Some(false) => to.serialize_str("false"),
            None => to.serialize_none(),
        }
    }

    pub(in crate::node) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<bool>, D::Error> {
        let value = Value::deserialize(from)?;
        if let Some(number) = value.as_f64() {
            return Ok(Some(number != 0.0));
        }
        match value.as_str() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
            Some("") => Ok(None),
            Some(other) => Err(D::Error::custom(format!(
                "`{other}` is neither true nor false"
            ))),
            None if value.is_null() => Ok(None),
            None => value
                .as_bool()
                .map(Some)
                .ok_or_else(|| D::Error::custom("expected true or false")),
        }
    }
}

/// Port numbers: `15020`, `15020.0`, `"15020"`.
pub(super) mod port {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(in crate::node) fn serialize<S: Serializer>(
        port: &Option<u16>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        port.serialize(to)
    }

    pub(in crate::node) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<u16>, D::Error> {
        from_value(&Value::deserialize(from)?).map_err(D::Error::custom)
    }

    fn from_value(value: &Value) -> Result<Option<u16>, String> {
        let refused = || format!("{value} is not a port number");
        if value.is_null() || value.as_str() == Some("") {
            return Ok(None);
        }
        if let Some(text) = value.as_str() {
            return text.parse().map(Some).map_err(|_| refused());
        }
        let number = value.as_f64().ok_or_else(refused)?;
        if number.fract() != 0.0 || !(0.0..=f64::from(u16::MAX)).contains(&number) {
            return Err(refused());
        }
        Ok(Some(number as u16))
    }
}

/// Lists of words: `"a,b"` or `["a", "b"]`; written as `"a,b"`.
pub(super) mod list {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    pub(in crate::node) fn serialize<S: Serializer>(
        words: &[String],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&words.join(","))
    }

    pub(in crate::node) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<String>, D::Error> {
        let value = Value::deserialize(from)?;
        if value.is_null() {
            return Ok(Vec::new());
        }
        if let Some(text) = value.as_str() {
            return Ok(split(text));
        }
        let refused = || D::Error::custom("expected a list of texts or a comma separated text");
        let items = value.as_array().ok_or_else(refused)?;
        let words = items.iter().map(|item| item.as_str().map(split));
        Ok(words
            .collect::<Option<Vec<_>>>()
            .ok_or_else(refused)?
            .concat())
    }

    fn split(text: &str) -> Vec<String> {
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// Structures that may arrive as JSON inside a string: `[{…}]` or `"[{…}]"`; written as a string.
pub(super) mod embedded {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(in crate::node) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&serde_json::to_string(value).map_err(S::Error::custom)?)
    }

    pub(in crate::node) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: DeserializeOwned + Default,
        D: Deserializer<'de>,
    {
        match Value::deserialize(from)? {
            Value::Null => Ok(T::default()),
            Value::String(text) if text.is_empty() => Ok(T::default()),
            Value::String(text) => serde_json::from_str(&text).map_err(D::Error::custom),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                serde_json::from_value(value).map_err(D::Error::custom)
            }
        }
    }
}

/// Texts that may arrive as a number or a flag: `default`, `1`, `true`.
pub(super) mod text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(in crate::node) fn serialize<S: Serializer>(
        text: &Option<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        text.serialize(to)
    }

    pub(in crate::node) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<String>, D::Error> {
        match Value::deserialize(from)? {
            Value::Null => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) => Ok(Some(text)),
            Value::Bool(flag) => Ok(Some(flag.to_string())),
            Value::Number(number) => Ok(Some(number.to_string())),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom("expected a text")),
        }
    }
}
