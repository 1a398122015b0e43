//! The client's side of HTTP/2 and gRPC: several streams over one connection.

use std::time::Instant;

use anyhow::{Context, ensure};

use crate::exchange::{AUTHORITY, Heads, PATH, fields, grpc_message};
use crate::http2::{Block, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PREFACE, Session};
use crate::partial::Partial;
use crate::pattern;

/// What is called and how a message is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    /// With the message that is sent: length prefix and bytes.
    Call(&'static [u8]),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    kind: Kind,
    /// Bytes of all DATA of a response.
    expected: &'static [u8],
    request: Block,
    session: Session,
    introduced: bool,
    next: u32,
    streams: Vec<Stream>,
    partial: Partial,
}

#[derive(Debug)]
struct Stream {
    id: u32,
    intended: Instant,
    head: bool,
    read: usize,
}

impl Http2 {
    pub(crate) fn get(response: usize) -> Http2 {
        let mut literals = vec![
            (":path", PATH.to_owned()),
            (":authority", AUTHORITY.to_owned()),
        ];
        literals.extend(fields(Heads::Short));
        Http2::new(
            Kind::Get,
            pattern::from(0, response),
            Block::new(&[0x82, 0x86], &literals, 0),
        )
    }

    pub(crate) fn call() -> Http2 {
        let literals = [
            (":path", "/bench.Echo/Call".to_owned()),
            (":authority", AUTHORITY.to_owned()),
            ("content-type", "application/grpc".to_owned()),
            ("te", "trailers".to_owned()),
            ("user-agent", "tulle-bench".to_owned()),
        ];
        let message = grpc_message();
        Http2::new(
            Kind::Call(message),
            message,
            Block::new(&[0x83, 0x86], &literals, 0),
        )
    }

    fn new(kind: Kind, expected: &'static [u8], request: Block) -> Http2 {
        Http2 {
            kind,
            expected,
            request,
            session: Session::new(),
            introduced: false,
            next: 1,
            streams: Vec::new(),
            partial: Partial::default(),
        }
    }

    pub(crate) fn begin(&mut self, intended: Instant, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.introduced, true) {
            out.extend_from_slice(PREFACE);
            Session::introduce(out);
        }
        let id = self.next;
        self.next += 2;
        self.streams.push(Stream {
            id,
            intended,
            head: false,
            read: 0,
        });
        let table = &mut self.session.table;
        match self.kind {
            Kind::Get => self.request.put(END_HEADERS | END_STREAM, id, table, out),
            Kind::Call(message) => {
                self.request.put(END_HEADERS, id, table, out);
                self.session.send(id, message, None, out);
            }
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.streams.len()
    }

    /// Takes the times of all requests that are not answered.
    pub(crate) fn abandon(&mut self) -> Vec<Instant> {
        self.streams
            .drain(..)
            .map(|stream| stream.intended)
            .collect()
    }

    /// Reads; appends the intended times of the requests that are answered.
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        answered: &mut Vec<Instant>,
    ) -> anyhow::Result<()> {
        let mut partial = std::mem::take(&mut self.partial);
        partial.feed(input, |input| {
            let mut rest = input;
            while let Some((frame, after)) = Frame::split(rest) {
                rest = after;
                if !self.session.manage(frame, out)? {
                    answered.extend(self.take(frame)?);
                }
            }
            anyhow::Ok(input.len() - rest.len())
        })?;
        self.partial = partial;
        Ok(())
    }

    /// Takes a frame of a stream; the time for which its request was intended, if the frame ends it.
    fn take(&mut self, frame: Frame<'_>) -> anyhow::Result<Option<Instant>> {
        let found = self
            .streams
            .iter()
            .position(|stream| stream.id == frame.stream);
        let at = found.with_context(|| {
            format!("a frame of stream {}, which nobody waits for", frame.stream)
        })?;
        let stream = &mut self.streams[at];
        if frame.kind == DATA {
            let piece = frame.content()?;
            let wanted = self.expected.get(stream.read..stream.read + piece.len());
            ensure!(
                wanted == Some(piece),
                "the body is not the one that was sent"
            );
            stream.read += piece.len();
        } else if !stream.head {
            ensure!(frame.is_ok()?, "the status is not 200");
            stream.head = true;
        } else {
            ensure!(
                frame.ends_stream() && self.kind != Kind::Get,
                "trailers that nobody sent"
            );
        }
        if !frame.ends_stream() {
            return Ok(None);
        }
        ensure!(
            stream.read == self.expected.len(),
            "the body ended after {} bytes",
            stream.read
        );
        ensure!(
            self.kind == Kind::Get || frame.kind == HEADERS,
            "a call ended without trailers"
        );
        Ok(Some(self.streams.swap_remove(at).intended))
    }
}
