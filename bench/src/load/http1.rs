//! The client's side of HTTP/1.1: one request at a time, and a strict look at each response.

use anyhow::{Context, bail, ensure};

use crate::exchange::{AUTHORITY, Heads, PATH, fields};
use crate::partial::Partial;
use crate::pattern;

const HEADERS: usize = 64;

/// One connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    request: Vec<u8>,
    body: usize,
    state: State,
    partial: Partial,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Head,
    Body { read: usize },
}

impl Http1 {
    pub(crate) fn new(heads: Heads, body: usize) -> Http1 {
        let mut request = format!("GET {PATH} HTTP/1.1\r\nhost: {AUTHORITY}\r\n");
        for (name, value) in fields(heads) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        Http1 {
            request: request.into_bytes(),
            body,
            state: State::Idle,
            partial: Partial::default(),
        }
    }

    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.request);
        self.state = State::Head;
    }

    /// Reads; whether the response is complete.
    pub(crate) fn read(&mut self, input: &[u8]) -> anyhow::Result<bool> {
        let (body, state) = (self.body, &mut self.state);
        let mut complete = false;
        self.partial.feed(input, |mut input| {
            let length = input.len();
            while !input.is_empty() {
                match *state {
                    State::Idle => bail!("bytes that nobody asked for: {:?}", text(input)),
                    State::Head => {
                        let Some(head) = head(input, body)? else {
                            break;
                        };
                        input = &input[head..];
                        *state = State::Body { read: 0 };
                    }
                    State::Body { read } => {
                        let count = input.len().min(body - read);
                        ensure!(
                            same(read, &input[..count]),
                            "the body is not the one that was sent"
                        );
                        input = &input[count..];
                        *state = State::Body { read: read + count };
                    }
                }
                if matches!(*state, State::Body { read } if read == body) {
                    *state = State::Idle;
                    complete = true;
                }
            }
            Ok(length - input.len())
        })?;
        Ok(complete)
    }
}

/// Length of the head, once it is complete.
fn head(input: &[u8], body: usize) -> anyhow::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response
        .parse(input)
        .with_context(|| format!("not a response: {:?}", text(input)))?;
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    ensure!(
        response.code == Some(200),
        "status {:?}: {:?}",
        response.code,
        text(&input[length..])
    );
    let announced = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let announced = announced.context("a response without content-length")?;
    ensure!(
        announced.value == body.to_string().as_bytes(),
        "a body of {} bytes instead of {body}",
        text(announced.value)
    );
    Ok(Some(length))
}

/// Whether `bytes` are the body's from `position` on.
fn same(position: usize, bytes: &[u8]) -> bool {
    let pieces = bytes.chunks(pattern::LONGEST).enumerate();
    let mut pieces = pieces.map(|(at, piece)| (position + at * pattern::LONGEST, piece));
    pieces.all(|(at, piece)| piece == pattern::from(at as u64, piece.len()))
}

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(&input[..input.len().min(200)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n !\"";

    fn asked() -> Http1 {
        let mut client = Http1::new(Heads::Short, 3);
        client.begin(&mut Vec::new());
        client
    }

    #[test]
    fn takes_a_response_in_any_pieces() {
        for cut in 1..RESPONSE.len() {
            let mut client = asked();
            assert!(!client.read(&RESPONSE[..cut]).unwrap(), "{cut}");
            assert!(client.read(&RESPONSE[cut..]).unwrap(), "{cut}");
        }
    }

    #[test]
    fn wrong_answers_are_errors() {
        let wrong: [&[u8]; 4] = [
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\n !\"",
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n !!",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n !\"HTTP",
        ];
        for response in wrong {
            assert!(asked().read(response).is_err(), "{}", text(response));
        }
    }
}
