//! Fields that are found in the bytes of a head, one after the other.

use smallvec::SmallVec;

use super::{END, Field, Fields, SEPARATOR, Span};
use crate::http::head::KnownName;

/// The fields of a head that is being read. If it is not completed, nothing of it stays.
#[derive(Debug)]
pub(crate) struct Received<'f> {
    fields: &'f mut Fields,
    /// Fields that do not stand as we write them, by their place, with their values.
    loose: SmallVec<[(usize, Span); 2]>,
    complete: bool,
}

/// A field as part of a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) known: Option<KnownName>,
    pub(crate) name: Span,
    pub(crate) value: Span,
    /// It stands as a line `name: value` with its end.
    pub(crate) plain: bool,
}

impl Received<'_> {
    /// Adds a field.
    pub(crate) fn append(&mut self, part: Part) {
        if !part.plain {
            self.loose.push((self.fields.entries.len(), part.value));
        }
        self.fields.add(Field {
            known: part.known,
            line: part.name.start,
            name_len: part.name.len,
            value_len: part.value.len,
        });
    }

    /// Takes over the bytes of the head as far as it was read, of which the fields were parts.
    pub(crate) fn complete(mut self, head: &[u8]) {
        self.fields.buffer.extend_from_slice(head);
        for (at, value) in std::mem::take(&mut self.loose) {
            self.fields.straighten(at, value);
        }
        self.complete = true;
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        if !self.complete {
            self.fields.clear();
        }
    }
}

impl Fields {
    /// Begins to read a head, in place of what was there.
    pub(crate) fn receive(&mut self) -> Received<'_> {
        self.clear();
        Received {
            fields: self,
            loose: SmallVec::new(),
            complete: false,
        }
    }

    /// Writes a line for the field at `at`, of which only the name stands where it should.
    fn straighten(&mut self, at: usize, value: Span) {
        let line = self.buffer.len() as u32;
        self.buffer
            .extend_from_within(self.entries[at].name().range());
        self.buffer.extend_from_slice(SEPARATOR);
        self.buffer.extend_from_within(value.range());
        self.buffer.extend_from_slice(END);
        self.entries[at].line = line;
    }
}
