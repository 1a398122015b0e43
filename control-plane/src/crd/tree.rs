//! YAML (and so JSON) as a tree in which every value knows its place.

use super::problem::{Invalid, Place, Position};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) position: Position,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) position: Position,
}

impl Node {
    /// A node without content or place.
    pub(crate) fn nothing() -> Self {
        Self {
            value: Value::Null,
            position: Position::default(),
        }
    }

    /// The value of `key`, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(name, _)| name.name == key)
                .map(|(_, value)| value),
            Value::Null
            | Value::Bool(_)
            | Value::Signed(_)
            | Value::Unsigned(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => None,
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value {
            Some(text)
        } else {
            None
        }
    }

    /// The items, if it is a list.
    pub(crate) fn items(&self) -> Option<&[Self]> {
        if let Value::List(items) = &self.value {
            Some(items)
        } else {
            None
        }
    }

    /// The position of the deepest part of `path` (`spec.http[0].route`) that is there.
    pub(crate) fn locate(&self, path: &str) -> Position {
        let mut node = self;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match step.strip_suffix(']') {
                Some(index) => index
                    .parse()
                    .ok()
                    .and_then(|index: usize| node.items()?.get(index)),
                None => node.get(step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.position
    }
}

/// Reads all documents of a text; empty ones are left out.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, Invalid> {
    // A file may be as large as its owner made it: without aliases it has no more nodes than bytes.
    let size = text.len().max(1 << 18);
    let budget = serde_saphyr::budget! {
        max_nodes: size,
        max_events: size.saturating_mul(2),
        max_documents: size,
        max_total_scalar_bytes: size.max(1 << 26),
    };
    let options =
        serde_saphyr::options! { budget: budget, strict_booleans: true, with_snippet: false };
    let documents: Vec<Spanned<Value>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| syntax(&error))?;
    Ok(documents.into_iter().map(Node::from).collect())
}

fn syntax(error: &serde_saphyr::Error) -> Invalid {
    let position = error
        .location()
        .map(|location| position(&location))
        .unwrap_or_default();
    let text = error.to_string();
    let first = text.lines().next().unwrap_or("not YAML");
    // The position is told apart from the message.
    let message = first.split(" at line ").next().unwrap_or(first).to_owned();
    let hint =
        "check the indentation, the colons and the quotes here and on the line before".to_owned();
    Invalid {
        message,
        hint,
        place: Some(Place {
            path: String::new(),
            position,
        }),
    }
}

fn position(location: &serde_saphyr::Location) -> Position {
    Position {
        line: location.line(),
        column: location.column(),
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self {
            position: position(&spanned.referenced),
            value: spanned.value,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Signed(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(Node::from(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Value>>()? {
            let position = position(&key.referenced);
            map.push((
                Key {
                    name: key.value,
                    position,
                },
                Node::from(value),
            ));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_keys_know_their_places() {
        let documents =
            parse("a: 1\nb:\n  - x: no\n  - {8080: true}\n---\n\n---\n[1.5, ~]\n").unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(
            documents[0].locate("b[0].x"),
            Position { line: 3, column: 8 }
        );
        assert_eq!(
            documents[0].locate("b[1].8080.deeper"),
            Position {
                line: 4,
                column: 12
            }
        );
        assert_eq!(
            documents[0].get("b").unwrap().items().unwrap()[0]
                .get("x")
                .unwrap()
                .text(),
            Some("no")
        );
        assert_eq!(documents[1].items().unwrap()[1].value, Value::Null);
    }

    #[test]
    fn broken_yaml_is_refused_with_its_place() {
        let invalid = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(
            invalid
                .place
                .as_ref()
                .is_some_and(|place| place.position.line >= 2),
            "{invalid:?}"
        );
        assert!(parse("a: 1\na: 2\n").is_err(), "a key that comes twice");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "([ -~]|\\n|\\t|: |- |\\{|\\[|&a|\\*a|---\\n|[^\\x00-\\x7f]){0,200}") {
            let _ = parse(&text);
        }
    }
}
