//! Header fields as spans of one buffer, in the order and case in which they came.

use std::borrow::Cow;

use super::name::{HeaderKey, KnownName};
use crate::matcher::HeaderLookup;

/// A part of a message's buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    pub(crate) fn new(start: usize, len: usize) -> Self {
        // Invariant: heads are limited to 60 KiB and edits to a few values, far below 4 GiB.
        Self {
            start: start as u32,
            len: len as u32,
        }
    }

    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.range()]
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// One field; `name` is empty when `known` says it and nothing was received under that name.
#[derive(Clone, Copy, Debug)]
struct Field {
    known: Option<KnownName>,
    name: Span,
    value: Span,
}

/// The header or trailer fields of one message.
///
/// One byte buffer holds what was received; edits append to it and point the field at the new bytes, so nothing moves
/// and, once the buffer has grown, nothing is allocated. `Host` never appears here: it is the request's authority.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    buffer: Vec<u8>,
    entries: Vec<Field>,
    known: KnownSet,
}

/// Known names that a message may have: most questions are about names that it has not, and need no look at its fields.
///
/// Invariant: a name that is not in the set has no field; one that is may have lost it.
#[derive(Clone, Copy, Debug, Default)]
struct KnownSet(u128);

impl KnownSet {
    fn has(self, known: KnownName) -> bool {
        self.0 & Self::bit(known) != 0
    }

    fn insert(&mut self, known: Option<KnownName>) {
        self.0 |= known.map_or(0, Self::bit);
    }

    fn remove(&mut self, known: KnownName) {
        self.0 &= !Self::bit(known);
    }

    fn bit(known: KnownName) -> u128 {
        const { assert!(KnownName::COUNT <= 128, "a bit for each known name") };
        1 << known as u8
    }
}

/// A head that was copied as it came, to which fields are added as parts of it.
#[derive(Debug)]
pub(crate) struct Received<'f, 'h> {
    fields: &'f mut Fields,
    head: &'h [u8],
    base: usize,
}

impl Received<'_, '_> {
    /// Adds a field whose name and value are parts of the head.
    pub(crate) fn append(&mut self, known: Option<KnownName>, name: &[u8], value: &[u8]) {
        let (name, value) = (self.span(name), self.span(value));
        self.fields.add(Field { known, name, value });
    }

    /// Where a part of the head now lies.
    pub(crate) fn span(&self, part: &[u8]) -> Span {
        if part.is_empty() {
            return Span::default();
        }
        let offset = part.as_ptr() as usize - self.head.as_ptr() as usize;
        debug_assert!(offset + part.len() <= self.head.len(), "a part of the head");
        Span::new(self.base + offset, part.len())
    }

    /// The fields so far.
    pub(crate) fn fields(&mut self) -> &mut Fields {
        self.fields
    }
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
        match self.known {
            Some(known) if self.text.is_empty() => known.as_str().as_bytes(),
            Some(_) | None => self.text,
        }
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
            .map(|field| (self.name(field), field.value.of(&self.buffer)))
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
        if !self.known.has(known) {
            return None;
        }
        let field = self
            .entries
            .iter()
            .find(|field| field.known == Some(known))?;
        Some(field.value.of(&self.buffer))
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

    /// Whether a field `known` exists.
    pub fn has(&self, known: KnownName) -> bool {
        self.known.has(known) && self.entries.iter().any(|field| field.known == Some(known))
    }

    /// Makes `value` the only value of `key`, in the place of the first one.
    pub fn set(&mut self, key: &HeaderKey, value: &[u8]) {
        let value = self.store(value);
        if key.known().is_some_and(|known| !self.known.has(known)) {
            return self.push(key, value);
        }
        let mut placed = false;
        let Self {
            buffer, entries, ..
        } = self;
        entries.retain_mut(|field| {
            let name = FieldName {
                known: field.known,
                text: field.name.of(buffer),
            };
            if !name.is(key) {
                return true;
            }
            field.value = value;
            !std::mem::replace(&mut placed, true)
        });
        if !placed {
            self.push(key, value);
        }
    }

    /// Like [`Fields::set`] for a known name.
    pub fn set_known(&mut self, known: KnownName, value: &[u8]) {
        self.set(&known.into(), value);
    }

    /// Sets a known name to a decimal number, without an allocation.
    pub fn set_number(&mut self, known: KnownName, number: u64) {
        let mut digits = [0; 20];
        let text = decimal(number, &mut digits);
        self.set_known(known, text);
    }

