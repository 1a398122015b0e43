//! What the upstream sees in place of path and authority.

use std::borrow::Cow;
use std::sync::Arc;

use super::matching::{PathMatch, path_only};
use crate::http::head::HeaderKey;

/// The path that the upstream sees.
#[derive(Debug, Clone, Default)]
pub enum PathRewrite {
    /// As it came.
    #[default]
    Keep,
    /// What the route matched is replaced; a query stays.
    Prefix(Arc<str>),
    /// Substitution in the path without its query.
    Regex(regex::Regex, Arc<str>),
}

/// The authority that the upstream sees.
#[derive(Debug, Clone, Default)]
pub enum HostRewrite {
    /// As it came.
    #[default]
    Keep,
    /// This.
    Literal(Arc<str>),
    /// The host name of the endpoint that was picked.
    Endpoint,
    /// The value of a header, where there is one.
    Header(HeaderKey),
    /// Made of the path without its query.
    PathRegex(regex::Regex, Arc<str>),
}

impl PathRewrite {
    /// The new path with its query, or `None` when it stays as it is.
    pub fn apply(&self, path: &str, matched: &PathMatch) -> Option<String> {
        match self {
            Self::Keep => None,
            Self::Prefix(prefix) => {
                let rest = path.get(matched.matched_len(path)..).unwrap_or_default();
                Some(join_prefix(prefix, rest))
            }
            Self::Regex(regex, with) => {
                let only = path_only(path);
                match regex.replace_all(only, &**with) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(rewritten) => Some(rewritten + &path[only.len()..]),
                }
            }
        }
    }
}

fn join_prefix(prefix: &str, rest: &str) -> String {
    let mut path = String::with_capacity(prefix.len() + rest.len());
    path.push_str(prefix);
    path.push_str(rest);
    path
}

impl HostRewrite {
    /// The authority made of a path, for [`HostRewrite::PathRegex`].
    pub fn from_path(&self, path: &str) -> Option<String> {
        match self {
            Self::PathRegex(regex, with) => {
                Some(regex.replace_all(path_only(path), &**with).into_owned())
            }
            Self::Keep | Self::Literal(_) | Self::Endpoint | Self::Header(_) => None,
        }
    }
}

/// Turns Envoy's `\1` groups into the form that the `regex` crate substitutes, and escapes its `$`.
pub fn substitution(envoy: &str) -> String {
    let mut out = String::with_capacity(envoy.len());
    let mut chars = envoy.chars();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some(digit @ '0'..='9') => out.push_str(&format!("${{{digit}}}")),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}
