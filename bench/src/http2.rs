//! The few parts of HTTP/2 (RFC 9113) that generator and backend need: frames, fixed header blocks and the connection's
//! window. Heads of the other side are not decoded: a response's first field must be `:status 200` from HPACK's static table.

use std::collections::VecDeque;

use anyhow::{bail, ensure};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Window of each stream; more than any body.
const STREAM_WINDOW: u32 = 1 << 20;
/// What a connection may send before it hears more.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// How much is consumed before the window is topped up.
const TOP_UP: u32 = 1 << 20;
const FRAME: usize = 9;
const LARGEST: usize = 16 * 1024;
const TABLE: u32 = 4096;
/// Changes the size of HPACK's dynamic table to 0.
const NO_TABLE: u8 = 0x20;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// One frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits the first frame off.
    pub(crate) fn split(input: &'a [u8]) -> Option<(Frame<'a>, &'a [u8])> {
        let (head, rest) = input.split_at_checked(FRAME)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (payload, rest) = rest.split_at_checked(length)?;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        Some((
            Frame {
                kind: head[3],
                flags: head[4],
                stream,
                payload,
            },
            rest,
        ))
    }

    pub(crate) fn ends_stream(self) -> bool {
        self.flags & END_STREAM != 0
    }

    /// The payload without padding and priority.
    pub(crate) fn content(self) -> anyhow::Result<&'a [u8]> {
        let mut content = self.payload;
        if self.flags & PADDED != 0 {
            let Some((padding, rest)) = content.split_first() else {
                bail!("a padded frame without padding")
            };
            let Some(length) = rest.len().checked_sub(usize::from(*padding)) else {
                bail!("more padding than frame")
            };
            content = &rest[..length];
        }
        if self.kind == HEADERS && self.flags & PRIORITY != 0 {
            let Some((_, rest)) = content.split_at_checked(5) else {
                bail!("a frame too short for its priority")
            };
            content = rest;
        }
        Ok(content)
    }

    /// Whether a header block begins with `:status 200`, after any change of the table's size.
    pub(crate) fn is_ok(self) -> anyhow::Result<bool> {
        let mut block = self.content()?;
        while let Some((first, rest)) = block.split_first() {
            if first & 0b1110_0000 != 0b0010_0000 {
                return Ok(*first == 0x88);
            }
            let continued = first & 0b0001_1111 == 0b0001_1111;
            let last = rest
                .iter()
                .position(|byte| byte & 0x80 == 0)
                .map_or(0, |at| at + 1);
            block = if continued { &rest[last..] } else { rest };
        }
        Ok(false)
    }
}

/// Writes one frame.
pub(crate) fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len())
        .expect("frames are short")
        .to_be_bytes();
    out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A header block that is sent again and again: literals into the dynamic table at first, then their indices; or always
/// the same literals, to peers who want no table.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    first: Vec<u8>,
    again: Vec<u8>,
    unindexed: Vec<u8>,
    sent: bool,
}

/// What the peer says of HPACK's dynamic table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Of the usual size.
    Usual,
    /// None, which the next block must confirm.
    Refused,
    /// None.
    Empty,
}

impl Block {
    /// `indexed` are fields of the static table as they go over the wire. `later` is how many literals of other blocks come
    /// into the table before this one is sent again.
    pub(crate) fn new(indexed: &[u8], literals: &[(&str, String)], later: usize) -> Block {
        let (mut first, mut again, mut unindexed) =
            (indexed.to_vec(), indexed.to_vec(), indexed.to_vec());
        for (at, (name, value)) in literals.iter().enumerate() {
            for (kind, block) in [(0x40, &mut first), (0, &mut unindexed)] {
                block.push(kind);
                for text in [name, value.as_str()] {
                    block.push(u8::try_from(text.len()).expect("texts are short"));
                    block.extend_from_slice(text.as_bytes());
                }
            }
            let index = 62 + later + literals.len() - 1 - at;
            again.push(0x80 | u8::try_from(index).expect("the table is small"));
        }
        Block {
            first,
            again,
            unindexed,
            sent: false,
        }
    }

    /// A copy has been sent.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }

    /// Writes the block as a frame of headers.
    pub(crate) fn put(&mut self, flags: u8, stream: u32, table: &mut Table, out: &mut Vec<u8>) {
        match *table {
            Table::Usual if std::mem::replace(&mut self.sent, true) => {
                put(out, HEADERS, flags, stream, &self.again)
            }
            Table::Usual => put(out, HEADERS, flags, stream, &self.first),
            Table::Refused => {
                let mut block = vec![NO_TABLE];
                block.extend_from_slice(&self.unindexed);
                put(out, HEADERS, flags, stream, &block);
                *table = Table::Empty;
            }
            Table::Empty => put(out, HEADERS, flags, stream, &self.unindexed),
        }
    }
}

