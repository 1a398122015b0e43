//! What holds for any bytes: entry points of the fuzz targets, and of the properties that are tested beside the parsers.
//!
//! Each panics when a parser is wrong: when it panics itself, when it and httparse read a head differently, when a beginning is read differently from the whole, or when
//! what it accepted is not read the same way once it is written again.

use std::fmt::Debug;

use ::http::Method;

use super::chunked::{ChunkDecoder, Chunked, InvalidChunk};
use super::encode::{self, Persistence};
use super::parse::{Framing, HeadLimits};
use super::request::{ParsedRequest, parse_request};
use super::response::{ParsedResponse, parse_response};
use crate::http::head::{Fields, KnownName, RequestHead, ResponseHead};

mod differential;

/// Beginnings of a long input that are tried.
const MOST_CUTS: usize = 256;

/// No limit that writing a message again could cross.
const UNLIMITED: HeadLimits = HeadLimits {
    bytes: usize::MAX,
    fields: 120,
};

/// A head as far as it goes beyond its hop.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    start: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    framing: Framing,
}

/// Any bytes as the head of a request.
pub fn request(bytes: &[u8]) {
    differential::request(bytes);
    let read = |bytes: &[u8]| {
        let mut head = RequestHead::default();
        let parsed = parse_request(bytes, &mut head, HeadLimits::default());
        parsed.map(|parsed| parsed.map(|parsed| (parsed.len, (message(&head, parsed), parsed))))
    };
    let Some((message_read, parsed)) = read_from_any_beginning(bytes, read) else {
        return;
    };
    let mut head = RequestHead::default();
    let again = parse_request(bytes, &mut head, HeadLimits::default());
    assert_eq!(again, Ok(Some(parsed)));
    let mut wire = Vec::new();
    let persistence = persistence(parsed.upgrade);
    encode::request(&head, parsed.framing, persistence, &mut wire);
    assert_plain(&wire);
    let mut head = RequestHead::default();
    let parsed = parse_request(&wire, &mut head, UNLIMITED);
    let parsed = parsed.expect("what we write is valid");
    let parsed = parsed.expect("what we write is complete");
    assert!(parsed.len == wire.len() && parsed.keep_alive);
    assert_eq!(message(&head, parsed), message_read);
}

/// Any bytes as the head of a response.
pub fn response(bytes: &[u8]) {
    differential::response(bytes);
    for method in [Method::GET, Method::HEAD] {
        response_to(&method, bytes);
    }
}

fn response_to(method: &Method, bytes: &[u8]) {
    let read = |bytes: &[u8]| {
        let mut head = ResponseHead::default();
        let parsed = parse_response(bytes, method, &mut head, HeadLimits::default());
        parsed.map(|parsed| parsed.map(|parsed| (parsed.len, (answer(&head, parsed), parsed))))
    };
    let Some((answer_read, parsed)) = read_from_any_beginning(bytes, read) else {
        return;
    };
    let mut head = ResponseHead::default();
    let again = parse_response(bytes, method, &mut head, HeadLimits::default());
    assert_eq!(again, Ok(Some(parsed)));
    let mut wire = Vec::new();
    let persistence = persistence(head.fields.has(KnownName::Upgrade));
    encode::response(&head, parsed.framing, persistence, &mut wire);
    assert_plain(&wire);
    let mut head = ResponseHead::default();
    let parsed = parse_response(&wire, method, &mut head, UNLIMITED);
    let parsed = parsed.expect("what we write is valid");
    let parsed = parsed.expect("what we write is complete");
    assert_eq!(parsed.len, wire.len());
    assert_eq!(answer(&head, parsed), answer_read);
}

fn message(head: &RequestHead, parsed: ParsedRequest) -> Message {
    Message {
        start: format!("{} {} {}", head.method, head.authority(), head.path()),
        fields: fields(&head.fields),
        framing: parsed.framing,
    }
}

fn answer(head: &ResponseHead, parsed: ParsedResponse) -> Message {
    let reason = String::from_utf8_lossy(head.reason());
    Message {
        start: format!("{} {reason}", head.status),
        fields: fields(&head.fields),
        framing: parsed.framing,
    }
}

/// All fields but the length, which the framing says.
fn fields(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = fields.iter();
    all.filter(|(name, _)| name.known != Some(KnownName::ContentLength))
        .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
        .collect()
}

