//! The smaller choices of a connection manager.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

/// Which HTTP version a connection manager reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodecType {
    /// By ALPN, else by the first bytes.
    #[default]
    Auto,
    /// HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The `server` response header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHeader {
    /// The value.
    pub name: Arc<str>,
    /// When it is written.
    pub mode: ServerHeaderMode,
}

/// When the `server` header is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerHeaderMode {
    /// Always.
    #[default]
    Overwrite,
    /// Where the upstream sent none.
    AppendIfAbsent,
    /// Never.
    PassThrough,
}

/// What is done to request paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PathRules {
    /// RFC 3986 normalization: dot segments, percent-encoding of unreserved characters.
    pub normalize: bool,
    /// `//` becomes `/`.
    pub merge_slashes: bool,
    /// `%2F` and `%5C`.
    pub escaped_slashes: EscapedSlashes,
}

/// What happens to a path with `%2F` or `%5C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EscapedSlashes {
    /// Kept.
    #[default]
    Keep,
    /// Answered with 400.
    Reject,
    /// Unescaped and answered with a redirect.
    UnescapeAndRedirect,
    /// Unescaped and forwarded.
    UnescapeAndForward,
}

/// What happens to header names that contain an underscore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underscores {
    /// Passed.
    #[default]
    Allow,
    /// The request is answered with 400.
    RejectRequest,
    /// The header is dropped.
    DropHeader,
}

/// A protocol that a request may upgrade to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The token of the `upgrade` header, lower case, such as `websocket`; `connect` is CONNECT.
    pub protocol: Arc<str>,
    /// Allowed unless a route says otherwise.
    pub enabled: bool,
}

/// `x-forwarded-client-cert` handling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForwardClientCert {
    /// What happens to the header.
    pub mode: ForwardClientCertMode,
    /// Which details of the client's certificate are written.
    pub details: ClientCertDetails,
}

/// What happens to a client's `x-forwarded-client-cert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardClientCertMode {
    /// Removed.
    #[default]
    Sanitize,
    /// Passed when the connection is mTLS.
    ForwardOnly,
    /// Ours is appended when the connection is mTLS.
    AppendForward,
    /// Replaced by ours when the connection is mTLS.
    SanitizeSet,
    /// Passed always.
    AlwaysForwardOnly,
}

/// Which details of a client certificate go into `x-forwarded-client-cert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientCertDetails {
    /// `Subject=`.
    pub subject: bool,
    /// `Cert=`, PEM, percent-encoded.
    pub cert: bool,
    /// `Chain=`, PEM, percent-encoded.
    pub chain: bool,
    /// `DNS=`.
    pub dns: bool,
    /// `URI=`.
    pub uri: bool,
}

/// `x-forwarded-for` and trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForwardedRules {
    /// The client's address is the socket's peer, which is appended to `x-forwarded-for`.
    pub use_remote_address: bool,
    /// Proxies in front of us whose `x-forwarded-for` is believed.
    pub trusted_hops: u32,
    /// `x-forwarded-for` stays as it is.
    pub skip_append: bool,
    /// Where internal requests come from.
    pub internal_addresses: InternalAddresses,
}

/// Who counts as internal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InternalAddresses {
    /// Address ranges.
    pub ranges: Vec<IpNet>,
}

impl InternalAddresses {
    /// Whether an address is internal: in one of the ranges, or private where there are none.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        if self.ranges.is_empty() {
            return is_private(address);
        }
        self.ranges.iter().any(|range| range.contains(&address))
    }
}

/// RFC 1918, RFC 4193 and loopback.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    }
}

/// `x-request-id` rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestIdRules {
    /// Made where it is missing.
    pub generate: bool,
    /// A client's own is kept at the edge too.
    pub preserve_external: bool,
    /// Repeated in the response.
    pub always_set_in_response: bool,
}

/// HTTP/1 rules, both ways.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Http1Options {
    /// HTTP/1.0 requests are served.
    pub accept_http_10: bool,
    /// The host of an HTTP/1.0 request that names none.
    pub default_host_for_http_10: Option<Arc<str>>,
}

/// HTTP/2 rules; `None` is this proxy's own default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Http2Options {
    /// Streams at a time.
    pub max_concurrent_streams: Option<u32>,
    /// Flow-control window of a stream in bytes.
    pub initial_stream_window: Option<u32>,
    /// Flow-control window of a connection in bytes.
    pub initial_connection_window: Option<u32>,
    /// HPACK table in bytes.
    pub hpack_table_size: Option<u32>,
    /// Largest frame.
    pub max_frame_size: Option<u32>,
    /// PINGs.
    pub keepalive: Option<Http2Keepalive>,
}

/// HTTP/2 PINGs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http2Keepalive {
    /// Time between PINGs; `None` sends none of its own accord.
    pub interval: Option<Duration>,
    /// Time for the answer before the connection is closed.
    pub timeout: Duration,
}

/// Which port is taken off authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StripPort {
    /// None.
    #[default]
    Keep,
    /// One that is the listener's.
    Matching,
    /// Any.
    Any,
}

/// The scheme of requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemeRules {
    /// Written over whatever came.
    pub overwrite: Option<Arc<str>>,
}
