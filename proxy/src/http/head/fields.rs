//! Header fields as spans of one buffer, in the order and case in which they came.

pub(crate) use self::line::{Span, decimal, write_line};
pub(crate) use self::received::{Part, Received};

mod known;
mod line;
mod received;

use std::borrow::Cow;

use self::known::KnownSet;
use self::line::{END, Field, SEPARATOR};
use super::name::{HeaderKey, KnownName};
use crate::matcher::HeaderLookup;

/// The header or trailer fields of one message.
///
/// One byte buffer holds what was received; edits append lines to it and point the field there, so nothing moves and, once
/// the buffer has grown, nothing is allocated. `Host` never appears here: it is the request's authority.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    buffer: Vec<u8>,
    entries: Vec<Field>,
    known: KnownSet,
}

/// The name of a field as it stands in a message.
#[derive(Clone, Copy, Debug)]
pub struct FieldName<'a> {
    /// The known name, when it is one.
    pub known: Option<KnownName>,
    text: &'a [u8],
}

impl<'a> FieldName<'a> {
    /// The name in the case in which it was received, or lower case when the proxy added it.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.text
    }

    /// Whether this is the name `key`.
    pub fn is(&self, key: &HeaderKey) -> bool {
        match (key.known(), self.known) {
            (Some(wanted), known) => known == Some(wanted),
            (None, Some(_)) => false,
            (None, None) => key.as_str().as_bytes().eq_ignore_ascii_case(self.text),
        }
    }
}

