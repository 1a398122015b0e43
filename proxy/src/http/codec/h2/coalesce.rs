//! Batched reads and writes: the `h2` crate writes frame by frame, each a system call and under TLS a record, and reads
//! 8 KiB at a time. Here its writes are collected, and the task that polls the connection sends them after each poll.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::bell::Bell;
use super::opening::Opening;
use crate::transport::buffer::{ReadAhead as Queue, Size};

/// The I/O that the `h2` crate gets.
#[derive(Debug)]
pub(crate) struct Coalesced<IO>(Rc<RefCell<Inner<IO>>>);

/// The handle that sends what was collected.
#[derive(Debug)]
pub(crate) struct Flusher<IO>(Rc<RefCell<Inner<IO>>>);

#[derive(Debug)]
struct Inner<IO> {
    io: IO,
    /// What waits to be written; holds a buffer only while there is something. When it is full, the `h2` crate has to wait.
    queue: Queue,
    /// Bytes that the socket has taken.
    sent: u64,
    /// `io` has taken bytes and has not said since that all of them are sent: under TLS they may wait in there.
    unsent: bool,
    /// What the other side began with, if it is a server.
    opening: Opening,
    /// There was nothing more to read. Until the bell rings nobody needs to ask again: whoever says that there is nothing
    /// now, for whatever reason, wakes the one who asked when it is worth another try.
    dry: bool,
    bell: Bell,
}

/// Splits `io` into the part that the `h2` crate gets and the part that its driver keeps.
pub(crate) fn coalesce<IO>(io: IO) -> (Coalesced<IO>, Flusher<IO>) {
    let inner = Rc::new(RefCell::new(Inner {
        io,
        queue: Queue::default(),
        sent: 0,
        unsent: false,
        opening: Opening::default(),
        dry: false,
        bell: Bell::default(),
    }));
    (Coalesced(Rc::clone(&inner)), Flusher(inner))
}

impl<IO: AsyncWrite + Unpin> Inner<IO> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, self.queue.bytes()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    self.queue.consume(count);
                    self.sent += count as u64;
                    self.unsent = true;
                }
            }
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.unsent = false;
        Poll::Ready(Ok(()))
    }

    /// Takes as much of `bytes` as there is room for.
    fn collect(&mut self, bytes: &[u8]) -> usize {
        if bytes.is_empty() || self.queue.is_full() {
            return 0;
        }
        let room = self.queue.spare(Size::Usual);
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.queue.filled(count);
        count
    }
}

impl<IO: AsyncWrite + Unpin> Flusher<IO> {
    /// Sends what was collected.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        if inner.queue.is_empty() && !inner.unsent {
            Poll::Ready(Ok(()))
        } else {
            inner.poll_drain(cx)
        }
    }

    /// Bytes that the socket has taken.
    pub(crate) fn sent(&self) -> u64 {
        self.0.borrow().sent
    }

    /// Whether the SETTINGS of the other side have come, which is a server.
    pub(crate) fn has_settings(&self) -> bool {
        self.0.borrow().opening.is_whole()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Coalesced<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        inner.bell.know(cx.waker());
        if inner.dry && !inner.bell.has_rung() {
            return Poll::Pending;
        }
        inner.bell.listen();
        let before = buf.filled().len();
        let outcome = Pin::new(&mut inner.io).poll_read(&mut inner.bell.context(), buf);
        inner.dry = outcome.is_pending();
        ready!(outcome)?;
        inner.opening.look(&buf.filled()[before..]);
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
        if inner.queue.is_full() {
            ready!(inner.poll_drain(cx))?;
        }
        let mut taken = 0;
        for slice in slices {
            let count = inner.collect(slice);
            taken += count;
            if count < slice.len() {
                break;
            }
        }
        Poll::Ready(Ok(taken))
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
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::coop::{consume_budget, has_budget_remaining};

    use super::*;

    /// Has nothing to read, and keeps who asks.
    struct Silent(Rc<RefCell<Vec<Waker>>>);

    impl AsyncRead for Silent {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.0.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        }
    }

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
    async fn what_the_io_has_taken_and_not_sent_is_not_flushed() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let (mut io, flusher) = coalesce(tokio::io::BufWriter::with_capacity(1024, ours));
        io.write_all(&[7; 100]).await.expect("queued");
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for _ in 0..2 {
            assert!(flusher.poll_flush(&mut cx).is_pending());
        }
        let mut all = [0; 100];
        let flush = std::future::poll_fn(|cx| flusher.poll_flush(cx));
        let (flushed, read) = tokio::join!(flush, theirs.read_exact(&mut all));
        flushed.expect("sent");
        read.expect("read");
        assert_eq!(all, [7; 100]);
    }

    #[tokio::test]
    async fn a_reader_that_has_had_its_share_asks_again_although_nothing_more_comes() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let (mut io, _flusher) = coalesce(ours);
        theirs.write_all(b"one").await.expect("sent");
        let mut first = true;
        let read = std::future::poll_fn(|cx| {
            while first && has_budget_remaining() {
                let _ = std::pin::pin!(consume_budget()).poll(cx);
            }
            first = false;
            let mut room = [0; 16];
            let mut buf = ReadBuf::new(&mut room);
            let read = Pin::new(&mut io).poll_read(cx, &mut buf);
            read.map_ok(|()| buf.filled().to_vec())
        });
        let patience = std::time::Duration::from_secs(30);
        let read = tokio::time::timeout(patience, read).await;
        assert_eq!(read.expect("it asks again").expect("open"), b"one");
    }

    #[tokio::test]
    async fn nothing_is_read_again_before_the_io_says_that_there_is_something() {
        let asked = Rc::<RefCell<Vec<Waker>>>::default();
        let (mut io, _flusher) = coalesce(Silent(Rc::clone(&asked)));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for round in 1..=3 {
            for _ in 0..3 {
                let mut room = [0; 16];
                let mut buf = ReadBuf::new(&mut room);
                assert!(Pin::new(&mut io).poll_read(&mut cx, &mut buf).is_pending());
            }
            let asked = asked.borrow();
            assert_eq!(asked.len(), round);
            asked[round - 1].wake_by_ref();
        }
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_writer_wait() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let (mut io, _flusher) = coalesce(ours);
        let big = vec![0; Size::Usual.bytes()];
        io.write_all(&big).await.expect("queued");
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut io).poll_write(&mut cx, b"x").is_pending());
    }
}
