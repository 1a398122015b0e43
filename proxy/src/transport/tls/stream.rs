//! A TLS connection after its handshake: bytes in, bytes out. It owns the socket and what is sealed and not sent; how records are
//! made and read, the session knows.

use super::handshake::poll_send;
use super::legacy::Legacy;
use super::library::Role;
use super::record::{MOST_RECORD, Refused};
use super::session::{self, Opened, Session};
use crate::transport::Socket;
use crate::transport::buffer::{ReadAhead, Size};
use rustls::{Error, ProtocolVersion};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(test)]
mod tests;

/// A TLS connection in either direction.
#[derive(Debug)]
pub struct TlsStream {
    socket: Socket,
    version: Version,
    /// Sealed and not sent; holds a buffer only while there is something.
    out: ReadAhead,
    /// Nothing is read or written any more.
    failed: Option<Error>,
    /// The socket has ended. Without the other side's notice somebody may have cut off the rest.
    ended: bool,
    /// We have said that we have sent all.
    closed: bool,
}

/// Who opens and seals.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the usual one, in the box that the stream is kept in"
)]
enum Version {
    /// Our own records.
    V1_3(Session),
    /// The TLS library.
    V1_2(Box<Legacy>),
}

impl TlsStream {
    /// A connection whose handshake is over; the socket holds what came behind it.
    ///
    /// # Errors
    /// If the library does not give the keys.
    pub(super) fn new(role: Role, socket: Socket) -> Result<Self, Error> {
        let version = if role.common().protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            Version::V1_3(Session::new(role)?)
        } else {
            Version::V1_2(Box::new(Legacy::new(role)))
        };
        Ok(Self {
            socket,
            version,
            out: ReadAhead::default(),
            failed: None,
            ended: false,
            closed: false,
        })
    }

    /// The socket below.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// How many bytes become full records in one buffer of this size.
    pub(crate) fn at_once(size: Size) -> usize {
        session::at_once(size)
    }

    /// Ready when a read may return something; it may also find records without application data only.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let incoming = self.socket.ahead();
        let has_more = match &self.version {
            Version::V1_3(session) => session.has_more(incoming),
            Version::V1_2(legacy) => legacy.has_more(incoming),
        };
        if has_more || self.ended || self.failed.is_some() {
            Poll::Ready(Ok(()))
        } else {
            self.socket.raw().poll_read_ready(cx)
        }
    }

    fn open(&mut self, buf: &mut ReadBuf<'_>) -> Result<Opened, Refused> {
        let incoming = self.socket.ahead_mut();
        match &mut self.version {
            Version::V1_3(session) => session.open(incoming, buf),
            Version::V1_2(legacy) => legacy
                .open(incoming, buf, &mut self.out)
                .map_err(|error| Refused { alert: None, error }),
        }
    }

    fn seal(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Error> {
        match &mut self.version {
            Version::V1_3(session) => session.seal(slices, &mut self.out),
            Version::V1_2(legacy) => legacy.seal(slices, self.socket.ahead_mut(), &mut self.out),
        }
    }

    /// Ends the connection; the other side is told why, if it takes that at once.
    fn fail(&mut self, cx: &mut Context<'_>, refused: Refused) -> io::Error {
        let Refused { alert, error } = refused;
        if let (Version::V1_3(session), Some(alert), false) =
            (&mut self.version, alert, self.closed)
        {
            session.fail(alert, &mut self.out);
        }
        let _told = self.poll_send(cx);
        self.failed = Some(error.clone());
        broken(error)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_send(cx, &mut self.socket, &mut self.out)
    }
}

fn broken(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn cut_off() -> io::Error {
    let why =
        "peer closed connection without sending TLS close_notify: the rest may have been cut off";
    io::Error::new(io::ErrorKind::UnexpectedEof, why)
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(error) = &this.failed {
            return Poll::Ready(Err(broken(error.clone())));
        }
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match this.open(buf) {
                Ok(Opened::Data | Opened::Closed) => return Poll::Ready(Ok(())),
                Ok(Opened::Nothing) => {}
                Err(refused) => return Poll::Ready(Err(this.fail(cx, refused))),
            }
            if this.ended || ready!(this.socket.poll_fill_behind(cx, MOST_RECORD))? == 0 {
                this.ended = true;
                return Poll::Ready(Err(cut_off()));
            }
        }
    }
}

impl AsyncWrite for TlsStream {
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
        let this = self.get_mut();
        if let Some(error) = &this.failed {
            return Poll::Ready(Err(broken(error.clone())));
        }
        if this.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        ready!(this.poll_send(cx))?;
        let count = match this.seal(slices) {
            Ok(count) => count,
            Err(error) => {
                let _told = this.poll_send(cx);
                // The library may have found it in what came in, behind data that is yet to be read.
                if let Version::V1_3(_) = this.version {
                    this.failed = Some(error.clone());
                }
                return Poll::Ready(Err(broken(error)));
            }
        };
        match this.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What the socket does not take now waits for a flush or the next write.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(count)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closed && this.failed.is_none() {
            match &mut this.version {
                Version::V1_3(session) => session.close(&mut this.out),
                Version::V1_2(legacy) => legacy.close(this.socket.ahead_mut(), &mut this.out),
            }
        }
        this.closed = true;
        ready!(this.poll_send(cx))?;
        match ready!(Pin::new(&mut this.socket).poll_shutdown(cx)) {
            // The other side has gone already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}
