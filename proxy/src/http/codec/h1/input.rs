//! What was read from a socket and not yet used.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::http::codec::buffers::{BLOCK, Buffers};

/// A buffer never grows beyond this: more than the largest head.
const LARGEST: usize = 128 * 1024;
/// A buffer that one read fills grows to this, so that large bodies take fewer reads.
const LARGE: usize = 64 * 1024;

/// The read buffer of one connection; without memory while it is released.
#[derive(Debug)]
pub(super) struct Input {
    block: Vec<u8>,
    start: usize,
    end: usize,
    buffers: Buffers,
}

impl Input {
    pub(super) fn new(buffers: Buffers) -> Self {
        Self {
            block: Vec::new(),
            start: 0,
            end: 0,
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
        self.make_room()?;
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

    fn make_room(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            self.block = self.buffers.take_block();
        }
        if self.start > 0 {
            self.block.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.block.len() {
            if self.block.len() >= LARGEST {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.block.resize((self.block.len() * 2).max(BLOCK), 0);
        }
        Ok(())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.buffers.give_block(std::mem::take(&mut self.block));
    }
}
