//! Matchers of text and headers. Source: Envoy `type.matcher.v3` and `config.route.v3.HeaderMatcher`.

mod header;
pub(crate) mod proto;

use std::sync::Arc;

pub use header::{
    HeaderLookup, HeaderMatch, HeaderMatcher, HeaderName, QueryMatch, QueryMatcher, query_parameter,
};

/// A matcher of one string.
#[derive(Debug, Clone)]
pub enum StringMatch {
    /// The whole string.
    Exact(Text),
    /// Its beginning.
    Prefix(Text),
    /// Its end.
    Suffix(Text),
    /// Any part of it.
    Contains(Text),
    /// The whole string, by regular expression.
    Regex(FullRegex),
}

/// A literal to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    text: Arc<str>,
    case: Case,
}

/// Whether letters' case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// `a` is not `A`.
    Sensitive,
    /// ASCII `a` is `A`.
    Ignored,
}

impl Text {
    /// A literal; kept in lower case where the case does not count.
    pub fn new(text: &str, case: Case) -> Self {
        let text = match case {
            Case::Sensitive => text.into(),
            Case::Ignored => text.to_ascii_lowercase().into(),
        };
        Self { text, case }
    }

    /// The literal.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether case counts.
    pub fn case(&self) -> Case {
        self.case
    }

    /// Whether `value` is this.
    pub fn equals(&self, value: &[u8]) -> bool {
        match self.case {
            Case::Sensitive => value == self.text.as_bytes(),
            Case::Ignored => value.eq_ignore_ascii_case(self.text.as_bytes()),
        }
    }

    /// Whether `value` begins so.
    pub fn begins(&self, value: &[u8]) -> bool {
        value
            .get(..self.text.len())
            .is_some_and(|head| self.equals(head))
    }

    /// Whether `value` ends so.
    pub fn ends(&self, value: &[u8]) -> bool {
        value
            .len()
            .checked_sub(self.text.len())
            .is_some_and(|at| self.equals(&value[at..]))
    }

    /// Whether `value` holds this.
    pub fn is_in(&self, value: &[u8]) -> bool {
        self.text.is_empty() || value.windows(self.text.len()).any(|part| self.equals(part))
    }
}

/// A regular expression that must match a whole value (Envoy's rule for RE2).
#[derive(Debug, Clone)]
pub struct FullRegex {
    source: Arc<str>,
    regex: regex::bytes::Regex,
}

impl FullRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When the pattern is malformed or too large.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        let regex = regex::bytes::Regex::new(&format!("^(?:{pattern})$"))?;
        Ok(Self {
            source: pattern.into(),
            regex,
        })
    }

    /// Whether the whole value matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.regex.is_match(value)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl PartialEq for FullRegex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl StringMatch {
    /// Whether the value matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(text) => text.equals(value),
            Self::Prefix(text) => text.begins(value),
            Self::Suffix(text) => text.ends(value),
            Self::Contains(text) => text.is_in(value),
            Self::Regex(regex) => regex.matches(value),
        }
    }
}
