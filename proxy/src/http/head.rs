//! The head of a message: what both codecs produce and matchers, filters and both codecs' writers consume.
//!
//! It owns its bytes (one buffer, reused from message to message); it knows nothing about sockets or bodies.

pub mod fields;
pub mod map;
pub mod name;

pub use self::fields::{FieldName, Fields};
pub use self::name::{HeaderKey, InvalidHeaderName, KnownName};

use self::fields::Span;

/// The version in which a message came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2
    Http2,
}

impl Version {
    /// As access logs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// The scheme of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    #[default]
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A request without its body.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: ::http::Method,
    /// How the client sent it.
    pub version: Version,
    /// The scheme: as the client said in HTTP/2 or an absolute form, else by whether TLS was used.
    pub scheme: Scheme,
    authority: String,
    path: String,
    /// All fields but `Host`.
    pub fields: Fields,
}

impl RequestHead {
    /// A request to `authority` for `path` (with its query; `*` for an `OPTIONS *`).
    pub fn new(method: ::http::Method, authority: &str, path: &str) -> Self {
        let mut head = Self {
            method,
            ..Self::default()
        };
        head.set_authority(authority);
        head.set_path(path);
        head
    }

    /// `Host` or `:authority`; empty when an HTTP/1.0 client sent none.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query; `*` for `OPTIONS *`, empty for `CONNECT`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Replaces the authority.
    pub fn set_authority(&mut self, authority: &str) {
        self.authority.clear();
        self.authority.push_str(authority);
    }

    /// Replaces path and query.
    pub fn set_path(&mut self, path: &str) {
        self.path.clear();
        self.path.push_str(path);
    }

    /// Whether this is a gRPC request (`content-type: application/grpc`, with or without a `+suffix`).
    pub fn is_grpc(&self) -> bool {
        self.fields
            .get_known(KnownName::ContentType)
            .is_some_and(is_grpc_type)
    }

    /// Empties the head and keeps its memory.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.method = ::http::Method::GET;
        self.version = Version::default();
        self.scheme = Scheme::default();
        self.authority.clear();
        self.path.clear();
    }
}

/// A response without its body.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: ::http::StatusCode,
    /// How the server sent it.
    pub version: Version,
    reason: Span,
    /// All fields.
    pub fields: Fields,
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self::new(::http::StatusCode::OK)
    }
}

impl ResponseHead {
    /// A response without fields.
    pub fn new(status: ::http::StatusCode) -> Self {
        Self {
            status,
            version: Version::default(),
            reason: Span::default(),
            fields: Fields::default(),
        }
    }

    /// The reason phrase that the server sent, or the standard one.
    pub fn reason(&self) -> &[u8] {
        match self.reason.of(self.fields.buffer()) {
            b"" => self.status.canonical_reason().unwrap_or("").as_bytes(),
            received => received,
        }
    }

    pub(crate) fn set_reason(&mut self, reason: Span) {
        self.reason = reason;
    }

    /// Empties the head and keeps its memory.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.status = ::http::StatusCode::OK;
        self.version = Version::default();
        self.reason = Span::default();
    }
}

/// Whether a `content-type` names gRPC, but not gRPC-Web.
pub(crate) fn is_grpc_type(value: &[u8]) -> bool {
    match value.strip_prefix(b"application/grpc") {
        Some(rest) => rest
            .first()
            .is_none_or(|next| matches!(next, b'+' | b';' | b' ')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_grpc_from_grpc_web() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc; charset=x", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            assert_eq!(is_grpc_type(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn an_edited_request_keeps_its_other_parts() {
        let mut head = RequestHead::new(::http::Method::GET, "a.example", "/x?y");
        head.set_authority("b.example");
        assert_eq!((head.authority(), head.path()), ("b.example", "/x?y"));
    }
}
