//! Batched writes: the `h2` crate writes frame by frame, each a system call and under TLS a record. Here its writes are
//! collected, and the task that polls the connection sends them after each poll.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Above this the `h2` crate has to wait.
const FULL: usize = 64 * 1024;
/// Memory that an idle connection keeps.
const KEPT: usize = 4 * 1024;

/// The I/O that the `h2` crate gets.
#[derive(Debug)]
pub(crate) struct Coalesced<IO>(Rc<RefCell<Inner<IO>>>);

/// The handle that sends what was collected.
#[derive(Debug)]
pub(crate) struct Flusher<IO>(Rc<RefCell<Inner<IO>>>);

#[derive(Debug)]
struct Inner<IO> {
    io: IO,
    queue: Vec<u8>,
    written: usize,
    /// Bytes that the socket has taken.
    sent: u64,
    /// The other side has sent something.
    read: bool,
}

/// Splits `io` into the part that the `h2` crate gets and the part that its driver keeps.
pub(crate) fn coalesce<IO>(io: IO) -> (Coalesced<IO>, Flusher<IO>) {
    let inner = Rc::new(RefCell::new(Inner {
        io,
        queue: Vec::new(),
        written: 0,
        sent: 0,
        read: false,
    }));
    (Coalesced(Rc::clone(&inner)), Flusher(inner))
}

impl<IO: AsyncWrite + Unpin> Inner<IO> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.queue.len() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.queue[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    self.written += count;
                    self.sent += count as u64;
                }
            }
        }
        self.queue.clear();
        self.queue.shrink_to(KEPT);
        self.written = 0;
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl<IO: AsyncWrite + Unpin> Flusher<IO> {
    /// Sends what was collected.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        if inner.queue.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            inner.poll_drain(cx)
        }
    }

    /// Bytes that the socket has taken.
    pub(crate) fn sent(&self) -> u64 {
        self.0.borrow().sent
    }

    /// Whether the other side has sent anything yet.
    pub(crate) fn has_read(&self) -> bool {
        self.0.borrow().read
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Coalesced<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut inner.io).poll_read(cx, buf))?;
        inner.read |= buf.filled().len() > before;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Coalesced<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.0.borrow_mut();
        if inner.queue.len() >= FULL {
            ready!(inner.poll_drain(cx))?;
        }
        for slice in slices {
            inner.queue.extend_from_slice(slice);
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing: the driver flushes after each poll.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        ready!(inner.poll_drain(cx))?;
        Pin::new(&mut inner.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn writes_leave_together_when_the_driver_flushes() {
        let (ours, mut theirs) = tokio::io::duplex(256 * 1024);
        let (mut io, flusher) = coalesce(ours);
        io.write_all(b"one ").await.expect("queued");
        io.write_all(b"two").await.expect("queued");
        io.flush().await.expect("nothing");
        std::future::poll_fn(|cx| flusher.poll_flush(cx))
            .await
            .expect("sent");
        let mut all = [0; 16];
        let count = theirs.read(&mut all).await.expect("read");
        assert_eq!(&all[..count], b"one two");
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_writer_wait() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let (mut io, _flusher) = coalesce(ours);
        let big = vec![0; FULL];
        io.write_all(&big).await.expect("queued");
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut io).poll_write(&mut cx, b"x").is_pending());
    }
}
