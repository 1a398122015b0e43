//! Names of fields: how they are read and spelt.

use serde::de::{Deserializer, Visitor};

use crate::crd::problem::Invalid;

/// A key: text, or a number where the map has numbers for keys.
pub(super) struct KeyReader {
    pub(super) name: String,
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

/// Whether two names differ by one letter too many, too few or wrong, or by two that are swapped.
pub(super) fn is_slip(written: &str, meant: &str) -> bool {
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

pub(super) fn camel_case(key: &str) -> String {
    let mut words = key.split('_').filter(|word| !word.is_empty());
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}
