//! Reads typed structs from a tree, and keeps count of what they do not know.
//!
//! Lenient in forms: `null` is absent, numbers may be text, field names may be in snake case. Strict in fields: a
//! field that a struct does not have is noted with its place. An error gets the place of the value that caused it.

mod access;
mod frame;
mod key;

use std::cell::RefCell;

use serde::de::{Deserializer, IntoDeserializer, Unexpected, Visitor};

use self::access::{Entries, Items};
use self::frame::Frame;
use super::problem::{Invalid, Place, Position};
use super::tree::{Node, Value};

/// A field that a struct does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// Where.
    pub(crate) place: Place,
    /// The field of which it is a slip of the pen.
    pub(crate) meant: Option<&'static str>,
}

/// Reads `T` from `node`; unknown fields are added to `unknown`.
pub(crate) fn read<'de, T: serde::Deserialize<'de>>(
    node: &'de Node,
    unknown: &RefCell<Vec<Unknown>>,
) -> Result<T, Invalid> {
    T::deserialize(Reader {
        node,
        frame: None,
        unknown,
    })
}

#[derive(Clone, Copy)]
struct Reader<'de, 'f> {
    node: &'de Node,
    frame: Option<&'f Frame<'f>>,
    unknown: &'f RefCell<Vec<Unknown>>,
}

impl<'de, 'f> Reader<'de, 'f> {
    fn place(&self, position: Position) -> Place {
        Place {
            path: self.frame.map(ToString::to_string).unwrap_or_default(),
            position,
        }
    }

    fn placed<T>(&self, result: Result<T, Invalid>) -> Result<T, Invalid> {
        result.map_err(|invalid| match invalid.place {
            Some(_) => invalid,
            None => Invalid {
                place: Some(self.place(self.node.position)),
                ..invalid
            },
        })
    }

    fn wrong<T>(&self, expected: &str, hint: &str) -> Result<T, Invalid> {
        let found = unexpected(&self.node.value);
        self.placed(Err(Invalid::new(format_args!(
            "expected {expected}, found {found}; {hint}"
        ))))
    }

    fn child<'c>(&self, node: &'de Node, frame: &'c Frame<'c>) -> Reader<'de, 'c>
    where
        'f: 'c,
    {
        Reader {
            node,
            frame: Some(frame),
            unknown: self.unknown,
        }
    }

    fn entries<V: Visitor<'de>>(
        self,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        let Value::Map(entries) = &self.node.value else {
            return self.wrong("fields", "write `name: value` lines, indented below it");
        };
        self.placed(visitor.visit_map(Entries {
            reader: self,
            rest: entries.iter(),
            known,
            value: None,
        }))
    }

    fn number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        let result = match &self.node.value {
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(value), _) => visitor.visit_i64(value),
                (Err(_), Ok(value)) => visitor.visit_f64(value),
                (Err(_), Err(_)) => return self.wrong("a number", "write digits only"),
            },
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                return self.wrong("a number", "write digits only");
            }
        };
        self.placed(result)
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Other("nothing"),
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Signed(value) => Unexpected::Signed(*value),
        Value::Unsigned(value) => Unexpected::Unsigned(*value),
        Value::Float(value) => Unexpected::Float(*value),
        Value::Text(value) => Unexpected::Str(value),
        Value::List(_) => Unexpected::Other("a list"),
        Value::Map(_) => Unexpected::Other("fields"),
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Invalid;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        match &self.node.value {
            Value::Null => self.placed(visitor.visit_unit()),
            Value::Bool(value) => self.placed(visitor.visit_bool(*value)),
            Value::Signed(_) | Value::Unsigned(_) | Value::Float(_) => self.number(visitor),
            Value::Text(text) => self.placed(visitor.visit_borrowed_str(text)),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.entries(None, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        let Value::Bool(value) = &self.node.value else {
            return self.wrong("true or false", "write it without quotes");
        };
        self.placed(visitor.visit_bool(*value))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        let Value::Text(text) = &self.node.value else {
            return self.wrong("text", "put it in quotes if it is meant as text");
        };
        self.placed(visitor.visit_borrowed_str(text))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        match self.node.value == Value::Null {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        let Value::List(items) = &self.node.value else {
            return self.wrong(
                "a list",
                "write each item on a line of its own that starts with `- `",
            );
        };
        self.placed(visitor.visit_seq(Items {
            reader: self,
            rest: items.iter().enumerate(),
        }))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        self.entries(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        self.entries(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        let Some(text) = self.node.text() else {
            return self.wrong("one word", &format!("write one of {}", variants.join(", ")));
        };
        if !variants.contains(&text) {
            return self.wrong(
                "a known word",
                &format!("write one of {}", variants.join(", ")),
            );
        }
        let variant: serde::de::value::StrDeserializer<'_, Invalid> = text.into_deserializer();
        self.placed(visitor.visit_enum(variant))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

#[cfg(test)]
mod tests;
