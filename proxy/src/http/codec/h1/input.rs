//! What was read from a socket and not yet used.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::http::codec::buffers::{BLOCK, Buffers};

/// A buffer that one read fills grows to this, so that large bodies take fewer reads.
const LARGE: usize = 64 * 1024;

/// The read buffer of one connection; without memory while it is released.
///
/// Invariant: it grows only while nothing of it is used, which its readers bound: a head by its limit, a line of the chunked
/// coding by its own.
#[derive(Debug)]
pub(super) struct Input {
    block: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the head to come that [`Input::is_head_due`] has seen.
    seen: usize,
    /// How many of those are empty lines before it.
    blank: usize,
    buffers: Buffers,
}

impl Input {
    pub(super) fn new(buffers: Buffers) -> Self {
        Self {
            block: Vec::new(),
            start: 0,
            end: 0,
            seen: 0,
            blank: 0,
            buffers,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.block[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        (self.seen, self.blank) = (0, 0);
    }

    /// Whether a head should be read from what is there: when its first bytes have come, which may not be HTTP at all, and
    /// then not before an empty line has, or `most` bytes. A head is thus read three times at most, in however many pieces
    /// it comes.
    pub(super) fn is_head_due(&mut self, most: usize) -> bool {
        let bytes = &self.block[self.start..self.end];
        let seen = std::mem::replace(&mut self.seen, bytes.len());
        if seen == bytes.len() {
            return false;
        }
        if seen == 0 || bytes.len() >= most {
            return true;
        }
        let is_blank = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        self.blank += bytes[self.blank..].iter().take_while(is_blank).count();
        // A line feed alone ends no line, but what looks like an end must be refused, not waited for.
        let new = &bytes[self.blank.max(seen.saturating_sub(2))..];
        new.windows(2).any(|end| end == b"\n\n") || new.windows(3).any(|end| end == b"\n\r\n")
    }

    /// The first `count` bytes, which are thereby used.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let start = self.start;
        self.start += count;
        &self.block[start..self.start]
    }

    /// Gives the memory back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            self.buffers.give_block(std::mem::take(&mut self.block));
        }
    }

    /// Reads once, behind what is there; 0 at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let mut buffer = ReadBuf::new(&mut self.block[self.end..]);
        let room = buffer.remaining();
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        let count = buffer.filled().len();
        self.end += count;
        if count == room && self.start == 0 && self.block.len() < LARGE {
            self.block.resize(LARGE, 0);
        }
        Poll::Ready(Ok(count))
    }

    fn make_room(&mut self) {
        if self.block.is_empty() {
            self.block = self.buffers.take_block();
        }
        if self.start > 0 {
            self.block.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.block.len() {
            self.block.resize((self.block.len() * 2).max(BLOCK), 0);
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.buffers.give_block(std::mem::take(&mut self.block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a head would be read that comes byte by byte, up to its end.
    fn readings(head: &[u8], most: usize) -> Vec<usize> {
        let mut input = Input::new(Buffers::new());
        input.block = head.to_vec();
        let mut due = Vec::new();
        for end in 1..=head.len() {
            input.end = end;
            if input.is_head_due(most) {
                due.push(end);
            }
            assert!(!input.is_head_due(most), "nothing new at {end}");
        }
        due
    }

    #[test]
    fn a_head_in_single_bytes_is_read_at_its_first_byte_its_end_and_its_limit() {
        let head = format!(
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: {}\r\n\r\n",
            "a,".repeat(29_000)
        );
        let len = head.len();
        assert_eq!(readings(head.as_bytes(), 2 * len), [1, len]);
        assert_eq!(readings(&head.as_bytes()[..len - 4], len - 4), [1, len - 4]);
        let blank = "\r\n".repeat(500);
        let late = format!("{blank}GET / HTTP/1.1\r\n\r\n");
        assert_eq!(readings(late.as_bytes(), 9000), [1, late.len()]);
        assert_eq!(readings(blank.as_bytes(), 1000), [1, 1000]);
        for bare in [
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\n\r\n",
            "\n\nGET / HTTP/1.1\n\n",
        ] {
            assert_eq!(readings(bare.as_bytes(), 9000), [1, bare.len()], "{bare:?}");
        }
    }
}
