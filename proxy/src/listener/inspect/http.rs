//! Telling HTTP by its first line (RFC 9112 section 3) or preface (RFC 9113 section 3.4).

use super::Seen;

/// The version a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2 without TLS
    H2c,
}

impl HttpVersion {
    /// The name under which filter chains match it.
    pub fn protocol(self) -> &'static [u8] {
        match self {
            HttpVersion::Http10 => b"http/1.0",
            HttpVersion::Http11 => b"http/1.1",
            HttpVersion::H2c => b"h2c",
        }
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longest method that is believed to be one.
const LONGEST_METHOD: usize = 32;

/// Whether bytes begin an HTTP connection.
pub fn http(bytes: &[u8]) -> Seen<HttpVersion> {
    let known = bytes.len().min(PREFACE.len());
    if bytes[..known] == PREFACE[..known] {
        return if known == PREFACE.len() {
            Seen::Yes(HttpVersion::H2c)
        } else {
            Seen::NeedMore
        };
    }
    request_line(bytes)
}

fn request_line(bytes: &[u8]) -> Seen<HttpVersion> {
    // A server should skip an empty line before the first request (RFC 9112 section 2.2).
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let Some(method) = bytes.iter().position(|byte| *byte == b' ') else {
        let possible = bytes.len() <= LONGEST_METHOD && bytes.iter().all(is_method);
        return if possible || bytes == b"\r" {
            Seen::NeedMore
        } else {
            Seen::No
        };
    };
    if method == 0 || method > LONGEST_METHOD || !bytes[..method].iter().all(is_method) {
        return Seen::No;
    }
    let rest = &bytes[method + 1..];
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        let sound = rest
            .iter()
            .all(|byte| is_target(byte) || matches!(byte, b' ' | b'\r'));
        return if sound { Seen::NeedMore } else { Seen::No };
    };
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    let Some(space) = line.iter().position(|byte| *byte == b' ') else {
        return Seen::No;
    };
    let (target, version) = (&line[..space], &line[space + 1..]);
    if target.is_empty() || !target.iter().all(is_target) {
        return Seen::No;
    }
    match version {
        b"HTTP/1.1" => Seen::Yes(HttpVersion::Http11),
        b"HTTP/1.0" => Seen::Yes(HttpVersion::Http10),
        _ => Seen::No,
    }
}

/// Methods are upper-case words in practice; other tokens are left to protocols that are not HTTP.
fn is_method(byte: &u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_')
}

fn is_target(byte: &u8) -> bool {
    byte.is_ascii_graphic() || *byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_lines_are_told_apart() {
        let table: [(&[u8], Seen<HttpVersion>); 16] = [
            (b"", Seen::NeedMore),
            (b"GE", Seen::NeedMore),
            (b"GET /a", Seen::NeedMore),
            (b"GET / HTTP/1.1\r\n", Seen::Yes(HttpVersion::Http11)),
            (b"GET / HTTP/1.0\r\n", Seen::Yes(HttpVersion::Http10)),
            (b"\r\nGET / HTTP/1.1\r\n", Seen::Yes(HttpVersion::Http11)),
            (b"M-SEARCH * HTTP/1.1\n", Seen::Yes(HttpVersion::Http11)),
            (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                Seen::Yes(HttpVersion::H2c),
            ),
            (b"PRI * HTT", Seen::NeedMore),
            (b"SET a b\r\n", Seen::No),
            (b"GET /\r\n", Seen::No),
            (b"GET / HTTP/3.0\r\n", Seen::No),
            (b"*1\r\n$4\r\nPING\r\n", Seen::No),
            (b"\x16\x03\x01", Seen::No),
            (b"hello there", Seen::No),
            (b"GET / \x01", Seen::No),
        ];
        for (bytes, wanted) in table {
            assert_eq!(http(bytes), wanted, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn strangers_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = http(&bytes);
        }
    }
}