    /// Adds a field after all others.
    pub fn append(&mut self, key: &HeaderKey, value: &[u8]) {
        let value = self.store(value);
        self.push(key, value);
    }

    /// Adds a field with the name as it was received.
    pub fn append_raw(&mut self, name: &[u8], value: &[u8]) {
        let known = KnownName::find(name);
        let name = self.store(name);
        let value = self.store(value);
        self.add(Field { known, name, value });
    }

    /// Takes the bytes of a whole head over, so that fields can be added as parts of it.
    pub(crate) fn receive<'h>(&mut self, head: &'h [u8]) -> Received<'_, 'h> {
        let base = self.buffer.len();
        self.buffer.extend_from_slice(head);
        Received {
            fields: self,
            head,
            base,
        }
    }

    /// Takes `list, value` as the value when the field exists, else `value` alone.
    pub fn append_to_list(&mut self, known: KnownName, value: &[u8]) {
        let at = self.known.has(known).then(|| {
            let mut entries = self.entries.iter();
            entries.position(|field| field.known == Some(known))
        });
        let Some(at) = at.flatten() else {
            return self.append(&known.into(), value);
        };
        let old = self.entries[at].value;
        let start = self.buffer.len();
        self.buffer.extend_from_within(old.range());
        self.buffer.extend_from_slice(b",");
        self.buffer.extend_from_slice(value);
        self.entries[at].value = Span::new(start, self.buffer.len() - start);
    }

    /// Removes all fields `key`; says whether there was one.
    pub fn remove(&mut self, key: &HeaderKey) -> bool {
        match key.known() {
            Some(known) => self.remove_known(known),
            None => self.retain(|name, _| !name.is(key)),
        }
    }

    /// Removes all fields of a known name; says whether there was one.
    pub fn remove_known(&mut self, known: KnownName) -> bool {
        if !self.known.has(known) {
            return false;
        }
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
                text: field.name.of(buffer),
            };
            keep(name, field.value.of(buffer))
        });
        entries.len() != before
    }

    /// Empties the fields and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.entries.clear();
        self.known = KnownSet::default();
    }

    /// Appends all fields but those that `skip` names, as lines of HTTP/1. Lines that stand as they were received are
    /// copied in one piece with their neighbours.
    pub(crate) fn write_lines(&self, out: &mut Vec<u8>, skip: Option<KnownName>) {
        let mut run = 0..0;
        for field in &self.entries {
            if skip.is_some() && field.known == skip {
                continue;
            }
            let line = self.received_line(field);
            if let Some(line) = &line
                && line.start == run.end
            {
                run.end = line.end;
                continue;
            }
            out.extend_from_slice(&self.buffer[run]);
            run = line.unwrap_or_else(|| {
                write_line(
                    self.name(field).as_bytes(),
                    field.value.of(&self.buffer),
                    out,
                );
                0..0
            });
        }
        out.extend_from_slice(&self.buffer[run]);
    }

    /// Where the line `name: value` with its end stands in the buffer, if it does.
    fn received_line(&self, field: &Field) -> Option<std::ops::Range<usize>> {
        let (name, value) = (field.name.range(), field.value.range());
        let between = self.buffer.get(name.end..value.start)?;
        let after = self.buffer.get(value.end..value.end + 2)?;
        (between == b": " && after == b"\r\n" && !name.is_empty())
            .then_some(name.start..value.end + 2)
    }

    /// Bytes of names and values, for limits and `istio_request_bytes`.
    pub fn size(&self) -> usize {
        self.iter()
            .map(|(name, value)| name.as_bytes().len() + value.len())
            .sum()
    }

    /// Copies `bytes` into the buffer.
    pub(crate) fn store(&mut self, bytes: &[u8]) -> Span {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        Span::new(start, bytes.len())
    }

    pub(crate) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The value spans beside the names, for codecs that share the buffer.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (FieldName<'_>, Span)> {
        self.entries
            .iter()
            .map(|field| (self.name(field), field.value))
    }

    fn name(&self, field: &Field) -> FieldName<'_> {
        FieldName {
            known: field.known,
            text: field.name.of(&self.buffer),
        }
    }

    fn push(&mut self, key: &HeaderKey, value: Span) {
        let known = key.known();
        let name = match known {
            Some(_) => Span::default(),
            None => self.store(key.as_str().as_bytes()),
        };
        self.add(Field { known, name, value });
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

/// Appends one line of a head or of trailers.
pub(crate) fn write_line(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Writes `number` in decimal at the end of `digits`.
pub(crate) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests;
