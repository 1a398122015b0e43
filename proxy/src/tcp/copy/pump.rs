//! One direction of a copy.

use super::pipe::Pipe;
use super::{pinned, spliceable};
use crate::transport::buffer::{self, Buffer, Size};
use crate::transport::{Raw, Stream};
use crate::worker;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

/// From this many bytes in one read on, the next are spliced: below it a pipe costs more than a copy.
const SPLICE_FROM: usize = 16 * 1024;

/// How many bytes one turn moves; then everybody else on this worker has theirs, and its sockets are looked at. It is
/// about 100 µs where TLS seals them, and two of the largest pieces, so that the turns themselves cost nothing.
pub(super) const TURN: u64 = 512 * 1024;

/// Which side of a direction broke.
#[derive(Debug)]
pub(super) enum Failed {
    /// The side we read from.
    Reading(io::Error),
    /// The side we write to.
    Writing(io::Error),
}

/// One direction: what it holds and how far it is.
#[derive(Debug, Default)]
pub(super) struct Pump {
    held: Held,
    moved: u64,
    /// Bytes of the last piece; the next one probably has as many.
    last: usize,
    /// Something was written that may still sit in a buffer of TLS.
    unflushed: bool,
    stage: Stage,
}

/// Bytes on their way; nothing is held while waiting for more.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Copied(Box<Buffer>),
    Spliced {
        pipe: Pipe,
        bytes: usize,
    },
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// The reading side is done; the writing side is told.
    Closing,
    Closed,
}

impl Pump {
    /// Bytes written so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// Moves what can be moved in one turn; ready when the direction is closed.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<Result<(), Failed>> {
        let turn_ends = self.moved + TURN;
        loop {
            if self.moved >= turn_ends {
                worker::step_aside(cx);
                return Poll::Pending;
            }
            if !matches!(self.held, Held::Nothing) {
                ready!(self.write(cx, to)).map_err(Failed::Writing)?;
                continue;
            }
            match self.stage {
                Stage::Closed => return Poll::Ready(Ok(())),
                Stage::Closing => {
                    let told = ready!(pinned(to).poll_shutdown(cx));
                    told.or_else(closed_anyway)?;
                    self.stage = Stage::Closed;
                }
                Stage::Open => {
                    let read = self.read(cx, from, to);
                    if read.map_err(Failed::Reading)?.is_pending() {
                        ready!(self.flush(cx, to)).map_err(Failed::Writing)?;
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn read(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<io::Result<()>> {
        ready!(from.poll_read_ready(cx))?;
        let splicing = if self.last >= SPLICE_FROM {
            spliceable(from, to)
        } else {
            None
        };
        // Where the process may have no more pipes, bytes still pass as copies.
        let count = match splicing.and_then(|raw| Some((raw, Pipe::take().ok()?))) {
            Some((raw, pipe)) => ready!(self.splice_in(cx, raw, pipe))?,
            None => ready!(self.copy_in(cx, from, to))?,
        };
        self.last = count;
        if count == 0 {
            self.release();
            self.stage = Stage::Closing;
        }
        Poll::Ready(Ok(()))
    }

    fn splice_in(
        &mut self,
        cx: &mut Context<'_>,
        from: &Raw,
        pipe: Pipe,
    ) -> Poll<io::Result<usize>> {
        match pipe.poll_fill(cx, from) {
            Poll::Ready(Ok(bytes)) => {
                self.held = Held::Spliced { pipe, bytes };
                Poll::Ready(Ok(bytes))
            }
            unfilled @ (Poll::Ready(Err(_)) | Poll::Pending) => {
                pipe.give_back();
                unfilled
            }
        }
    }

    fn copy_in(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        let size = Size::after(self.last);
        let mut buffer = buffer::take(size);
        let mut into = ReadBuf::new(&mut buffer.spare()[..to.at_once(size)]);
        let polled = pinned(from).poll_read(cx, &mut into);
        let count = into.filled().len();
        if !matches!(polled, Poll::Ready(Ok(()))) {
            buffer::give_back(buffer);
            ready!(polled)?;
            return Poll::Ready(Ok(0));
        }
        buffer.filled(count);
        self.held = Held::Copied(buffer);
        Poll::Ready(Ok(count))
    }

    fn write(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<io::Result<()>> {
        let (count, left) = match &mut self.held {
            Held::Nothing => return Poll::Ready(Ok(())),
            Held::Copied(buffer) => {
                let count = ready!(pinned(to).poll_write(cx, buffer.bytes()))?;
                buffer.consume(count);
                (count, buffer.bytes().len())
            }
            Held::Spliced { pipe, bytes } => {
                let count = ready!(pipe.poll_empty(cx, to.raw(), *bytes))?;
                *bytes -= count;
                (count, *bytes)
            }
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.moved += count as u64;
        self.unflushed = true;
        if left == 0 {
            self.release();
        }
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(pinned(to).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Gives back whatever holds no bytes any more.
    fn release(&mut self) {
        match std::mem::take(&mut self.held) {
            Held::Nothing => {}
            Held::Copied(buffer) => buffer::give_back(buffer),
            Held::Spliced { pipe, .. } => pipe.give_back(),
        }
    }
}

/// A peer that is gone already need not be told that we are done.
fn closed_anyway(error: io::Error) -> Result<(), Failed> {
    let gone = [io::ErrorKind::NotConnected, io::ErrorKind::BrokenPipe];
    if gone.contains(&error.kind()) {
        return Ok(());
    }
    Err(Failed::Writing(error))
}
