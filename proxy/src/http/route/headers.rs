//! Edits of header fields.

use std::sync::Arc;

use crate::http::head::HeaderKey;

/// Edits of one message: first all removals, then additions in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Fields taken away.
    pub remove: Vec<HeaderKey>,
    /// Fields written.
    pub add: Vec<HeaderValueEdit>,
}

/// A field that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderValueEdit {
    /// Which.
    pub name: EditName,
    /// Its value, with `%COMMAND%` operators of access logs.
    pub value: Arc<str>,
    /// The value has operators, or an escaped `%%`.
    pub has_operators: bool,
    /// What happens to a field that is there.
    pub append: Append,
    /// Written even when the value comes out empty.
    pub keep_empty: bool,
}

/// A field that edits may write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EditName {
    /// The authority (`host`, `:authority`); replaced, never appended to.
    Authority,
    /// The path.
    Path,
    /// The method.
    Method,
    /// The scheme.
    Scheme,
    /// The status of a response.
    Status,
    /// A field.
    Field(HeaderKey),
}

/// What happens to a field that is there. Source: Envoy `HeaderAppendAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Append {
    /// Another one is added.
    #[default]
    AppendOrAdd,
    /// Nothing is written.
    AddIfAbsent,
    /// It is replaced.
    OverwriteOrAdd,
    /// It is replaced; nothing is written where there is none.
    OverwriteIfExists,
}

impl HeaderEdits {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }

    /// Appends the edits of an outer level.
    pub fn extend(&mut self, outer: &Self) {
        self.remove.extend_from_slice(&outer.remove);
        self.add.extend_from_slice(&outer.add);
    }
}
