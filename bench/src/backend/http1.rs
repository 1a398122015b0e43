//! The backend's side of HTTP/1.1.

use crate::exchange::PATH;
use crate::partial::Partial;
use crate::pattern;

const HEADERS: usize = 64;
const REFUSAL: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// One connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    response: Vec<u8>,
    partial: Partial,
}

/// The request is not the one that clients send.
struct Wrong;

impl Http1 {
    pub(crate) fn new(body: usize) -> Http1 {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {body}\r\n\r\n"
        );
        let mut response = head.into_bytes();
        response.extend_from_slice(pattern::from(0, body));
        Http1 {
            response,
            partial: Partial::default(),
        }
    }

    pub(crate) fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        let response = &self.response;
        let read = self.partial.feed(input, |input| {
            let mut rest = input;
            while let Some(length) = request(rest)? {
                rest = &rest[length..];
                out.extend_from_slice(response);
            }
            Ok(input.len() - rest.len())
        });
        if let Err(Wrong) = read {
            out.extend_from_slice(REFUSAL);
        }
        read.is_ok()
    }
}

/// Length of a complete request.
fn request(input: &[u8]) -> Result<Option<usize>, Wrong> {
    if input.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(input).map_err(|_| Wrong)?;
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    let framed = ["content-length", "transfer-encoding"];
    let has_body = request.headers.iter().any(|header| {
        framed
            .iter()
            .any(|name| header.name.eq_ignore_ascii_case(name))
    });
    if request.method != Some("GET") || request.path != Some(PATH) || has_body {
        return Err(Wrong);
    }
    Ok(Some(length))
}
