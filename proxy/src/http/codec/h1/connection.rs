//! One HTTP/1 connection, as its server or its client: heads and bodies in, heads and bodies out.
//!
//! It owns the socket and its buffers; it knows nothing about routes, and never closes by itself.

use std::io;
use std::task::{Context, Poll, ready};

use ::http::Method;
use tokio::io::{AsyncRead, AsyncWrite};

use super::chunked::{ChunkDecoder, Chunked, InvalidChunk};
use super::encode::{self, Persistence};
use super::input::Input;
use super::output::Output;
use super::parse::{Framing, HeadLimits, InvalidHead};
use super::request::{ParsedRequest, parse_request};
use super::response::{ParsedResponse, parse_response};
use crate::http::codec::buffers::Buffers;
use crate::http::head::{Fields, RequestHead, ResponseHead};

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    #[error("the connection ended inside a message")]
    Truncated,
    #[error(transparent)]
    Head(#[from] InvalidHead),
    #[error(transparent)]
    Chunk(#[from] InvalidChunk),
}

/// Why a message could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("writing failed: {0}")]
    Io(#[from] io::Error),
    #[error("the body is longer or shorter than its content-length")]
    LengthMismatch,
}

/// Where reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Between messages, or in a head.
    Head,
    Length(u64),
    Chunked(ChunkDecoder),
    UntilClose,
    /// The body is over.
    Done,
}

/// Where writing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// No message is open.
    Head,
    /// The head said that there is no body: what comes is dropped.
    NoBody,
    Length(u64),
    Chunked,
    UntilClose,
}

/// One HTTP/1 connection.
#[derive(Debug)]
pub(crate) struct Connection<IO> {
    io: IO,
    input: Input,
    output: Output,
    reading: Reading,
    writing: Writing,
    /// Trailers of the message being read.
    pub(crate) trailers: Fields,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    pub(crate) fn new(io: IO, buffers: &Buffers) -> Self {
        Self {
            io,
            input: Input::new(buffers.clone()),
            output: Output::new(buffers.clone()),
            reading: Reading::Head,
            writing: Writing::Head,
            trailers: Fields::default(),
        }
    }

    /// Whether bytes wait that belong to the next message.
    pub(crate) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// The socket, from which nothing was read.
    pub(crate) fn into_io(self) -> IO {
        self.io
    }

    /// The socket and what was read from it too far.
    pub(crate) fn into_parts(self) -> (IO, Vec<u8>) {
        let ahead = self.input.bytes().to_vec();
        (self.io, ahead)
    }

    /// Gives empty buffers back, for the time until the socket is readable again.
    pub(crate) fn rest(&mut self) {
        self.input.release();
        self.output.release();
        self.trailers = Fields::default();
    }

