//! Heads and chunks as bytes.

use super::parse::Framing;
use crate::http::head::fields::{decimal, write_line};
use crate::http::head::{Fields, KnownName, RequestHead, ResponseHead};

/// Whether the connection goes on after this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It does; in HTTP/1.1 nothing needs to be said.
    Keep,
    /// It does, and the other side speaks HTTP/1.0.
    KeepHttp10,
    /// It ends: `connection: close`.
    Close,
    /// It becomes another protocol: `connection: upgrade`; the `upgrade` field stays.
    Upgrade,
}

/// Appends a request head. `head` holds no hop-by-hop field; framing fields are written from `framing`.
pub(crate) fn request(
    head: &RequestHead,
    framing: Framing,
    persistence: Persistence,
    out: &mut Vec<u8>,
) {
    let path = if head.path().is_empty() {
        head.authority()
    } else {
        head.path()
    };
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(head.authority().as_bytes());
    out.extend_from_slice(b"\r\n");
    fields(&head.fields, out, ContentLength::Write(framing));
    if framing == Framing::Empty && head.fields.has(KnownName::ContentLength) {
        out.extend_from_slice(b"content-length: 0\r\n");
    }
    end(persistence, out);
}

/// Appends a response head. For a response without body because of its request or status, `content-length` stays as
/// it came.
pub(crate) fn response(
    head: &ResponseHead,
    framing: Framing,
    persistence: Persistence,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.reason());
    out.extend_from_slice(b"\r\n");
    let length = match framing {
        Framing::Empty => ContentLength::Keep,
        Framing::Length(_) | Framing::Chunked | Framing::UntilClose => {
            ContentLength::Write(framing)
        }
    };
    fields(&head.fields, out, length);
    end(persistence, out);
}

/// Where `content-length` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentLength {
    Keep,
    Write(Framing),
}

fn fields(fields: &Fields, out: &mut Vec<u8>, length: ContentLength) {
    // Mostly it stands there already, as the other side wrote it.
    let length = match length {
        ContentLength::Write(Framing::Length(length))
            if fields.only(KnownName::ContentLength) == Some(decimal(length, &mut [0; 20])) =>
        {
            ContentLength::Keep
        }
        ContentLength::Write(_) | ContentLength::Keep => length,
    };
    let skip = (length != ContentLength::Keep).then_some(KnownName::ContentLength);
    fields.write_lines(out, skip);
    match length {
        ContentLength::Write(Framing::Length(length)) => {
            write_line(b"content-length", decimal(length, &mut [0; 20]), out);
        }
        ContentLength::Write(Framing::Chunked) => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n")
        }
        ContentLength::Write(Framing::Empty | Framing::UntilClose) | ContentLength::Keep => {}
    }
}

fn end(persistence: Persistence, out: &mut Vec<u8>) {
    out.extend_from_slice(match persistence {
        Persistence::Keep => b"\r\n".as_slice(),
        Persistence::KeepHttp10 => b"connection: keep-alive\r\n\r\n",
        Persistence::Close => b"connection: close\r\n\r\n",
        Persistence::Upgrade => b"connection: upgrade\r\n\r\n",
    });
}

/// Appends the size line of a chunk.
pub(crate) fn chunk_size(size: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 16];
    let (mut at, mut rest) = (digits.len(), size);
    while rest > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk and the trailers.
pub(crate) fn last_chunk(trailers: &Fields, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    trailers.write_lines(out, None);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_case_and_order_and_gets_one_framing() {
        let mut head = RequestHead::new(::http::Method::POST, "a.example", "/x");
        head.fields.append_raw(b"X-One", b"1");
        head.fields.append_raw(b"Content-Length", b"77");
        head.fields.append_raw(b"x-two", b"2");
        let mut out = Vec::new();
        request(&head, Framing::Chunked, Persistence::Keep, &mut out);
        let expected = "POST /x HTTP/1.1\r\nhost: a.example\r\nX-One: 1\r\nx-two: 2\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn a_response_to_head_keeps_its_content_length() {
        let mut head = ResponseHead::default();
        head.fields.append_raw(b"content-length", b"77");
        let mut out = Vec::new();
        response(&head, Framing::Empty, Persistence::Close, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 200 OK\r\ncontent-length: 77\r\nconnection: close\r\n\r\n"
        );
    }

    #[test]
    fn chunk_sizes_are_hexadecimal() {
        for (size, expected) in [
            (0, "0\r\n"),
            (15, "f\r\n"),
            (16, "10\r\n"),
            (0xabcde, "abcde\r\n"),
        ] {
            let mut out = Vec::new();
            chunk_size(size, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
