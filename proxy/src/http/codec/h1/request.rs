//! Request heads. Source: RFC 9112 sections 2 and 3.

use std::net::Ipv6Addr;

use super::parse::{self, Coding, Framing, FramingFields, HeadLimits, InvalidHead};
use super::scan::{Scanner, Stopped};
use crate::http::head::{RequestHead, Scheme, Version};

/// What a request head says to this hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedRequest {
    /// Bytes of the head.
    pub len: usize,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the client wants the connection to stay.
    pub keep_alive: bool,
    /// Whether the client asks for the protocol in `upgrade`.
    pub upgrade: bool,
}

/// Reads one request head from the front of `bytes` into `head`, whose fields are replaced. `None`: more bytes are needed.
///
/// Of a head that is refused, `head` has what was read before.
///
/// # Errors
/// When the head is malformed, ambiguous or exceeds `limits`.
pub fn parse_request(
    bytes: &[u8],
    head: &mut RequestHead,
    limits: HeadLimits,
) -> Result<Option<ParsedRequest>, InvalidHead> {
    parse::unless_short(read(bytes, head, limits), bytes.len(), limits)
}

fn read(
    bytes: &[u8],
    head: &mut RequestHead,
    limits: HeadLimits,
) -> Result<ParsedRequest, Stopped> {
    let mut scanner = Scanner::new(bytes)?;
    let (method, target, version) = scanner.request_line()?;
    // Before anything is refused: the access log tells what was.
    head.version = version;
    head.method = ::http::Method::from_bytes(method).map_err(|_| InvalidHead::Syntax)?;
    let mut host = None;
    let received = head.fields.receive();
    let facts = parse::take_fields(&mut scanner, received, limits, |value| {
        match host.replace(value) {
            None => Ok(()),
            Some(_) => Err(InvalidHead::Host),
        }
    })?;
    facts.hops.strip_named(&mut head.fields);
    set_target(head, target, host)?;
    let keep_alive = match head.version {
        Version::Http10 => facts.hops.keep_alive && !facts.hops.close,
        Version::Http11 | Version::Http2 => !facts.hops.close,
    };
    let framing = framing(head.version, &facts.framing)?;
    Ok(ParsedRequest {
        len: scanner.read().len(),
        framing,
        keep_alive,
        upgrade: facts.hops.upgrade,
    })
}

/// The target's authority wins over `host` (RFC 9112 section 3.2.2).
fn set_target(
    head: &mut RequestHead,
    target: &str,
    host: Option<&[u8]>,
) -> Result<(), InvalidHead> {
    let host = match host {
        Some(host) => Some(authority(host)?),
        None if head.version == Version::Http10 => None,
        None => return Err(InvalidHead::Host),
    };
    let (authority, path) = match (head.method == ::http::Method::CONNECT, target) {
        (true, target) => (Some(self::authority(target.as_bytes())?), ""),
        (false, target) if target.starts_with('/') => (host, target),
        (false, "*") if head.method == ::http::Method::OPTIONS => (host, target),
        (false, target) => {
            let (scheme, authority, path) = absolute(target)?;
            head.scheme = scheme;
            (Some(authority), path)
        }
    };
    if !path.is_ascii() || path.as_bytes().contains(&b'#') {
        return Err(InvalidHead::Target);
    }
    head.set_authority(authority.unwrap_or_default());
    head.set_path(path);
    Ok(())
}

fn absolute(target: &str) -> Result<(Scheme, &str, &str), InvalidHead> {
    let (scheme, rest) = target.split_once("://").ok_or(InvalidHead::Target)?;
    let scheme = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
        _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
        _ => return Err(InvalidHead::Target),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    if host.is_empty() {
        return Err(InvalidHead::Target);
    }
    let host = authority(host.as_bytes()).map_err(|_| InvalidHead::Target)?;
    match path {
        "" => Ok((scheme, host, "/")),
        _ if path.starts_with('?') => Err(InvalidHead::Target),
        _ => Ok((scheme, host, path)),
    }
}

/// A host with an optional port, without user information (RFC 3986 section 3.2); or nothing.
pub(crate) fn authority(bytes: &[u8]) -> Result<&str, InvalidHead> {
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidHead::Host)?;
    let (is_host, rest) = match text.strip_prefix('[') {
        Some(literal) => {
            let (ip, rest) = literal.split_once(']').ok_or(InvalidHead::Host)?;
            (ip.parse::<Ipv6Addr>().is_ok(), rest)
        }
        None => {
            let end = bytes.iter().position(|byte| !is_of_name(*byte));
            let (name, rest) = text.split_at(end.unwrap_or(text.len()));
            (!name.is_empty() || rest.is_empty(), rest)
        }
    };
    let is_port = match rest.strip_prefix(':') {
        Some(port) => port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()),
        None => rest.is_empty(),
    };
    (is_host && is_port)
        .then_some(text)
        .ok_or(InvalidHead::Host)
}

/// Characters of a registered name (RFC 3986 section 3.2.2).
fn is_of_name(byte: u8) -> bool {
    NAME[usize::from(byte)]
}

static NAME: [bool; 256] = name_table();

const fn name_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-._~%!$&'()*+,;=";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
}

fn framing(version: Version, fields: &FramingFields) -> Result<Framing, InvalidHead> {
    match (fields.coding, fields.length) {
        (Some(_), Some(_)) => Err(InvalidHead::TwoFramings),
        (Some(_), None) if version == Version::Http10 => Err(InvalidHead::TransferEncodingInHttp10),
        (Some(Coding::Chunked), None) => Ok(Framing::Chunked),
        (Some(Coding::Unknown), None) => Err(InvalidHead::TransferEncoding),
        (None, Some(0) | None) => Ok(Framing::Empty),
        (None, Some(length)) => Ok(Framing::Length(length)),
    }
}

#[cfg(test)]
mod tests;
