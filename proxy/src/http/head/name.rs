//! Header names: the ones that the proxy knows are one byte, all others are text.

use std::fmt;
use std::sync::Arc;

macro_rules! known_names {
    ($($variant:ident = $text:literal,)+) => {
        /// A header name that the proxy itself, or most traffic, uses; compares as one byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum KnownName { $(#[doc = concat!("`", $text, "`")] $variant,)+ }

        const ALL: &[KnownName] = &[$(KnownName::$variant,)+];
        const TEXTS: &[&str] = &[$($text,)+];
        static HTTP_NAMES: [::http::HeaderName; TEXTS.len()] = [$(::http::HeaderName::from_static($text),)+];
    };
}

known_names! {
    Te = "te",
    Age = "age",
    Via = "via",
    Date = "date",
    Etag = "etag",
    Host = "host",
    Vary = "vary",
    Allow = "allow",
    Range = "range",
    Accept = "accept",
    Cookie = "cookie",
    Expect = "expect",
    Origin = "origin",
    Server = "server",
    Referer = "referer",
    Trailer = "trailer",
    Upgrade = "upgrade",
    Location = "location",
    Forwarded = "forwarded",
    Connection = "connection",
    KeepAlive = "keep-alive",
    SetCookie = "set-cookie",
    Tracestate = "tracestate",
    UserAgent = "user-agent",
    GrpcStatus = "grpc-status",
    RetryAfter = "retry-after",
    Traceparent = "traceparent",
    XB3Spanid = "x-b3-spanid",
    ContentType = "content-type",
    GrpcMessage = "grpc-message",
    GrpcTimeout = "grpc-timeout",
    XB3Sampled = "x-b3-sampled",
    XB3Traceid = "x-b3-traceid",
    XRequestId = "x-request-id",
    AcceptRanges = "accept-ranges",
    Authorization = "authorization",
    CacheControl = "cache-control",
    IfNoneMatch = "if-none-match",
    LastModified = "last-modified",
    ContentLength = "content-length",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    IdempotencyKey = "idempotency-key",
    XForwardedFor = "x-forwarded-for",
    ContentEncoding = "content-encoding",
    ProxyConnection = "proxy-connection",
    WwwAuthenticate = "www-authenticate",
    XEnvoyInternal = "x-envoy-internal",
    XEnvoyRetryOn = "x-envoy-retry-on",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    TransferEncoding = "transfer-encoding",
    XForwardedProto = "x-forwarded-proto",
    ProxyAuthenticate = "proxy-authenticate",
    XEnvoyOverloaded = "x-envoy-overloaded",
    ProxyAuthorization = "proxy-authorization",
    XEnvoyMaxRetries = "x-envoy-max-retries",
    XEnvoyRatelimited = "x-envoy-ratelimited",
    XEnvoyAttemptCount = "x-envoy-attempt-count",
    XEnvoyOriginalPath = "x-envoy-original-path",
    XEnvoyPeerMetadata = "x-envoy-peer-metadata",
    XEnvoyRetryGrpcOn = "x-envoy-retry-grpc-on",
    XForwardedClientCert = "x-forwarded-client-cert",
    XEnvoyExternalAddress = "x-envoy-external-address",
    XEnvoyPeerMetadataId = "x-envoy-peer-metadata-id",
    XEnvoyDecoratorOperation = "x-envoy-decorator-operation",
    XEnvoyUpstreamServiceTime = "x-envoy-upstream-service-time",
    XEnvoyExpectedRqTimeoutMs = "x-envoy-expected-rq-timeout-ms",
    XEnvoyRetriableHeaderNames = "x-envoy-retriable-header-names",
    XEnvoyRetriableStatusCodes = "x-envoy-retriable-status-codes",
    XEnvoyUpstreamRqTimeoutMs = "x-envoy-upstream-rq-timeout-ms",
    XEnvoyUpstreamRqPerTryTimeoutMs = "x-envoy-upstream-rq-per-try-timeout-ms",
}

/// Places of the look-up; most are free, so that a name that is not known mostly meets one at once.
const PLACES: usize = 256;
const FREE: u8 = u8::MAX;
static PLACE: [u8; PLACES] = places();

/// Where each name stands: at its hash, or at the next place that was free.
const fn places() -> [u8; PLACES] {
    assert!(TEXTS.len() < PLACES / 2, "most places are free");
    let mut places = [FREE; PLACES];
    let mut number = 0;
    while number < TEXTS.len() {
        let text = TEXTS[number].as_bytes();
        assert!(is_lower_case(text), "names are lower case");
        let mut at = hash(text.len(), text[0], text[text.len() - 1]);
        while places[at] != FREE {
            at = (at + 1) % PLACES;
        }
        places[at] = number as u8;
        number += 1;
    }
    places
}

/// Tells nearly all names apart by their length, first and last byte, in any case. The factors were searched for.
const fn hash(len: usize, first: u8, last: u8) -> usize {
    let (first, last) = ((first | 0x20) as usize, (last | 0x20) as usize);
    (len * 47 + first * 159 + last * 65) % PLACES
}

