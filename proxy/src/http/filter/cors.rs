//! Cross-origin requests. Source: Envoy `extensions.filters.http.cors.v3.CorsPolicy`.

use std::sync::Arc;

use crate::matcher::StringMatch;

/// Which origins may do what.
#[derive(Debug, Clone)]
pub struct CorsPolicy {
    /// Origins that are let in.
    pub allow_origins: Vec<StringMatch>,
    /// `access-control-allow-methods`.
    pub allow_methods: Option<Arc<str>>,
    /// `access-control-allow-headers`.
    pub allow_headers: Option<Arc<str>>,
    /// `access-control-expose-headers`.
    pub expose_headers: Option<Arc<str>>,
    /// `access-control-max-age`.
    pub max_age: Option<Arc<str>>,
    /// `access-control-allow-credentials: true`.
    pub allow_credentials: bool,
    /// A preflight that no origin matches goes to the upstream.
    pub forward_unmatched_preflights: bool,
}

impl CorsPolicy {
    /// Whether an origin is let in.
    pub fn allows(&self, origin: &[u8]) -> bool {
        self.allow_origins
            .iter()
            .any(|wanted| wanted.matches(origin))
    }
}
