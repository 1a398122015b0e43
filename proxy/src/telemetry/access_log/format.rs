//! Envoy's format strings, compiled once. Source: Envoy "Access logging", command operators.

use crate::http::head::HeaderKey;

/// Literal text and command operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The parts in order.
    pub(crate) parts: Vec<Part>,
}

/// One part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(String),
    Operator(Operator),
}

/// A header with a fallback and a limit of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderRef {
    pub(crate) name: HeaderSource,
    pub(crate) otherwise: Option<HeaderSource>,
    pub(crate) limit: Option<usize>,
}

/// A header, pseudo headers included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderSource {
    Method,
    Path,
    Authority,
    Scheme,
    Status,
    Field(HeaderKey),
}

/// A format string that cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFormat {
    /// A `%` without its partner; `%%` stands for the character.
    #[error("{format:?} has a lone `%`; write `%%` for the character itself")]
    LonePercent {
        /// The format.
        format: String,
    },
    /// An operator that does not exist.
    #[error("%{operator}% is no command operator that is known here")]
    UnknownOperator {
        /// What stands between the percent signs.
        operator: String,
    },
}

macro_rules! operators {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// A command operator.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Operator {
            /// `REQ(NAME?OTHER):LIMIT`
            Request(HeaderRef),
            /// `RESP(…)`
            Response(HeaderRef),
            /// `TRAILER(…)`
            Trailer(HeaderRef),
            /// `START_TIME(FORMAT)`
            StartTime(Option<String>),
            /// `ENVIRONMENT(NAME)`, looked up once.
            Environment(String),
            /// An operator whose source this proxy never has; always `-`.
            Absent,
            $($(#[$doc])* $variant,)+
        }

        impl Operator {
            fn plain(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

operators! {
    Duration = "DURATION",
    RequestDuration = "REQUEST_DURATION",
    ResponseDuration = "RESPONSE_DURATION",
    BytesReceived = "BYTES_RECEIVED",
    BytesSent = "BYTES_SENT",
    Protocol = "PROTOCOL",
    ResponseCode = "RESPONSE_CODE",
    ResponseCodeDetails = "RESPONSE_CODE_DETAILS",
    ResponseFlags = "RESPONSE_FLAGS",
    ConnectionTerminationDetails = "CONNECTION_TERMINATION_DETAILS",
    UpstreamHost = "UPSTREAM_HOST",
    UpstreamRemoteAddress = "UPSTREAM_REMOTE_ADDRESS",
    UpstreamLocalAddress = "UPSTREAM_LOCAL_ADDRESS",
    UpstreamCluster = "UPSTREAM_CLUSTER",
    UpstreamClusterRaw = "UPSTREAM_CLUSTER_RAW",
    UpstreamTransportFailureReason = "UPSTREAM_TRANSPORT_FAILURE_REASON",
    UpstreamRequestAttemptCount = "UPSTREAM_REQUEST_ATTEMPT_COUNT",
    DownstreamLocalAddress = "DOWNSTREAM_LOCAL_ADDRESS",
    DownstreamLocalAddressWithoutPort = "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    DownstreamLocalPort = "DOWNSTREAM_LOCAL_PORT",
    DownstreamRemoteAddress = "DOWNSTREAM_REMOTE_ADDRESS",
    DownstreamRemoteAddressWithoutPort = "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    DownstreamRemotePort = "DOWNSTREAM_REMOTE_PORT",
    DownstreamDirectRemoteAddress = "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
    DownstreamDirectRemoteAddressWithoutPort = "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
    DownstreamPeerUriSan = "DOWNSTREAM_PEER_URI_SAN",
    DownstreamPeerDnsSan = "DOWNSTREAM_PEER_DNS_SAN",
    DownstreamPeerSubject = "DOWNSTREAM_PEER_SUBJECT",
    DownstreamPeerFingerprint = "DOWNSTREAM_PEER_FINGERPRINT_256",
    DownstreamPeerCert = "DOWNSTREAM_PEER_CERT",
    DownstreamTlsVersion = "DOWNSTREAM_TLS_VERSION",
    DownstreamTlsCipher = "DOWNSTREAM_TLS_CIPHER",
    UpstreamPeerUriSan = "UPSTREAM_PEER_URI_SAN",
    RequestedServerName = "REQUESTED_SERVER_NAME",
    RouteName = "ROUTE_NAME",
    VirtualClusterName = "VIRTUAL_CLUSTER_NAME",
    GrpcStatus = "GRPC_STATUS",
    GrpcStatusNumber = "GRPC_STATUS_NUMBER",
    Hostname = "HOSTNAME",
}

impl Operator {
    /// Whether a JSON line writes it as a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Duration
                | Self::RequestDuration
                | Self::ResponseDuration
                | Self::BytesReceived
                | Self::BytesSent
                | Self::ResponseCode
                | Self::UpstreamRequestAttemptCount
                | Self::DownstreamLocalPort
                | Self::DownstreamRemotePort
                | Self::GrpcStatusNumber
        )
    }
}

/// Sources that this proxy does not keep: known to Envoy, empty here.
const ABSENT: &[&str] = &[
    "DYNAMIC_METADATA",
    "FILTER_STATE",
    "UPSTREAM_FILTER_STATE",
    "METADATA",
    "CLUSTER_METADATA",
    "UPSTREAM_METADATA",
    "TRACE_ID",
    "STREAM_ID",
];

impl Format {
    /// Compiles a format string.
    ///
    /// # Errors
    /// When it is malformed or names an unknown operator.
    pub fn parse(format: &str) -> Result<Self, InvalidFormat> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = format;
        while let Some(start) = rest.find('%') {
            literal.push_str(&rest[..start]);
            let after = &rest[start + 1..];
            if let Some(next) = after.strip_prefix('%') {
                literal.push('%');
                rest = next;
                continue;
            }
            let end = operator_end(after).ok_or_else(|| InvalidFormat::LonePercent {
                format: format.to_owned(),
            })?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Operator(operator(&after[..end])?));
            rest = &after[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts })
    }
}

