//! One side of an exchange, whatever HTTP it speaks: a body in, a body out.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::h1::Framing;
use super::h1::connection::{Connection, ReadError, WriteError};
use super::h1::encode::Persistence;
use super::h2::stream::Stream as Http2Stream;
use crate::http::head::{Fields, ResponseHead};
use crate::transport::Stream;

/// One side of an exchange.
#[derive(Debug)]
pub(crate) enum Leg {
    /// A whole connection; boxed once, since it is handed from place to place with every request.
    Http1(Box<Connection<Stream>>),
    /// One stream of a connection.
    Http2(Http2Stream),
}

/// Part of a body.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// In the buffer of the leg that read it.
    Slice(&'a [u8]),
    /// On its own.
    Shared(Bytes),
}

impl Piece<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Slice(slice) => slice,
            Self::Shared(bytes) => bytes,
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            // The read buffer is used again at once, and the `h2` crate keeps what it gets: one copy is due.
            Self::Slice(slice) => Bytes::copy_from_slice(slice),
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Why a leg failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LegError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

impl From<io::Error> for LegError {
    fn from(error: io::Error) -> Self {
        Self::Write(WriteError::Io(error))
    }
}

impl Leg {
    /// The next part of the body being read; `None` when it is over.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Piece<'_>>, LegError>> {
        match self {
            Self::Http1(connection) => {
                let data = ready!(connection.poll_data(cx))?;
                Poll::Ready(Ok(data.map(Piece::Slice)))
            }
            Self::Http2(stream) => {
                let data = ready!(stream.poll_data(cx))?;
                Poll::Ready(Ok(data.map(Piece::Shared)))
            }
        }
    }

    /// Says that so many bytes that this leg read have been passed on.
    pub(crate) fn release(&mut self, count: usize) {
        match self {
            Self::Http1(_) => {}
            Self::Http2(stream) => stream.release(count),
        }
    }

    /// Trailers of the message that was read.
    pub(crate) fn trailers(&self) -> &Fields {
        match self {
            Self::Http1(connection) => &connection.trailers,
            Self::Http2(stream) => &stream.trailers,
        }
    }

    /// Whether the message being read is over.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_read(),
            Self::Http2(stream) => stream.is_read(),
        }
    }

    /// Whether the message being written is over.
    pub(crate) fn is_written(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_written(),
            Self::Http2(stream) => stream.is_written(),
        }
    }

    /// Sends a response head.
    pub(crate) fn send_response(
        &mut self,
        head: &ResponseHead,
        framing: Framing,
        persistence: Persistence,
    ) -> Result<(), LegError> {
        match self {
            Self::Http1(connection) => connection.send_response(head, framing, persistence),
            Self::Http2(stream) => stream.send_response(head, framing)?,
        }
        Ok(())
    }

    /// Sends part of the body; only after [`Leg::poll_room`] was ready.
    pub(crate) fn send_data(
        &mut self,
        cx: &mut Context<'_>,
        piece: Piece<'_>,
    ) -> Result<(), LegError> {
        match self {
            Self::Http1(connection) => connection.send_data(cx, piece.as_slice())?,
            Self::Http2(stream) => stream.send_data(piece.into_bytes()),
        }
        Ok(())
    }

    /// Sends the end of the body.
    pub(crate) fn send_end(&mut self, trailers: &Fields) -> Result<(), LegError> {
        match self {
            Self::Http1(connection) => connection.send_end(trailers)?,
            Self::Http2(stream) => stream.send_end(trailers)?,
        }
        Ok(())
    }

    /// Ready when part of a body may be sent.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LegError>> {
        match self {
            Self::Http1(connection) => connection.poll_room(cx).map_err(LegError::from),
            Self::Http2(stream) => stream.poll_room(cx).map_err(LegError::from),
        }
    }

    /// Ready when everything is written; HTTP/2 streams leave that to the task of their connection.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LegError>> {
        match self {
            Self::Http1(connection) => connection.poll_flush(cx).map_err(LegError::from),
            Self::Http2(stream) => stream.poll_room(cx).map_err(LegError::from),
        }
    }

    /// Ready when the other side has gone although it is still expected to listen. To be polled only while nothing
    /// else is read from the leg.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Http1(connection) => match connection.poll_readable(cx) {
                Poll::Ready(_) => connection.poll_gone(cx),
                Poll::Pending => Poll::Pending,
            },
            Self::Http2(stream) => stream.poll_reset(cx),
        }
    }
}
