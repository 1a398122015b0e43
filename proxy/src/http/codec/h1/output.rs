//! What waits to be written to a socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::http::codec::buffers::{BLOCK, Buffers};

/// Above this nothing more is taken from the other side.
const HIGH_WATER: usize = 64 * 1024;
/// Data of this size is written from where it lies instead of being copied.
const DIRECT: usize = 4 * 1024;

/// The write buffer of one connection; without memory while it is released.
#[derive(Debug)]
pub(super) struct Output {
    queue: Vec<u8>,
    written: usize,
    /// The socket's own buffer (TLS has one) may hold some of what it took.
    taken: bool,
    buffers: Buffers,
}

impl Output {
    pub(super) fn new(buffers: Buffers) -> Self {
        Self {
            queue: Vec::new(),
            written: 0,
            taken: false,
            buffers,
        }
    }

    /// Where to append.
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        if self.queue.capacity() == 0 {
            self.queue = self.buffers.take_queue();
        }
        &mut self.queue
    }

    /// Whether nothing waits, neither here nor in the socket's own buffer.
    pub(super) fn is_flushed(&self) -> bool {
        self.queue.len() == self.written && !self.taken
    }

    pub(super) fn has_room(&self) -> bool {
        self.queue.len() - self.written < HIGH_WATER
    }

    /// Queues `data`; large data is written at once behind the queue, as far as the socket takes it.
    pub(super) fn send(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> io::Result<()> {
        if data.len() < DIRECT {
            self.queue().extend_from_slice(data);
            return Ok(());
        }
        let waiting = self.queue.len() - self.written;
        let slices = [
            IoSlice::new(&self.queue[self.written..]),
            IoSlice::new(data),
        ];
        let count = match Pin::new(io).poll_write_vectored(cx, &slices) {
            Poll::Pending => 0,
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(count) => count?,
        };
        self.taken |= count > 0;
        if count < waiting {
            self.written += count;
            self.queue().extend_from_slice(data);
        } else {
            self.queue.clear();
            self.written = 0;
            self.queue().extend_from_slice(&data[count - waiting..]);
        }
        Ok(())
    }

    pub(super) fn poll_flush(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.queue.len() {
            self.taken = true;
            match ready!(Pin::new(&mut *io).poll_write(cx, &self.queue[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        if self.taken {
            self.queue.clear();
            self.written = 0;
            ready!(Pin::new(io).poll_flush(cx))?;
            self.taken = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Gives the memory back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() >= BLOCK {
            self.buffers.give_queue(std::mem::take(&mut self.queue));
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.buffers.give_queue(std::mem::take(&mut self.queue));
    }
}
