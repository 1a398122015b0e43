//! Lists and maps, one item after the other.

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess};

use super::frame::{Frame, Step};
use super::key::{KeyReader, camel_case, is_slip};
use super::{Reader, Unknown};
use crate::crd::problem::{Invalid, Place};
use crate::crd::tree::{Key, Node, Value};

/// The items of a list.
pub(super) struct Items<'de, 'f> {
    pub(super) reader: Reader<'de, 'f>,
    pub(super) rest: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
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

/// The fields of a struct, or the entries of a map.
pub(super) struct Entries<'de, 'f> {
    pub(super) reader: Reader<'de, 'f>,
    pub(super) rest: std::slice::Iter<'de, (Key, Node)>,
    pub(super) known: Option<&'static [&'static str]>,
    pub(super) value: Option<(&'de Key, &'de Node)>,
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
