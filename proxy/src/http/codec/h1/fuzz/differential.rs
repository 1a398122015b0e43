//! Heads as httparse reads them, which is another's reading of RFC 9112. It takes a lone line feed as the end of a line, and
//! we do not; else both must take and refuse the same heads.

use std::fmt::Debug;

use crate::http::codec::h1::scan::{Scanner, Stopped};
use crate::http::head::Version;

/// A head that was read to its end.
#[derive(Debug, PartialEq)]
struct Whole<T> {
    start: T,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    len: usize,
}

/// Any bytes as the head of a request.
pub(super) fn request(bytes: &[u8]) {
    let ours = read(bytes, |scanner| {
        let (method, target, version) = scanner.request_line()?;
        let method = String::from_utf8_lossy(method).into_owned();
        Ok((method, target.to_owned(), minor(version)))
    });
    let mut headers = room(bytes);
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(bytes);
    let theirs = whole(parsed, request.headers, || {
        let method = request.method.unwrap_or_default().to_owned();
        let target = request.path.unwrap_or_default().to_owned();
        (method, target, request.version.unwrap_or_default())
    });
    assert_same(bytes, ours, theirs);
}

/// Any bytes as the head of a response.
pub(super) fn response(bytes: &[u8]) {
    let ours = read(bytes, |scanner| {
        let (version, status, reason) = scanner.status_line()?;
        Ok((minor(version), status, bytes[reason].to_vec()))
    });
    let mut headers = room(bytes);
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes);
    let theirs = whole(parsed, response.headers, || {
        let reason = response.reason.unwrap_or_default().as_bytes().to_vec();
        let status = response.code.unwrap_or_default();
        (response.version.unwrap_or_default(), status, reason)
    });
    assert_same(bytes, ours, theirs);
}

fn read<'b, T>(
    bytes: &'b [u8],
    start: impl FnOnce(&mut Scanner<'b>) -> Result<T, Stopped>,
) -> Result<Whole<T>, Stopped> {
    let mut scanner = Scanner::new(bytes)?;
    let start = start(&mut scanner)?;
    let mut fields = Vec::new();
    while let Some(line) = scanner.field()? {
        fields.push((line.name.to_vec(), line.value.to_vec()));
    }
    let len = scanner.read().len();
    Ok(Whole { start, fields, len })
}

fn minor(version: Version) -> u8 {
    u8::from(version == Version::Http11)
}

/// Room for as many fields as there are lines.
fn room(bytes: &[u8]) -> Vec<httparse::Header<'_>> {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    vec![httparse::EMPTY_HEADER; lines + 1]
}

fn whole<T>(
    parsed: httparse::Result<usize>,
    headers: &[httparse::Header<'_>],
    start: impl FnOnce() -> T,
) -> Option<Whole<T>> {
    let Ok(httparse::Status::Complete(len)) = parsed else {
        return None;
    };
    let fields = headers.iter();
    let fields = fields.map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec()));
    Some(Whole {
        start: start(),
        fields: fields.collect(),
        len,
    })
}

fn assert_same<T: Debug + PartialEq>(
    bytes: &[u8],
    ours: Result<Whole<T>, Stopped>,
    theirs: Option<Whole<T>>,
) {
    match (ours, theirs) {
        (Ok(ours), Some(theirs)) => assert_eq!(ours, theirs),
        (Ok(ours), None) => panic!("httparse refuses {ours:?}"),
        (Err(stopped), Some(theirs)) => {
            let head = &bytes[..theirs.len];
            assert!(has_bare_line_feed(head), "{stopped:?} of {theirs:?}");
        }
        (Err(_), None) => {}
    }
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    head.first() == Some(&b'\n')
        || head
            .windows(2)
            .any(|two| two[1] == b'\n' && two[0] != b'\r')
}
