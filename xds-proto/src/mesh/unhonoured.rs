//! Fields that are understood but not honoured, and fields that nobody knows.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields of an object that have no typed field of their own.
pub type Rest = BTreeMap<String, Value>;

/// Collects the paths of what is not honoured.
pub(super) struct Unhonoured<'a> {
    paths: &'a mut Vec<String>,
    prefix: String,
}

impl<'a> Unhonoured<'a> {
    pub(super) fn new(paths: &'a mut Vec<String>) -> Self {
        Self {
            paths,
            prefix: String::new(),
        }
    }

    /// The same collection, one object deeper.
    pub(super) fn below(&mut self, field: &str) -> Unhonoured<'_> {
        Unhonoured {
            prefix: format!("{}{field}.", self.prefix),
            paths: self.paths,
        }
    }

    /// Names every field of `rest`; one that is not in `known` is called unknown, for it is likely misspelt.
    pub(super) fn rest(&mut self, rest: &Rest, known: &[&str]) {
        for field in rest
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(field, _)| field)
        {
            let note = if known.contains(&field.as_str()) {
                ""
            } else {
                " (no such field)"
            };
            self.paths.push(format!("{}{field}{note}", self.prefix));
        }
    }

    /// Names one value of a field that is otherwise honoured.
    pub(super) fn value(&mut self, field: &str, value: &str) {
        self.paths.push(format!("{}{field}: {value}", self.prefix));
    }
}
