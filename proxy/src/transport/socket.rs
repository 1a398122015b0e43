//! A socket with what was read from it ahead of time: by protocol inspection, or under TLS in large pieces.

use super::buffer::{ReadAhead, Size};
use super::raw::Raw;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose reads may run ahead of what the reader asks for. Bytes read ahead always come first.
#[derive(Debug)]
pub struct Socket {
    raw: Raw,
    ahead: ReadAhead,
    reads: Reads,
}

/// How much is read at a time.
#[derive(Debug, Clone, Copy)]
enum Reads {
    /// What the reader asks for.
    AsAsked,
    /// A buffer of this size: many records, or frames, in one system call.
    Ahead(Size),
}

impl Socket {
    /// A socket from which nothing was read yet.
    pub fn new(raw: Raw) -> Self {
        Self {
            raw,
            ahead: ReadAhead::default(),
            reads: Reads::AsAsked,
        }
    }

    /// The kernel's socket.
    pub fn raw(&self) -> &Raw {
        &self.raw
    }

    /// What was read ahead and not yet taken.
    pub fn buffered(&self) -> &[u8] {
        self.ahead.bytes()
    }

    /// Says that the first `count` bytes read ahead were used.
    pub fn consume(&mut self, count: usize) {
        self.ahead.consume(count);
    }

    /// From now on reads more than it is asked for.
    pub(crate) fn read_ahead(&mut self) {
        self.reads = Reads::Ahead(Size::Usual);
    }

    /// What was read ahead, for TLS to look at.
    pub(super) fn ahead(&self) -> &ReadAhead {
        &self.ahead
    }

    /// What was read ahead, for TLS to open in place.
    pub(super) fn ahead_mut(&mut self) -> &mut ReadAhead {
        &mut self.ahead
    }

    /// Reads behind what is there, making room for `wanted` bytes first where there are less.
    pub(super) fn poll_fill_behind(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<usize>> {
        if let Reads::Ahead(size) = self.reads {
            self.ahead.make_room(wanted, size);
        }
        self.poll_fill(cx)
    }

    /// Reads more bytes ahead; returns how many came, 0 at the end of the stream.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::OutOfMemory`] if the buffer is full.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ahead.is_full() {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        let size = match self.reads {
            Reads::AsAsked => Size::Usual,
            Reads::Ahead(size) => size,
        };
        let mut buf = ReadBuf::new(self.ahead.spare(size));
        let result = Pin::new(&mut self.raw).poll_read(cx, &mut buf);
        let count = buf.filled().len();
        self.ahead.filled(count);
        ready!(result)?;
        if let Reads::Ahead(size) = &mut self.reads {
            *size = Size::after(count);
        }
        Poll::Ready(Ok(count))
    }

    /// Ready when a read would return something.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            self.raw.poll_read_ready(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            if let Reads::AsAsked = this.reads {
                return Pin::new(&mut this.raw).poll_read(cx, buf);
            }
            ready!(this.poll_fill(cx))?;
        }
        let bytes = this.ahead.bytes();
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        this.ahead.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().raw).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().raw).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().raw).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().raw).poll_shutdown(cx)
    }
}
