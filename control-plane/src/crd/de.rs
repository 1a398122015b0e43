//! Reads typed structs from a tree, and keeps count of what they do not know.
//!
//! Lenient in forms: `null` is absent, numbers may be text, field names may be in snake case. Strict in fields: a
//! field that a struct does not have is noted with its place. An error gets the place of the value that caused it.

use super::problem::{Invalid, Place, Position};
use super::tree::{Key, Node, Value};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use std::cell::RefCell;
use std::fmt;

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

/// Where a value stands: a list on the stack, from the innermost out.
#[derive(Clone, Copy)]
struct Frame<'f> {
    parent: Option<&'f Frame<'f>>,
    step: Step<'f>,
}

#[derive(Clone, Copy)]
enum Step<'f> {
    Key(&'f str),
    Index(usize),
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match self.step {
            Step::Key(key) if self.parent.is_some() => write!(f, ".{key}"),
            Step::Key(key) => f.write_str(key),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
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

struct Items<'de, 'f> {
    reader: Reader<'de, 'f>,
    rest: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Invalid;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Invalid> {
        let Some((index, node)) = self.rest.next() else {
            return Ok(None);
        };
        let frame = Frame {
            parent: self.reader.frame,
            step: Step::Index(index),
        };
        let child = self.reader.child(node, &frame);
        child.placed(seed.deserialize(child)).map(Some)
    }
}

struct Entries<'de, 'f> {
    reader: Reader<'de, 'f>,
    rest: std::slice::Iter<'de, (Key, Node)>,
    known: Option<&'static [&'static str]>,
    value: Option<(&'de Key, &'de Node)>,
}

impl Entries<'_, '_> {
    /// The name that the struct has for `key`, if it has one.
    fn known(&self, key: &str) -> Option<String> {
        let Some(known) = self.known else {
            return Some(key.to_owned());
        };
        let camel = || camel_case(key);
        known
            .contains(&key)
            .then(|| key.to_owned())
            .or_else(|| Some(camel()).filter(|key| known.contains(&&**key)))
    }

    fn note(&self, key: &Key) {
        let frame = Frame {
            parent: self.reader.frame,
            step: Step::Key(&key.name),
        };
        let place = Place {
            path: frame.to_string(),
            position: key.position,
        };
        let written = camel_case(&key.name);
        let mut known = self.known.into_iter().flatten();
        let meant = known.find(|name| is_slip(&written, name)).copied();
        let mut unknown = self.reader.unknown.borrow_mut();
        unknown.push(Unknown { place, meant });
    }
}

/// Whether two names differ by one letter too many, too few or wrong, or by two that are swapped.
fn is_slip(written: &str, meant: &str) -> bool {
    let (mut a, mut b) = (written.as_bytes(), meant.as_bytes());
    while let ([first, rest_a @ ..], [other, rest_b @ ..]) = (a, b)
        && first == other
    {
        (a, b) = (rest_a, rest_b);
    }
    while let ([rest_a @ .., last], [rest_b @ .., other]) = (a, b)
        && last == other
    {
        (a, b) = (rest_a, rest_b);
    }
    match (a, b) {
        ([_], [] | [_]) | ([], [_]) => meant.len() > 2,
        ([a1, a2], [b1, b2]) => a1 == b2 && a2 == b1,
        _ => false,
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Invalid;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Invalid> {
        while let Some((key, node)) = self.rest.next() {
            if node.value == Value::Null && self.known.is_some() {
                continue;
            }
            let Some(name) = self.known(&key.name) else {
                self.note(key);
                continue;
            };
            self.value = Some((key, node));
            let place = self.reader.place(key.position);
            let read = seed.deserialize(KeyReader { name });
            return read
                .map(Some)
                .map_err(|invalid: Invalid| match invalid.place {
                    Some(_) => invalid,
                    None => Invalid {
                        place: Some(place),
                        ..invalid
                    },
                });
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Invalid> {
        let (key, node) = self
            .value
            .take()
            .ok_or_else(|| Invalid::custom("a value without a key"))?;
        let frame = Frame {
            parent: self.reader.frame,
            step: Step::Key(&key.name),
        };
        let child = self.reader.child(node, &frame);
        child.placed(seed.deserialize(child))
    }
}

/// A key: text, or a number where the map has numbers for keys.
struct KeyReader {
    name: String,
}

impl<'de> Deserializer<'de> for KeyReader {
    type Error = Invalid;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        visitor.visit_string(self.name)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        match self.name.parse() {
            Ok(number) => visitor.visit_u16(number),
            Err(_) => Err(Invalid::new(format_args!(
                "`{}` is no port; write a number from 1 to 65535",
                self.name
            ))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn camel_case(key: &str) -> String {
    let mut words = key.split('_').filter(|word| !word.is_empty());
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests;