fn persistence(upgrade: bool) -> Persistence {
    if upgrade {
        Persistence::Upgrade
    } else {
        Persistence::Keep
    }
}

/// What `read` makes of all of `bytes`. Of every beginning it must make the same, or ask for more.
fn read_from_any_beginning<T: PartialEq + Debug, E: Debug>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<Option<(usize, T)>, E>,
) -> Option<T> {
    let whole = read(bytes);
    for end in cuts(bytes.len()) {
        match (read(&bytes[..end]), &whole) {
            (Ok(None), Ok(Some((len, _)))) => assert!(end < *len, "{end} of {len} bytes"),
            (Ok(Some(part)), Ok(Some(whole))) => assert_eq!(part, *whole, "{end} bytes"),
            (Ok(None), Ok(None) | Err(_)) | (Err(_), Err(_)) => {}
            (part, whole) => panic!("{part:?} at {end}, {whole:?} in the end"),
        }
    }
    whole.ok().flatten().map(|(_, read)| read)
}

fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(len / MOST_CUTS + 1)
}

/// Reads a head line by line as a simple reader does: nothing but CR LF may end a line, names are tokens, one field at
/// most frames the body, and one host at most is named.
fn assert_plain(wire: &[u8]) {
    let lines = wire.strip_suffix(b"\r\n\r\n").expect("an empty line ends");
    let (mut framings, mut hosts) = (0, 0);
    for (number, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let broken = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        assert!(!line.iter().any(broken), "a control character in {line:?}");
        if number == 0 {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let name = line[..colon.expect("a field has a name")].to_ascii_lowercase();
        let token = |byte: &u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(byte);
        assert!(!name.is_empty() && name.iter().all(token), "{line:?}");
        framings += usize::from(name == b"content-length" || name == b"transfer-encoding");
        hosts += usize::from(name == b"host");
    }
    assert!(
        framings <= 1 && hosts <= 1,
        "{framings} framings, {hosts} hosts"
    );
}

/// A body and what ended it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) body: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of the coding, once the body has ended.
    pub(super) used: Option<usize>,
}

/// Any bytes as a chunked body: however it is cut into pieces, it is the same body.
pub fn chunked(bytes: &[u8]) {
    let whole = decode(&[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_same(&whole, &decode(&single));
    for cut in cuts(bytes.len()) {
        assert_same(&whole, &decode(&[&bytes[..cut], &bytes[cut..]]));
    }
    let Ok(Decoded {
        body,
        trailers,
        used: Some(_),
    }) = whole
    else {
        return;
    };
    let mut wire = Vec::new();
    if !body.is_empty() {
        encode::chunk_size(body.len(), &mut wire);
        wire.extend_from_slice(&body);
        wire.extend_from_slice(b"\r\n");
    }
    let mut fields = Fields::default();
    for (name, value) in &trailers {
        fields.append_raw(name, value);
    }
    encode::last_chunk(&fields, &mut wire);
    let again = Decoded {
        body,
        trailers,
        used: Some(wire.len()),
    };
    assert_eq!(decode(&[&wire]), Ok(again));
}

fn assert_same(whole: &Result<Decoded, InvalidChunk>, pieces: &Result<Decoded, InvalidChunk>) {
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{whole:?} as one, {pieces:?} in pieces"),
    }
}

/// Decodes input that comes in `pieces`.
pub(super) fn decode(pieces: &[&[u8]]) -> Result<Decoded, InvalidChunk> {
    let (mut decoder, mut trailers) = (ChunkDecoder::default(), Fields::default());
    let (mut body, mut input, mut used) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let step = decoder.decode(&input[used..], &mut trailers)?;
            match step {
                Chunked::Data { skip, take } => {
                    body.extend_from_slice(&input[used + skip..][..take]);
                    used += skip + take;
                }
                Chunked::More(skip) => {
                    used += skip;
                    break;
                }
                Chunked::End(skip) => {
                    return Ok(Decoded {
                        body,
                        trailers: fields(&trailers),
                        used: Some(used + skip),
                    });
                }
            }
        }
    }
    Ok(Decoded {
        body,
        trailers: fields(&trailers),
        used: None,
    })
}
