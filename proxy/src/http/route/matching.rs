//! What a route asks of a request. Source: Envoy `config.route.v3.RouteMatch`.

use std::borrow::Cow;

use crate::matcher::{
    FullRegex, HeaderLookup, HeaderMatcher, HeaderName, QueryMatcher, StringMatch, Text,
};

/// What is known of a request when its route is looked for.
#[derive(Debug)]
pub struct RequestFacts<'a, H> {
    /// The method.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The authority, with its port where there is one.
    pub authority: &'a str,
    /// The scheme.
    pub scheme: &'a str,
    /// Header fields.
    pub headers: &'a H,
    /// The connection has TLS, or a trusted proxy in front of us had.
    pub secure: bool,
    /// The request comes from an internal address.
    pub internal: bool,
    /// The client's certificate; `None` without mTLS.
    pub client_certificate: Option<ClientCertificate>,
    /// Uniform over all of `u64`; equal numbers give equal decisions.
    pub random: u64,
}

/// What is known of the client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCertificate {
    /// It was checked against the configured authorities.
    pub validated: bool,
}

/// What a route asks of a request; all of it must hold.
#[derive(Debug)]
pub struct RouteMatch {
    /// The path.
    pub path: PathMatch,
    /// Header fields.
    pub headers: Vec<HeaderMatcher>,
    /// Query parameters.
    pub query: Vec<QueryMatcher>,
    /// Content type is gRPC's.
    pub grpc_only: bool,
    /// The share of requests that match.
    pub fraction: Option<Fraction>,
    /// A client certificate.
    pub tls: Option<TlsMatch>,
}

/// What a route asks of the path; the query is not part of it.
#[derive(Debug)]
pub enum PathMatch {
    /// Its beginning.
    Prefix(Text),
    /// All of it.
    Exact(Text),
    /// All of it, by regular expression.
    Regex(FullRegex),
    /// All of it, or up to a `/`.
    SegmentPrefix(Text),
}

/// A share, as `numerator` of `denominator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    /// The share's upper part.
    pub numerator: u32,
    /// 100, 10 000 or 1 000 000.
    pub denominator: u32,
}

/// What a route asks of the client's certificate; `None` asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsMatch {
    /// There is one, or there is none.
    pub presented: Option<bool>,
    /// It was checked, or it was not.
    pub validated: Option<bool>,
}

impl Fraction {
    /// Whether a uniform number falls into the share.
    pub fn includes(self, random: u64) -> bool {
        random % u64::from(self.denominator) < u64::from(self.numerator)
    }
}

impl<H: HeaderLookup> RequestFacts<'_, H> {
    /// The value that a header matcher looks at.
    pub fn header(&self, name: &HeaderName) -> Option<Cow<'_, [u8]>> {
        let pseudo = match name {
            HeaderName::Method => self.method,
            HeaderName::Path => self.path,
            HeaderName::Authority => self.authority,
            HeaderName::Scheme => self.scheme,
            HeaderName::Field(key) => return self.headers.value(key),
        };
        Some(Cow::Borrowed(pseudo.as_bytes()))
    }

    fn is_grpc(&self) -> bool {
        let key = crate::http::head::KnownName::ContentType.into();
        let Some(value) = self.headers.value(&key) else {
            return false;
        };
        value
            .strip_prefix(b"application/grpc")
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    }
}

impl RouteMatch {
    /// Whether a request matches.
    pub fn matches<H: HeaderLookup>(&self, facts: &RequestFacts<'_, H>) -> bool {
        self.path.matches(path_only(facts.path))
            && self
                .headers
                .iter()
                .all(|wanted| wanted.matches(facts.header(&wanted.name).as_deref()))
            && self.query.iter().all(|wanted| wanted.matches(facts.path))
            && (!self.grpc_only || facts.is_grpc())
            && self
                .fraction
                .is_none_or(|fraction| fraction.includes(facts.random))
            && self
                .tls
                .is_none_or(|tls| tls.matches(facts.client_certificate))
    }
}

impl TlsMatch {
    fn matches(self, certificate: Option<ClientCertificate>) -> bool {
        let validated = certificate.is_some_and(|certificate| certificate.validated);
        self.presented
            .is_none_or(|wanted| wanted == certificate.is_some())
            && self.validated.is_none_or(|wanted| wanted == validated)
    }
}

impl PathMatch {
    /// Whether a path without its query matches.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.as_bytes();
        match self {
            Self::Prefix(text) => text.begins(path),
            Self::Exact(text) => text.equals(path),
            Self::Regex(regex) => regex.matches(path),
            Self::SegmentPrefix(text) => {
                text.begins(path) && matches!(path.get(text.as_str().len()), None | Some(b'/'))
            }
        }
    }

    /// The bytes of a matching path that a prefix rewrite replaces.
    pub fn matched_len(&self, path: &str) -> usize {
        match self {
            Self::Prefix(text) | Self::SegmentPrefix(text) => text.as_str().len(),
            Self::Exact(_) | Self::Regex(_) => path_only(path).len(),
        }
    }
}

/// The path without query and fragment.
pub fn path_only(path: &str) -> &str {
    let end = path.bytes().position(|byte| matches!(byte, b'?' | b'#'));
    &path[..end.unwrap_or(path.len())]
}

/// Matches everything; for tests and for answers that are not configured.
impl Default for RouteMatch {
    fn default() -> Self {
        Self {
            path: PathMatch::Prefix(Text::new("", crate::matcher::Case::Sensitive)),
            headers: Vec::new(),
            query: Vec::new(),
            grpc_only: false,
            fraction: None,
            tls: None,
        }
    }
}

/// How a header matcher reads in an explanation.
pub fn describe(matching: &StringMatch) -> String {
    match matching {
        StringMatch::Exact(text) => format!("= {:?}", text.as_str()),
        StringMatch::Prefix(text) => format!("begins with {:?}", text.as_str()),
        StringMatch::Suffix(text) => format!("ends with {:?}", text.as_str()),
        StringMatch::Contains(text) => format!("contains {:?}", text.as_str()),
        StringMatch::Regex(regex) => format!("matches {:?}", regex.as_str()),
    }
}
