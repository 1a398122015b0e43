//! What the load balancer hashes of a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::http::head::HeaderKey;

/// One contribution to a request's hash.
#[derive(Debug, Clone)]
pub struct HashPolicy {
    /// What is hashed.
    pub input: HashInput,
    /// Nothing after this one is hashed if this one gave a hash.
    pub terminal: bool,
}

/// A source of a hash.
#[derive(Debug, Clone)]
pub enum HashInput {
    /// A header, after an optional substitution.
    Header(HeaderKey, Option<(PartRegex, Arc<str>)>),
    /// A cookie, made where it is missing and a lifetime is configured.
    Cookie(CookieHash),
    /// The client's address.
    SourceIp,
    /// A query parameter.
    Query(Arc<str>),
}

/// As explanations name it.
impl fmt::Display for HashInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name, _) => write!(f, "header {}", name.as_str()),
            Self::Cookie(cookie) => write!(f, "cookie {}", cookie.name),
            Self::SourceIp => f.write_str("source address"),
            Self::Query(name) => write!(f, "query parameter {name}"),
        }
    }
}

/// A pattern that matches parts of a value.
#[derive(Debug, Clone)]
pub struct PartRegex(pub regex::Regex);

/// A cookie that keeps a client on its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieHash {
    /// Its name.
    pub name: Arc<str>,
    /// Its lifetime; `None` makes none, zero makes a session cookie.
    pub ttl: Option<Duration>,
    /// Its path.
    pub path: Option<Arc<str>>,
    /// Further attributes, such as `SameSite=Lax`.
    pub attributes: Vec<(Arc<str>, Arc<str>)>,
}