/// A body that waits for the connection's window.
#[derive(Debug)]
struct Parcel {
    stream: u32,
    body: &'static [u8],
    /// Header block that ends the stream after the body, if the body does not.
    trailers: Option<Block>,
}

/// What both sides of a connection keep.
#[derive(Debug)]
pub(crate) struct Session {
    window: i64,
    waiting: VecDeque<Parcel>,
    consumed: u32,
    /// Whether blocks may use indices.
    pub(crate) table: Table,
}

impl Session {
    pub(crate) fn new() -> Session {
        Session {
            window: 65_535,
            waiting: VecDeque::new(),
            consumed: 0,
            table: Table::Usual,
        }
    }

    /// The settings of our side, after the preface where we are the client.
    pub(crate) fn introduce(out: &mut Vec<u8>) {
        let mut settings = Vec::new();
        for (name, value) in [(3_u16, 1_000_u32), (4, STREAM_WINDOW)] {
            settings.extend_from_slice(&name.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        put(out, SETTINGS, 0, 0, &settings);
        put(
            out,
            WINDOW_UPDATE,
            0,
            0,
            &(CONNECTION_WINDOW - 65_535).to_be_bytes(),
        );
    }

    /// Sends a body as far as the window allows, the rest later.
    pub(crate) fn send(
        &mut self,
        stream: u32,
        body: &'static [u8],
        trailers: Option<Block>,
        out: &mut Vec<u8>,
    ) {
        self.waiting.push_back(Parcel {
            stream,
            body,
            trailers,
        });
        self.send_waiting(out);
    }

    fn send_waiting(&mut self, out: &mut Vec<u8>) {
        while let Some(parcel) = self.waiting.front_mut() {
            let room = usize::try_from(self.window).unwrap_or(0);
            let count = parcel.body.len().min(LARGEST).min(room);
            if count == 0 {
                return;
            }
            let (piece, rest) = parcel.body.split_at(count);
            parcel.body = rest;
            self.window -= count as i64;
            let last = rest.is_empty();
            let end = if last && parcel.trailers.is_none() {
                END_STREAM
            } else {
                0
            };
            put(out, DATA, end, parcel.stream, piece);
            if last {
                let parcel = self.waiting.pop_front().expect("the front was looked at");
                if let Some(mut block) = parcel.trailers {
                    block.put(
                        END_HEADERS | END_STREAM,
                        parcel.stream,
                        &mut self.table,
                        out,
                    );
                }
            }
        }
    }

    /// Whether the frame was about the connection and is dealt with. Frames of streams that end them early are errors.
    pub(crate) fn manage(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> anyhow::Result<bool> {
        match frame.kind {
            DATA => {
                self.consume(frame, out);
                return Ok(false);
            }
            HEADERS => return Ok(false),
            SETTINGS if frame.flags & ACK == 0 => {
                self.settings(frame.payload)?;
                put(out, SETTINGS, ACK, 0, &[]);
            }
            PING if frame.flags & ACK == 0 => put(out, PING, ACK, 0, frame.payload),
            WINDOW_UPDATE if frame.stream == 0 => {
                self.window += i64::from(number(frame.payload));
                self.send_waiting(out);
            }
            RST_STREAM => bail!(
                "stream {} was reset with code {}",
                frame.stream,
                number(frame.payload)
            ),
            GO_AWAY => bail!(
                "the peer ends the connection: {:?}",
                String::from_utf8_lossy(frame.payload)
            ),
            _ => {}
        }
        Ok(true)
    }

    /// Refuses what these few parts could not keep to.
    fn settings(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        for setting in payload.chunks_exact(6) {
            let value = number(&setting[2..]);
            match setting[1] {
                1 if value < TABLE => self.table = Table::Refused,
                4 => ensure!(
                    value >= 65_535,
                    "the peer wants windows of only {value} bytes"
                ),
                _ => {}
            }
        }
        Ok(())
    }

    fn consume(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) {
        self.consumed += u32::try_from(frame.payload.len()).expect("frames are short");
        if self.consumed >= TOP_UP {
            put(out, WINDOW_UPDATE, 0, 0, &self.consumed.to_be_bytes());
            self.consumed = 0;
        }
    }
}

fn number(payload: &[u8]) -> u32 {
    payload
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
