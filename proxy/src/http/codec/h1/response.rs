//! Response heads. Source: RFC 9112 sections 4 and 6.3.

use ::http::{Method, StatusCode};

use super::parse::{self, Coding, Framing, HeadLimits, HopFacts, InvalidHead};
use super::scan::{Scanner, Stopped};
use crate::http::head::fields::Span;
use crate::http::head::{KnownName, ResponseHead, Version};

/// What a response head says to this hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedResponse {
    /// Bytes of the head.
    pub len: usize,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
}

/// Reads one response to a request of `method` from the front of `bytes` into `head`, whose fields are replaced.
/// `None`: more bytes are needed.
///
/// # Errors
/// When the head is malformed, ambiguous or exceeds `limits`.
pub fn parse_response(
    bytes: &[u8],
    method: &Method,
    head: &mut ResponseHead,
    limits: HeadLimits,
) -> Result<Option<ParsedResponse>, InvalidHead> {
    parse::unless_short(read(bytes, method, head, limits), bytes.len(), limits)
}

fn read(
    bytes: &[u8],
    method: &Method,
    head: &mut ResponseHead,
    limits: HeadLimits,
) -> Result<ParsedResponse, Stopped> {
    let mut scanner = Scanner::new(bytes)?;
    let (version, status, reason) = scanner.status_line()?;
    // `Host` means nothing in a response; it goes no further.
    let received = head.fields.receive();
    let facts = parse::take_fields(&mut scanner, received, limits, |_| Ok(()))?;
    facts.hops.strip_named(&mut head.fields);
    head.version = version;
    head.status = StatusCode::from_u16(status).map_err(|_| InvalidHead::Syntax)?;
    head.set_reason(Span::new(reason.start, reason.len()));
    let framing = framing(method, head, &facts)?;
    let kept = match head.version {
        Version::Http10 => facts.hops.keep_alive && !facts.hops.close,
        Version::Http11 | Version::Http2 => !facts.hops.close,
    };
    let doubtful = facts.framing.coding.is_some() && facts.framing.length.is_some();
    Ok(ParsedResponse {
        len: scanner.read().len(),
        framing,
        keep_alive: kept && !doubtful && framing != Framing::UntilClose,
    })
}

fn framing(
    method: &Method,
    head: &mut ResponseHead,
    facts: &HopFacts<'_>,
) -> Result<Framing, InvalidHead> {
    if head.status.is_informational() || head.status == StatusCode::NO_CONTENT {
        // What another reader takes for a body would be the beginning of the next response here.
        return match (facts.framing.coding, facts.framing.length) {
            (Some(_), _) => Err(InvalidHead::TransferEncoding),
            (None, Some(1..)) => Err(InvalidHead::ContentLength),
            (None, None | Some(0)) => {
                head.fields.remove_known(KnownName::ContentLength);
                Ok(Framing::Empty)
            }
        };
    }
    match (facts.framing.coding, facts.framing.length) {
        (Some(_), _) if head.version == Version::Http10 => {
            Err(InvalidHead::TransferEncodingInHttp10)
        }
        (Some(Coding::Unknown), _) => Err(InvalidHead::TransferEncoding),
        _ if *method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED => {
            Ok(Framing::Empty)
        }
        (Some(Coding::Chunked), _) => {
            // The coding overrides the length, which must not go further (RFC 9112 section 6.3).
            head.fields.remove_known(KnownName::ContentLength);
            Ok(Framing::Chunked)
        }
        (None, Some(0)) => Ok(Framing::Empty),
        (None, Some(length)) => Ok(Framing::Length(length)),
        (None, None) => Ok(Framing::UntilClose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, text: &str) -> Result<Option<ParsedResponse>, InvalidHead> {
        parse_response(
            text.as_bytes(),
            &method,
            &mut ResponseHead::default(),
            HeadLimits::default(),
        )
    }

    #[test]
    fn a_body_ends_as_rfc_9112_section_6_3_says() {
        let get = Method::GET;
        for (method, text, expected) in [
            (
                &get,
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n",
                (Framing::Length(3), true),
            ),
            (
                &get,
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                (Framing::Empty, true),
            ),
            (
                &get,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                (Framing::Chunked, true),
            ),
            (
                &get,
                "HTTP/1.1 200 OK\r\n\r\n",
                (Framing::UntilClose, false),
            ),
            (
                &get,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
                (Framing::Chunked, false),
            ),
            (
                &get,
                "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
                (Framing::Empty, true),
            ),
            (
                &get,
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n",
                (Framing::Empty, true),
            ),
            (
                &get,
                "HTTP/1.1 100 Continue\r\n\r\n",
                (Framing::Empty, true),
            ),
            (
                &get,
                "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n",
                (Framing::Length(3), false),
            ),
            (
                &get,
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\n",
                (Framing::Length(3), false),
            ),
            (
                &Method::HEAD,
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n",
                (Framing::Empty, true),
            ),
        ] {
            let parsed = parse(method.clone(), text)
                .map(|parsed| parsed.map(|parsed| (parsed.framing, parsed.keep_alive)));
            assert_eq!(parsed, Ok(Some(expected)), "{text:?}");
        }
    }

    #[test]
    fn ambiguous_responses_are_refused() {
        for (text, expected) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
                InvalidHead::ContentLength,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\n",
                InvalidHead::ContentLength,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
                InvalidHead::TransferEncoding,
            ),
            (
                "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                InvalidHead::TransferEncodingInHttp10,
            ),
            (
                "HTTP/1.1 200 OK\ncontent-length: 3\r\n\r\n",
                InvalidHead::BareLineFeed,
            ),
            (
                "HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\n",
                InvalidHead::ContentLength,
            ),
            (
                "HTTP/1.1 103 Early Hints\r\ntransfer-encoding: chunked\r\n\r\n",
                InvalidHead::TransferEncoding,
            ),
            ("HTTP/1.1 200 OK\r\na : b\r\n\r\n", InvalidHead::Syntax),
            ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", InvalidHead::Syntax),
            ("HTTP/2.0 200 OK\r\n\r\n", InvalidHead::Syntax),
        ] {
            assert_eq!(parse(Method::GET, text), Err(expected), "{text:?}");
        }
    }
}