impl Fields {
    /// The number of fields.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (FieldName<'_>, &[u8])> {
        self.entries
            .iter()
            .map(|field| (self.name(field), field.value().of(&self.buffer)))
    }

    /// The first value of `key`.
    pub fn get(&self, key: &HeaderKey) -> Option<&[u8]> {
        match key.known() {
            Some(known) => self.get_known(known),
            None => self
                .iter()
                .find(|(name, _)| name.is(key))
                .map(|(_, value)| value),
        }
    }

    /// The first value of a known name.
    pub fn get_known(&self, known: KnownName) -> Option<&[u8]> {
        let field = &self.entries[self.position(known)?];
        Some(field.value().of(&self.buffer))
    }

    /// The value of a known name that stands exactly once.
    pub(crate) fn only(&self, known: KnownName) -> Option<&[u8]> {
        if !self.known.has(known) {
            return None;
        }
        let mut all = self
            .entries
            .iter()
            .filter(|field| field.known == Some(known));
        let field = all.next()?;
        match all.next() {
            None => Some(field.value().of(&self.buffer)),
            Some(_) => None,
        }
    }

    /// The first value of a known name, when it is UTF-8.
    pub fn get_str(&self, known: KnownName) -> Option<&str> {
        std::str::from_utf8(self.get_known(known)?).ok()
    }

    /// All values of `key` in order.
    pub fn get_all<'a>(&'a self, key: &'a HeaderKey) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(name, _)| name.is(key))
            .map(|(_, value)| value)
    }

    /// Whether there may be a field of one of `names`; for a quick no.
    pub(crate) fn may_have_any(&self, names: &[KnownName]) -> bool {
        self.known.has_any(names)
    }

    /// Whether a field `known` exists.
    pub fn has(&self, known: KnownName) -> bool {
        self.position(known).is_some()
    }

    /// Makes `value` the only value of `key`, in the place of the first one.
    pub fn set(&mut self, key: &HeaderKey, value: &[u8]) {
        let at = match key.known() {
            Some(known) => self.position(known),
            None => self.iter().position(|(name, _)| name.is(key)),
        };
        let Some(at) = at else {
            return self.append(key, value);
        };
        self.replace(at, |buffer, _| buffer.extend_from_slice(value));
        let mut number = 0;
        self.retain(|name, _| {
            number += 1;
            number <= at + 1 || !name.is(key)
        });
    }

    /// Like [`Fields::set`] for a known name.
    pub fn set_known(&mut self, known: KnownName, value: &[u8]) {
        if self.known.has(known) {
            self.set(&known.into(), value);
        } else {
            self.append_line(Some(known), known.as_str().as_bytes(), value);
        }
    }

    /// Sets a known name to a decimal number, without an allocation.
    pub fn set_number(&mut self, known: KnownName, number: u64) {
        let mut digits = [0; 20];
        let text = decimal(number, &mut digits);
        self.set_known(known, text);
    }

    /// Adds a field after all others.
    pub fn append(&mut self, key: &HeaderKey, value: &[u8]) {
        self.append_line(key.known(), key.as_str().as_bytes(), value);
    }

    /// Adds a field with the name as it was received.
    pub fn append_raw(&mut self, name: &[u8], value: &[u8]) {
        self.append_line(KnownName::find(name), name, value);
    }

    /// Takes `list, value` as the value when the field exists, else `value` alone.
    pub fn append_to_list(&mut self, known: KnownName, value: &[u8]) {
        let Some(at) = self.position(known) else {
            return self.append(&known.into(), value);
        };
        self.replace(at, |buffer, old| {
            buffer.extend_from_within(old.range());
            buffer.push(b',');
            buffer.extend_from_slice(value);
        });
    }

    /// Removes all fields `key`; says whether there was one.
    pub fn remove(&mut self, key: &HeaderKey) -> bool {
        match key.known() {
            Some(known) => self.remove_known(known),
            None => self.retain(|name, _| !name.is(key)),
        }
    }

    /// Removes all fields of a known name; says whether there was one.
    #[inline]
    pub fn remove_known(&mut self, known: KnownName) -> bool {
        self.known.has(known) && self.take_away(known)
    }

    /// Out of line: most messages have hardly any of the names that are removed from all.
    #[inline(never)]
    fn take_away(&mut self, known: KnownName) -> bool {
        self.known.remove(known);
        let before = self.entries.len();
        self.entries.retain(|field| field.known != Some(known));
        self.entries.len() != before
    }

    /// Keeps the fields for which `keep` holds; says whether one went.
    pub fn retain(&mut self, mut keep: impl FnMut(FieldName<'_>, &[u8]) -> bool) -> bool {
        let before = self.entries.len();
        let Self {
            buffer, entries, ..
        } = self;
        entries.retain(|field| {
            let name = FieldName {
                known: field.known,
                text: field.name().of(buffer),
            };
            keep(name, field.value().of(buffer))
        });
        entries.len() != before
    }

    /// Empties the fields and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.entries.clear();
        self.known = KnownSet::default();
    }

    /// Appends all fields but those that `skip` names, as lines of HTTP/1. Neighbours in the buffer, which received lines
    /// and added ones are among themselves, are copied in one piece.
    pub(crate) fn write_lines(&self, out: &mut Vec<u8>, skip: Option<KnownName>) {
        let mut run = 0..0;
        for field in &self.entries {
            if skip.is_some() && field.known == skip {
                continue;
            }
            let line = field.line();
            if line.start == run.end {
                run.end = line.end;
                continue;
            }
            out.extend_from_slice(&self.buffer[run]);
            run = line;
        }
        out.extend_from_slice(&self.buffer[run]);
    }

    /// Bytes of names and values, for limits and `istio_request_bytes`.
    pub fn size(&self) -> usize {
        self.entries
            .iter()
            .map(|field| (field.name_len + field.value_len) as usize)
            .sum()
    }

    pub(crate) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The value spans beside the names, for codecs that share the buffer.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (FieldName<'_>, Span)> {
        self.entries
            .iter()
            .map(|field| (self.name(field), field.value()))
    }

    fn name(&self, field: &Field) -> FieldName<'_> {
        FieldName {
            known: field.known,
            text: field.name().of(&self.buffer),
        }
    }

    /// The first field of a known name.
    #[inline]
    fn position(&self, known: KnownName) -> Option<usize> {
        if !self.known.has(known) {
            return None;
        }
        self.search(known)
    }

    #[inline(never)]
    fn search(&self, known: KnownName) -> Option<usize> {
        let mut fields = self.entries.iter();
        fields.position(|field| field.known == Some(known))
    }

    fn append_line(&mut self, known: Option<KnownName>, name: &[u8], value: &[u8]) {
        let line = self.buffer.len() as u32;
        write_line(name, value, &mut self.buffer);
        self.add(Field {
            known,
            line,
            name_len: name.len() as u32,
            value_len: value.len() as u32,
        });
    }

    /// Writes a new line for the field at `at`, whose value `write` appends with the old one at hand.
    fn replace(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>, Span)) {
        let old = self.entries[at];
        let line = self.buffer.len();
        let name_and_separator = old.line().start..old.value().range().start;
        self.buffer.extend_from_within(name_and_separator);
        let value = self.buffer.len();
        write(&mut self.buffer, old.value());
        self.entries[at] = Field {
            line: line as u32,
            value_len: (self.buffer.len() - value) as u32,
            ..old
        };
        self.buffer.extend_from_slice(END);
    }

    fn add(&mut self, field: Field) {
        self.known.insert(field.known);
        self.entries.push(field);
    }
}

impl HeaderLookup for Fields {
    fn value(&self, name: &HeaderKey) -> Option<Cow<'_, [u8]>> {
        let mut all = self
            .iter()
            .filter(|(field, _)| field.is(name))
            .map(|(_, value)| value);
        let first = all.next()?;
        let Some(second) = all.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(all) {
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }
}

#[cfg(test)]
mod tests;