/// Letters in lower case, digits and `-`: what [`is_lower_case_of`] relies on.
const fn is_lower_case(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        if !matches!(text[at], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        at += 1;
    }
    true
}

impl KnownName {
    /// How many there are.
    pub(super) const COUNT: usize = ALL.len();

    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        TEXTS[self as usize]
    }

    /// The known name that equals `name` without regard to ASCII case.
    pub fn find(name: &[u8]) -> Option<Self> {
        let mut at = hash(name.len(), *name.first()?, *name.last()?);
        loop {
            let known = *ALL.get(usize::from(PLACE[at]))?;
            let text = known.as_str().as_bytes();
            if text.len() == name.len() && is_lower_case_of(text, name) {
                return Some(known);
            }
            at = (at + 1) % PLACES;
        }
    }

    /// The `http` crate's form; made without an allocation.
    pub(crate) fn http_name(self) -> ::http::HeaderName {
        HTTP_NAMES[self as usize].clone()
    }
}

/// Whether `lower`, a name of the table, is `name` in lower case; both have the same length. Eight bytes or four at a time,
/// the last of them perhaps once more.
fn is_lower_case_of(lower: &[u8], name: &[u8]) -> bool {
    /// Of what stands in the table, letters alone have this bit.
    const LETTER: u64 = u64::from_ne_bytes([0x40; 8]);
    let same = |a: u64, b: u64| (a ^ b) & !((a & LETTER) >> 1) == 0;
    let eight = |a: &[u8; 8], b: &[u8; 8]| same(u64::from_le_bytes(*a), u64::from_le_bytes(*b));
    let four = |a: &[u8; 4], b: &[u8; 4]| {
        let word = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
        same(word(a), word(b))
    };
    if let (Some(a), Some(b)) = (lower.last_chunk(), name.last_chunk()) {
        let words = lower.as_chunks().0;
        let mut both = words.iter().zip(name.as_chunks().0);
        return both.all(|(a, b)| eight(a, b)) && eight(a, b);
    }
    if let (Some(a), Some(b)) = (lower.last_chunk(), name.last_chunk()) {
        let firsts = lower.first_chunk().zip(name.first_chunk());
        return four(a, b) && firsts.is_some_and(|(a, b)| four(a, b));
    }
    let mut both = lower.iter().zip(name);
    both.all(|(a, b)| same(u64::from(*a), u64::from(*b)))
}

/// A header name as configuration uses it: parsed once, lower case, cheap to clone and compare.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderKey(Form);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Form {
    Known(KnownName),
    Other(Arc<str>),
}

/// A header name that is empty or holds a character that RFC 9110 section 5.6.2 does not allow in a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no header name: use letters, digits and !#$%&'*+-.^_`|~ only")]
pub struct InvalidHeaderName {
    /// What was given.
    pub name: String,
}

impl HeaderKey {
    /// Parses a field name; the case does not matter.
    ///
    /// # Errors
    /// When `name` is no token.
    pub fn parse(name: &str) -> Result<Self, InvalidHeaderName> {
        if let Some(known) = KnownName::find(name.as_bytes()) {
            return Ok(known.into());
        }
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(InvalidHeaderName {
                name: name.to_owned(),
            });
        }
        Ok(Self(Form::Other(name.to_ascii_lowercase().into())))
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Known(known) => known.as_str(),
            Form::Other(text) => text,
        }
    }

    /// The known name that this is, if any.
    pub fn known(&self) -> Option<KnownName> {
        match self.0 {
            Form::Known(known) => Some(known),
            Form::Other(_) => None,
        }
    }
}

impl From<KnownName> for HeaderKey {
    fn from(known: KnownName) -> Self {
        Self(Form::Known(known))
    }
}

impl fmt::Debug for HeaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for HeaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `byte` may stand in a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

static TOKEN: [bool; 256] = token_table();

const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_known_name_in_any_case() {
        for (name, text) in ALL.iter().zip(TEXTS) {
            assert_eq!(KnownName::find(text.as_bytes()), Some(*name));
            assert_eq!(
                KnownName::find(text.to_ascii_uppercase().as_bytes()),
                Some(*name)
            );
            assert_eq!(name.http_name().as_str(), *text);
        }
        for unknown in [
            "",
            "x",
            "hosts",
            "content-lengtx",
            "x-no-such-header-name-anywhere-in-the-whole-table",
            "keep\ralive",
            "via\x0e",
            "x\re",
            "x-b3\rtraceid",
            "x-b\x13-traceid",
        ] {
            assert_eq!(KnownName::find(unknown.as_bytes()), None, "{unknown}");
        }
    }

    #[test]
    fn a_key_is_lower_case_and_a_token() {
        assert_eq!(
            HeaderKey::parse("X-Tenant").map(|key| key.to_string()),
            Ok("x-tenant".to_owned())
        );
        assert_eq!(
            HeaderKey::parse("Host").map(|key| key.known()),
            Ok(Some(KnownName::Host))
        );
        for bad in ["", "a b", "a:b", "a\r", ":path"] {
            assert!(HeaderKey::parse(bad).is_err(), "{bad}");
        }
    }
}
