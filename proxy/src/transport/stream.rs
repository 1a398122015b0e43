//! A connection as its user sees it: bytes in, bytes out, and what TLS found out about the other side.

use super::buffer::Size;
use super::peer::PeerIdentity;
use super::raw::Raw;
use super::socket::Socket;
use super::tls::TlsStream;
use crate::drain;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A plain or TLS connection in either direction.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are on the wire.
    Plain(Socket),
    /// Bytes inside TLS.
    Tls(Box<TlsStream>),
}

/// What the handshake agreed on and proved.
#[derive(Debug)]
pub struct TlsFacts {
    /// The application protocol agreed on.
    pub alpn: Option<Box<[u8]>>,
    /// The server name the client asked for.
    pub sni: Option<Box<str>>,
    /// Who the other side proved to be; `None` if it showed no certificate.
    pub peer: Option<PeerIdentity>,
    /// The SPIFFE identity of our own certificate, if it has one.
    pub own: Option<Arc<str>>,
    /// Whether the certificate was verified against the configured roots.
    pub verified: bool,
    /// Protocol version in Envoy's spelling, such as `TLSv1.3`.
    pub version: &'static str,
    /// Cipher suite in the IANA spelling.
    pub cipher: &'static str,
}

/// A connection that somebody opened to us.
#[derive(Debug)]
pub struct Downstream {
    stream: Stream,
    tls: Option<Rc<TlsFacts>>,
    drain: drain::Signal,
}

/// A connection that we opened.
#[derive(Debug)]
pub struct Upstream {
    stream: Stream,
    tls: Option<Rc<TlsFacts>>,
}

impl Stream {
    /// The socket below.
    pub fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.socket(),
        }
    }

    /// The kernel's socket below.
    pub fn raw(&self) -> &Raw {
        self.socket().raw()
    }

    /// How many bytes of a buffer of this size to write at once: what TLS seals into full records that fit in such a buffer.
    pub(crate) fn at_once(&self, size: Size) -> usize {
        match self {
            Stream::Plain(_) => size.bytes(),
            Stream::Tls(_) => TlsStream::at_once(size),
        }
    }

    /// From now on reads more than it is asked for; under TLS it always does.
    pub(crate) fn read_ahead(&mut self) {
        match self {
            Stream::Plain(socket) => socket.read_ahead(),
            Stream::Tls(_) => {}
        }
    }

    /// Ready when a read may return something. Under TLS it may also have been a record without application data: a
    /// read after it may be pending.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Plain(socket) => socket.poll_read_ready(cx),
            Stream::Tls(tls) => tls.poll_read_ready(cx),
        }
    }
}

impl Downstream {
    /// A connection accepted by a listener.
    pub fn new(stream: Stream, tls: Option<Rc<TlsFacts>>, drain: drain::Signal) -> Self {
        Self { stream, tls, drain }
    }

    /// Says when this connection should finish, because its listener goes or the process ends.
    pub fn drain(&self) -> &drain::Signal {
        &self.drain
    }

    /// The bytes alone, for copying both ways.
    pub fn into_stream(self) -> Stream {
        self.stream
    }
}

impl Upstream {
    /// A connection that was just established.
    pub fn new(stream: Stream, tls: Option<Rc<TlsFacts>>) -> Self {
        Self { stream, tls }
    }

    /// The bytes alone, for copying both ways.
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    /// The bytes alone, where the connection stays with its owner.
    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Whether nothing arrived on an idle connection: neither bytes nor the end. A pool asks before it reuses one.
    pub fn is_quiet(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.stream.poll_read_ready(&mut cx).is_pending()
    }
}

macro_rules! connection {
    ($name:ident) => {
        impl $name {
            /// What TLS found out; `None` on a plain connection.
            pub fn tls(&self) -> Option<&Rc<TlsFacts>> {
                self.tls.as_ref()
            }

            /// Who the other side proved to be by its certificate.
            pub fn peer(&self) -> Option<&PeerIdentity> {
                self.tls.as_ref()?.peer.as_ref()
            }

            /// The application protocol agreed on in the handshake.
            pub fn alpn(&self) -> Option<&[u8]> {
                self.tls.as_ref()?.alpn.as_deref()
            }

            /// The server name the client asked for in the handshake.
            pub fn sni(&self) -> Option<&str> {
                self.tls.as_ref()?.sni.as_deref()
            }

            /// The kernel's socket below.
            pub fn raw(&self) -> &Raw {
                self.stream.raw()
            }

            /// Ready when a read may return something: ask this first and take a buffer second, so that idle
            /// connections hold none. A read after it may still be pending (TLS records without application data).
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.stream.poll_read_ready(cx)
            }
        }

        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().stream).poll_flush(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
            }
        }
    };
}

connection!(Downstream);
connection!(Upstream);

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