/// The `%` that ends an operator: the first one outside its brackets.
fn operator_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '%' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

fn operator(text: &str) -> Result<Operator, InvalidFormat> {
    let unknown = || InvalidFormat::UnknownOperator {
        operator: text.to_owned(),
    };
    let (name, argument, limit) = split(text).ok_or_else(unknown)?;
    if ABSENT.contains(&name) {
        return Ok(Operator::Absent);
    }
    let header = || header_ref(argument.unwrap_or_default(), limit).ok_or_else(unknown);
    match name {
        "REQ" => Ok(Operator::Request(header()?)),
        "RESP" => Ok(Operator::Response(header()?)),
        "TRAILER" => Ok(Operator::Trailer(header()?)),
        "START_TIME" => Ok(Operator::StartTime(
            argument
                .filter(|format| !format.is_empty())
                .map(str::to_owned),
        )),
        "ENVIRONMENT" => Ok(Operator::Environment(
            std::env::var(argument.unwrap_or_default()).unwrap_or_default(),
        )),
        _ => Operator::plain(name).ok_or_else(unknown),
    }
}

/// `NAME(ARGUMENT):LIMIT`.
fn split(text: &str) -> Option<(&str, Option<&str>, Option<usize>)> {
    let Some((name, rest)) = text.split_once('(') else {
        return match text.split_once(':') {
            Some((name, limit)) => Some((name, None, Some(limit.parse().ok()?))),
            None => Some((text, None, None)),
        };
    };
    let (argument, after) = rest.rsplit_once(')')?;
    let limit = match after.strip_prefix(':') {
        Some(limit) => Some(limit.parse().ok()?),
        None if after.is_empty() => None,
        None => return None,
    };
    Some((name, Some(argument), limit))
}

fn header_ref(argument: &str, limit: Option<usize>) -> Option<HeaderRef> {
    let (name, otherwise) = match argument.split_once('?') {
        Some((name, otherwise)) => (name, Some(header_source(otherwise)?)),
        None => (argument, None),
    };
    Some(HeaderRef {
        name: header_source(name)?,
        otherwise,
        limit,
    })
}

fn header_source(name: &str) -> Option<HeaderSource> {
    Some(match name.to_ascii_lowercase().as_str() {
        ":method" => HeaderSource::Method,
        ":path" => HeaderSource::Path,
        ":authority" | "host" => HeaderSource::Authority,
        ":scheme" => HeaderSource::Scheme,
        ":status" => HeaderSource::Status,
        field => HeaderSource::Field(HeaderKey::parse(field).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiles_text_and_operators() {
        let format =
            Format::parse("[%START_TIME(%s.%3f)%] 100%% %REQ(X-A?:PATH):12% %RESPONSE_CODE%\n")
                .expect("valid");
        let header = HeaderRef {
            name: HeaderSource::Field(HeaderKey::parse("x-a").expect("token")),
            otherwise: Some(HeaderSource::Path),
            limit: Some(12),
        };
        assert_eq!(
            format.parts,
            [
                Part::Literal("[".into()),
                Part::Operator(Operator::StartTime(Some("%s.%3f".into()))),
                Part::Literal("] 100% ".into()),
                Part::Operator(Operator::Request(header)),
                Part::Literal(" ".into()),
                Part::Operator(Operator::ResponseCode),
                Part::Literal("\n".into()),
            ]
        );
    }

    #[test]
    fn what_is_unknown_or_malformed_is_refused() {
        for bad in [
            "%",
            "100%",
            "%NO_SUCH%",
            "%REQ(%",
            "%REQ()%",
            "%REQ(a b)%",
            "%REQ(a):x%",
        ] {
            assert!(Format::parse(bad).is_err(), "{bad}");
        }
    }
}
