//! The ClientHello of TLS (RFC 8446 section 4.1.2), read strictly and only as far as routing needs: server name and
//! application protocols. A stranger sends these bytes; nothing is believed about their lengths.

use super::Seen;
use std::borrow::Cow;

/// What a ClientHello asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The host name (RFC 6066 section 3) in lower case.
    pub server_name: Option<Box<str>>,
    /// Application protocols (RFC 7301) in the client's order.
    pub protocols: Vec<Box<[u8]>>,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// Longest record (RFC 8446 section 5.1, plaintext).
const RECORD: usize = 1 << 14;

/// Longest ClientHello that is waited for; Envoy's limit.
const LONGEST: usize = 16 * 1024;

/// Whether bytes begin a TLS connection, and what its ClientHello asks for.
pub fn client_hello(bytes: &[u8]) -> Seen<ClientHello> {
    let message = match handshake_message(bytes) {
        Seen::Yes(message) => message,
        Seen::No => return Seen::No,
        Seen::NeedMore => return Seen::NeedMore,
    };
    match body(&message) {
        Some(hello) => Seen::Yes(hello),
        None => Seen::No,
    }
}

/// The body of the first handshake message, put together from as many records as it spans.
fn handshake_message(mut bytes: &[u8]) -> Seen<Cow<'_, [u8]>> {
    let mut whole: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    loop {
        if !may_begin_record(bytes) {
            return Seen::No;
        }
        let Some((header, rest)) = bytes.split_at_checked(5) else {
            return Seen::NeedMore;
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 || length > RECORD {
            return Seen::No;
        }
        let fragment = &rest[..length.min(rest.len())];
        if whole.is_empty() {
            whole = Cow::Borrowed(fragment);
        } else {
            whole.to_mut().extend_from_slice(fragment);
        }
        match message_in(&whole) {
            Seen::No => return Seen::No,
            Seen::Yes(length) => return Seen::Yes(cut(whole, length)),
            Seen::NeedMore if fragment.len() < length => return Seen::NeedMore,
            Seen::NeedMore => bytes = &rest[length..],
        }
    }
}

/// Type 22, major version 3.
fn may_begin_record(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [kind] => *kind == HANDSHAKE,
        [kind, major, ..] => *kind == HANDSHAKE && *major == 3,
    }
}

/// The length of the ClientHello that begins here, if all of it is here.
fn message_in(bytes: &[u8]) -> Seen<usize> {
    match bytes {
        [] => Seen::NeedMore,
        [kind, ..] if *kind != CLIENT_HELLO => Seen::No,
        [_, high, middle, low, rest @ ..] => {
            let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            if length > LONGEST {
                Seen::No
            } else if rest.len() < length {
                Seen::NeedMore
            } else {
                Seen::Yes(length)
            }
        }
        _ => Seen::NeedMore,
    }
}

fn cut(whole: Cow<'_, [u8]>, length: usize) -> Cow<'_, [u8]> {
    match whole {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[4..4 + length]),
        Cow::Owned(bytes) => Cow::Owned(bytes[4..4 + length].to_vec()),
    }
}

/// The fields of the message in their order; `None` if it is not one.
fn body(message: &[u8]) -> Option<ClientHello> {
    let mut fields = Reader(message);
    let version = fields.take(2)?;
    if version[0] != 3 {
        return None;
    }
    fields.take(32)?;
    let session = fields.prefixed_by_one()?;
    let suites = fields.prefixed_by_two()?;
    let compressions = fields.prefixed_by_one()?;
    if session.len() > 32 || suites.len() < 2 || suites.len() % 2 != 0 || compressions.is_empty() {
        return None;
    }
    let mut hello = ClientHello::default();
    if fields.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Reader(fields.prefixed_by_two()?);
    if !fields.0.is_empty() {
        return None;
    }
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let value = extensions.prefixed_by_two()?;
        match kind {
            // One of each kind at most (RFC 8446 section 4.2): the server might believe the other one.
            SERVER_NAME if hello.server_name.is_some() => return None,
            ALPN if !hello.protocols.is_empty() => return None,
            SERVER_NAME => hello.server_name = Some(server_name(value)?),
            ALPN => hello.protocols = protocols(value)?,
            _ => {}
        }
    }
    Some(hello)
}

/// A list of exactly one name of type 0, made of host name characters.
fn server_name(value: &[u8]) -> Option<Box<str>> {
    let mut list = Reader(value);
    let mut entries = Reader(list.prefixed_by_two()?);
    let kind = entries.take(1)?[0];
    let name = entries.prefixed_by_two()?;
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let sound = kind == 0 && !name.is_empty() && name.len() <= 255 && name.iter().all(allowed);
    if !sound || !entries.0.is_empty() || !list.0.is_empty() {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    Some(lower.into_iter().map(char::from).collect())
}

fn protocols(value: &[u8]) -> Option<Vec<Box<[u8]>>> {
    let mut list = Reader(value);
    let mut names = Reader(list.prefixed_by_two()?);
    let mut protocols = Vec::new();
    while !names.0.is_empty() {
        let name = names.prefixed_by_one()?;
        if name.is_empty() {
            return None;
        }
        protocols.push(name.into());
    }
    (list.0.is_empty() && !protocols.is_empty()).then_some(protocols)
}

/// Bytes still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn prefixed_by_one(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    fn prefixed_by_two(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests;
