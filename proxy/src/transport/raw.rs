//! A stream socket of the kernel: TCP or Unix.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected stream socket.
#[derive(Debug)]
pub enum Raw {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix socket of this machine.
    Unix(UnixStream),
}

impl Raw {
    /// The address of the other side; `None` for Unix sockets.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Raw::Tcp(tcp) => tcp.peer_addr().ok(),
            Raw::Unix(_) => None,
        }
    }

    /// Our own address; `None` for Unix sockets.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Raw::Tcp(tcp) => tcp.local_addr().ok(),
            Raw::Unix(_) => None,
        }
    }

    /// Ready when a read would return bytes, the end or an error.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Raw::Tcp(tcp) => tcp.poll_read_ready(cx),
            Raw::Unix(unix) => unix.poll_read_ready(cx),
        }
    }

    /// Ready when a write would take bytes or fail.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Raw::Tcp(tcp) => tcp.poll_write_ready(cx),
            Raw::Unix(unix) => unix.poll_write_ready(cx),
        }
    }

    /// Runs a system call of our own on the socket; `WouldBlock` clears the readiness it was made for.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        call: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        match self {
            Raw::Tcp(tcp) => tcp.try_io(interest, call),
            Raw::Unix(unix) => unix.try_io(interest, call),
        }
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Raw::Tcp(tcp) => tcp.as_fd(),
            Raw::Unix(unix) => unix.as_fd(),
        }
    }
}

impl AsyncRead for Raw {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Raw::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Raw::Unix(unix) => Pin::new(unix).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Raw {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Raw::Tcp(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Raw::Unix(unix) => Pin::new(unix).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Raw::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Raw::Unix(unix) => Pin::new(unix).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Raw::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Raw::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
        }
    }
}
