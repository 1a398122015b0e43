//! The backend's side of HTTP/2 and gRPC.

use anyhow::ensure;

use crate::exchange::grpc_message;
use crate::http2::{Block, END_HEADERS, Frame, PREFACE, Session};
use crate::partial::Partial;
use crate::pattern;

const OK: u8 = 0x88;

/// One connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    head: Block,
    body: &'static [u8],
    trailers: Option<Block>,
    session: Session,
    introduced: bool,
    partial: Partial,
}

impl Http2 {
    pub(crate) fn get(body: usize) -> Http2 {
        let literals = [
            ("content-type", "text/plain".to_owned()),
            ("content-length", body.to_string()),
        ];
        Http2::new(
            Block::new(&[OK], &literals, 0),
            pattern::from(0, body),
            None,
        )
    }

    pub(crate) fn call() -> Http2 {
        let head = [("content-type", "application/grpc".to_owned())];
        let trailers = [("grpc-status", "0".to_owned())];
        // The first trailers go into the table right behind the first head, whose index they move: a new connection has room for both.
        Http2::new(
            Block::new(&[OK], &head, 1),
            grpc_message(),
            Some(Block::new(&[], &trailers, 0)),
        )
    }

    fn new(head: Block, body: &'static [u8], trailers: Option<Block>) -> Http2 {
        Http2 {
            head,
            body,
            trailers,
            session: Session::new(),
            introduced: false,
            partial: Partial::default(),
        }
    }

    pub(crate) fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut partial = std::mem::take(&mut self.partial);
        partial.feed(input, |input| {
            let mut rest = input;
            if !self.introduced {
                if rest.len() < PREFACE.len() {
                    return Ok(0);
                }
                ensure!(rest.starts_with(PREFACE), "no preface");
                rest = &rest[PREFACE.len()..];
                self.introduced = true;
                Session::introduce(out);
            }
            while let Some((frame, after)) = Frame::split(rest) {
                rest = after;
                if !self.session.manage(frame, out)? && frame.ends_stream() {
                    self.answer(frame.stream, out);
                }
            }
            anyhow::Ok(input.len() - rest.len())
        })?;
        self.partial = partial;
        Ok(())
    }

    fn answer(&mut self, stream: u32, out: &mut Vec<u8>) {
        self.head
            .put(END_HEADERS, stream, &mut self.session.table, out);
        let trailers = self.trailers.clone();
        if let Some(block) = &mut self.trailers {
            block.sent();
        }
        self.session.send(stream, self.body, trailers, out);
    }
}
