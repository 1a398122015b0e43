//! Matchers of header fields and query parameters.

use std::borrow::Cow;
use std::sync::Arc;

use super::StringMatch;
use crate::http::head::HeaderKey;

/// Read access to header fields: the message head of a request, `http::HeaderMap`, and the tables of tests and of
/// `explain` all offer it.
pub trait HeaderLookup {
    /// The value of a field; several fields of one name are joined by commas, as matchers see them.
    fn value(&self, name: &HeaderKey) -> Option<Cow<'_, [u8]>>;
}

impl HeaderLookup for ::http::HeaderMap {
    fn value(&self, name: &HeaderKey) -> Option<Cow<'_, [u8]>> {
        let mut all = self.get_all(name.as_str()).iter();
        let first = all.next()?.as_bytes();
        let Some(second) = all.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(all) {
            joined.push(b',');
            joined.extend_from_slice(value.as_bytes());
        }
        Some(Cow::Owned(joined))
    }
}

/// A matcher of one header field.
#[derive(Debug, Clone)]
pub struct HeaderMatcher {
    /// The field, or a pseudo header such as `:method`, which the caller's lookup of facts answers.
    pub name: HeaderName,
    /// What it must be.
    pub matching: HeaderMatch,
    /// The result is turned round.
    pub invert: bool,
    /// An absent field counts as an empty one.
    pub missing_is_empty: bool,
}

/// What a header matcher looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HeaderName {
    /// `:method`.
    Method,
    /// `:path`.
    Path,
    /// `:authority`, and `host`.
    Authority,
    /// `:scheme`.
    Scheme,
    /// A field.
    Field(HeaderKey),
}

/// What a header field must be.
#[derive(Debug, Clone)]
pub enum HeaderMatch {
    /// There, whatever it holds.
    Present,
    /// Not there.
    Absent,
    /// An integer of this half-open range.
    Range(std::ops::Range<i64>),
    /// A string.
    Text(StringMatch),
}

impl HeaderMatcher {
    /// Whether a field with this value, or its absence, matches.
    pub fn matches(&self, value: Option<&[u8]>) -> bool {
        let value = if self.missing_is_empty {
            Some(value.unwrap_or_default())
        } else {
            value
        };
        match (&self.matching, value) {
            (HeaderMatch::Present, value) => value.is_some() != self.invert,
            (HeaderMatch::Absent, value) => value.is_none() != self.invert,
            // An absent field matches nothing, turned round or not.
            (HeaderMatch::Range(_) | HeaderMatch::Text(_), None) => false,
            (HeaderMatch::Range(range), Some(value)) => in_range(range, value) != self.invert,
            (HeaderMatch::Text(text), Some(value)) => text.matches(value) != self.invert,
        }
    }
}

fn in_range(range: &std::ops::Range<i64>, value: &[u8]) -> bool {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .is_some_and(|n| range.contains(&n))
}

/// A matcher of one query parameter.
#[derive(Debug, Clone)]
pub struct QueryMatcher {
    /// The parameter, case-sensitive.
    pub name: Arc<str>,
    /// What it must be.
    pub matching: QueryMatch,
}

/// What a query parameter must be.
#[derive(Debug, Clone)]
pub enum QueryMatch {
    /// There or not there.
    Present(bool),
    /// A string, compared without percent-decoding.
    Text(StringMatch),
}

impl QueryMatcher {
    /// Whether the query of a path (with or without its `?` part) matches; the first parameter of the name counts.
    pub fn matches(&self, path: &str) -> bool {
        let found = query_parameter(path, &self.name);
        match &self.matching {
            QueryMatch::Present(wanted) => found.is_some() == *wanted,
            QueryMatch::Text(text) => found.is_some_and(|value| text.matches(value.as_bytes())),
        }
    }
}

/// The first value of a query parameter in a request path.
pub fn query_parameter<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = path.split_once('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find_map(|(key, value)| (key == name).then_some(value))
}
