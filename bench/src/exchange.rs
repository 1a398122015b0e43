//! What client and backend say to each other. The scenario, the generator, the backend and the peers' configurations agree on it.

use std::sync::OnceLock;

use crate::pattern;

const GRPC_MESSAGE: u8 = 128;

/// Heads of HTTP requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heads {
    /// Host, user agent and accept.
    Short,
    /// With the cookies, tokens and trace headers of a browser behind a gateway, about 0.9 KiB.
    Long,
}

/// One kind of exchange. Sizes are those of the bodies, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// GET over HTTP/1.1.
    Http1 { heads: Heads, response: usize },
    /// GET over HTTP/2 with prior knowledge.
    Http2 { response: usize },
    /// A unary call with 128 bytes each way over HTTP/2.
    Grpc,
    /// So many bytes there and back over TCP.
    Echo { size: usize },
    /// Bytes from the backend over TCP, without end.
    Download,
}

/// The protocol that a proxy sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
    Grpc,
    Tcp,
}

impl Exchange {
    /// What a proxy is configured for.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Exchange::Http1 { .. } => Protocol::Http1,
            Exchange::Http2 { .. } => Protocol::Http2,
            Exchange::Grpc => Protocol::Grpc,
            Exchange::Echo { .. } | Exchange::Download => Protocol::Tcp,
        }
    }
}

/// The authority of all requests.
pub(crate) const AUTHORITY: &str = "bench.example";
/// The path of all HTTP requests but gRPC's.
pub(crate) const PATH: &str = "/bench";

/// The message of all gRPC calls, behind its prefix.
pub(crate) fn grpc_message() -> &'static [u8] {
    static MESSAGE: OnceLock<Vec<u8>> = OnceLock::new();
    MESSAGE.get_or_init(|| {
        let mut message = vec![0, 0, 0, 0, GRPC_MESSAGE];
        message.extend_from_slice(pattern::from(0, usize::from(GRPC_MESSAGE)));
        message
    })
}

/// Header fields of a request besides its host.
pub(crate) fn fields(heads: Heads) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("user-agent", "tulle-bench".to_owned()),
        ("accept", "*/*".to_owned()),
    ];
    if heads == Heads::Long {
        fields.extend([
            ("accept-encoding", "gzip, deflate, br".to_owned()),
            ("accept-language", "en-GB,en;q=0.9,de;q=0.7".to_owned()),
            ("authorization", format!("Bearer {}", "k7Q2".repeat(64))),
            (
                "cookie",
                format!("session={}; theme=dark; seen=1", "5e1f".repeat(40)),
            ),
            ("cache-control", "no-cache".to_owned()),
            ("referer", "https://bench.example/from/here".to_owned()),
            ("origin", "https://bench.example".to_owned()),
            ("sec-fetch-mode", "cors".to_owned()),
            ("sec-fetch-site", "same-origin".to_owned()),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            ),
            ("tracestate", "bench=1".to_owned()),
            (
                "x-request-id",
                "6f9619ff-8b86-4d01-b42d-00cf4fc964ff".to_owned(),
            ),
            ("x-tenant", "bench".to_owned()),
            ("x-device", "desktop".to_owned()),
        ]);
    }
    fields
}