    /// Reads a request head in place of what is in `head`; `None` when the client closed between messages.
    pub(crate) fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut RequestHead,
        limits: HeadLimits,
    ) -> Poll<Result<Option<ParsedRequest>, ReadError>> {
        loop {
            if self.input.is_head_due(limits.bytes)
                && let Some(parsed) = parse_request(self.input.bytes(), head, limits)?
            {
                self.input.consume(parsed.len);
                self.begin_reading(parsed.framing);
                return Poll::Ready(Ok(Some(parsed)));
            }
            if ready!(self.input.poll_fill(&mut self.io, cx))? == 0 {
                return Poll::Ready(if self.input.is_empty() {
                    Ok(None)
                } else {
                    Err(ReadError::Truncated)
                });
            }
        }
    }

    /// Reads a response head in place of what is in `head`. After an informational one (but 101) call again.
    pub(crate) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        method: &Method,
        head: &mut ResponseHead,
        limits: HeadLimits,
    ) -> Poll<Result<ParsedResponse, ReadError>> {
        loop {
            if self.input.is_head_due(limits.bytes)
                && let Some(parsed) = parse_response(self.input.bytes(), method, head, limits)?
            {
                self.input.consume(parsed.len);
                self.begin_reading(parsed.framing);
                if head.status.is_informational() {
                    self.reading = Reading::Head;
                }
                return Poll::Ready(Ok(parsed));
            }
            if ready!(self.input.poll_fill(&mut self.io, cx))? == 0 {
                return Poll::Ready(Err(ReadError::Truncated));
            }
        }
    }

    /// The next bytes of the body; `None` when it is over and [`Connection::trailers`] are complete.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<&[u8]>, ReadError>> {
        let len = loop {
            match self.reading {
                Reading::Head | Reading::Done => return Poll::Ready(Ok(None)),
                Reading::Length(left) if !self.input.is_empty() => {
                    let len = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(self.input.bytes().len());
                    let left = left - len as u64;
                    self.reading = if left == 0 {
                        Reading::Done
                    } else {
                        Reading::Length(left)
                    };
                    break len;
                }
                Reading::UntilClose if !self.input.is_empty() => break self.input.bytes().len(),
                Reading::Chunked(mut decoder) => {
                    let step = decoder.decode(self.input.bytes(), &mut self.trailers)?;
                    self.reading = Reading::Chunked(decoder);
                    match step {
                        Chunked::Data { skip, take } => {
                            self.input.consume(skip);
                            break take;
                        }
                        Chunked::End(skip) => {
                            self.input.consume(skip);
                            self.reading = Reading::Done;
                            return Poll::Ready(Ok(None));
                        }
                        Chunked::More(skip) => self.input.consume(skip),
                    }
                }
                Reading::Length(_) | Reading::UntilClose => {}
            }
            if ready!(self.input.poll_fill(&mut self.io, cx))? == 0 {
                if self.reading != Reading::UntilClose {
                    return Poll::Ready(Err(ReadError::Truncated));
                }
                self.reading = Reading::Done;
            }
        };
        Poll::Ready(Ok(Some(self.input.take(len))))
    }

    /// Whether the message being read is over.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.reading, Reading::Done)
    }

    /// Whether the message being written is over.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.writing, Writing::Head)
    }

    /// Whether the kernel has taken everything that was queued; TLS may hold some of what it took itself.
    pub(crate) fn is_flushed(&self) -> bool {
        self.output.is_flushed()
    }

    /// Queues a request head.
    pub(crate) fn send_request(
        &mut self,
        head: &RequestHead,
        framing: Framing,
        persistence: Persistence,
    ) {
        encode::request(head, framing, persistence, self.output.queue());
        self.begin_writing(framing);
    }

    /// Queues a response head; an informational one opens no message.
    pub(crate) fn send_response(
        &mut self,
        head: &ResponseHead,
        framing: Framing,
        persistence: Persistence,
    ) {
        encode::response(head, framing, persistence, self.output.queue());
        if !head.status.is_informational() {
            self.begin_writing(framing);
        }
    }

    /// Queues bytes of the body; large ones may go out at once.
    pub(crate) fn send_data(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Result<(), WriteError> {
        match &mut self.writing {
            Writing::Head | Writing::NoBody => return Ok(()),
            Writing::UntilClose => self.output.send(&mut self.io, cx, data)?,
            Writing::Length(left) => {
                *left = left
                    .checked_sub(data.len() as u64)
                    .ok_or(WriteError::LengthMismatch)?;
                self.output.send(&mut self.io, cx, data)?;
            }
            // An empty chunk would end the body.
            Writing::Chunked if data.is_empty() => {}
            Writing::Chunked => {
                encode::chunk_size(data.len(), self.output.queue());
                self.output.send(&mut self.io, cx, data)?;
                self.output.queue().extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    /// Queues the end of the message.
    pub(crate) fn send_end(&mut self, trailers: &Fields) -> Result<(), WriteError> {
        match std::mem::replace(&mut self.writing, Writing::Head) {
            Writing::Length(left) if left > 0 => return Err(WriteError::LengthMismatch),
            Writing::Chunked => encode::last_chunk(trailers, self.output.queue()),
            Writing::Head | Writing::NoBody | Writing::Length(_) | Writing::UntilClose => {}
        }
        Ok(())
    }

    /// Ready when more of a body may be queued.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.has_room() {
            Poll::Ready(Ok(()))
        } else {
            self.poll_flush(cx)
        }
    }

    /// Writes everything that is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.poll_flush(&mut self.io, cx)
    }

    /// Ends the sending side, after what is queued.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        std::pin::Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Whether the bytes to come begin with `preface`; nothing is used up.
    pub(crate) fn poll_preface(
        &mut self,
        cx: &mut Context<'_>,
        preface: &[u8],
    ) -> Poll<io::Result<bool>> {
        loop {
            let bytes = self.input.bytes();
            let compared = bytes.len().min(preface.len());
            if bytes[..compared] != preface[..compared] {
                return Poll::Ready(Ok(false));
            }
            if compared == preface.len() {
                return Poll::Ready(Ok(true));
            }
            if ready!(self.input.poll_fill(&mut self.io, cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// From now on both directions are bytes without messages.
    pub(crate) fn begin_tunnel(&mut self) {
        self.reading = Reading::UntilClose;
        self.writing = Writing::UntilClose;
    }

    /// Ready when the other side has closed, while no message is expected from it. Bytes of its next message are
    /// kept, and end the watch.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.input.is_empty() {
            return Poll::Pending;
        }
        match self.input.poll_fill(&mut self.io, cx) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
        }
    }

    /// Reads and drops what comes; ready at the end of the stream, or with the number of bytes dropped at once.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.consume(self.input.bytes().len());
        self.input.poll_fill(&mut self.io, cx)
    }

    fn begin_reading(&mut self, framing: Framing) {
        self.trailers.clear();
        self.reading = match framing {
            Framing::Empty => Reading::Done,
            Framing::Length(length) => Reading::Length(length),
            Framing::Chunked => Reading::Chunked(ChunkDecoder::default()),
            Framing::UntilClose => Reading::UntilClose,
        };
    }

    fn begin_writing(&mut self, framing: Framing) {
        self.writing = match framing {
            Framing::Empty => Writing::NoBody,
            Framing::Length(length) => Writing::Length(length),
            Framing::Chunked => Writing::Chunked,
            Framing::UntilClose => Writing::UntilClose,
        };
    }
}

impl Connection<crate::transport::Stream> {
    /// Ready when a read may return something; takes no buffer.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_input() {
            Poll::Ready(Ok(()))
        } else {
            self.io.poll_read_ready(cx)
        }
    }

    /// Whether nothing has come, neither bytes nor the end.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.poll_readable(&mut cx).is_pending()
    }
}

#[cfg(test)]
mod tests;
