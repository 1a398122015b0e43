//! A body from one leg to the other, without buffering more than the receiver takes.

use std::task::{Context, Poll};

use super::leg::{Leg, LegError, Piece};

/// The progress of one body.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    ended: bool,
    /// Bytes of the body that have passed.
    pub(crate) bytes: u64,
    /// What has passed, for another attempt.
    pub(crate) replay: Replay,
}

/// A bounded copy of a body.
#[derive(Debug, Default)]
pub(crate) enum Replay {
    /// Nothing is kept.
    #[default]
    Off,
    /// All of the body so far, up to the limit.
    Kept {
        /// The bytes.
        bytes: Vec<u8>,
        /// How many may be kept.
        limit: usize,
    },
    /// The body outgrew the limit: there is no way back.
    Lost,
}

/// Which side of a body failed.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The leg that reads.
    Source(LegError),
    /// The leg that writes.
    Sink(LegError),
}

impl Replay {
    fn keep(&mut self, data: &[u8]) {
        match self {
            Self::Kept { bytes, limit } if bytes.len() + data.len() <= *limit => {
                bytes.extend_from_slice(data)
            }
            Self::Kept { .. } => *self = Self::Lost,
            Self::Off | Self::Lost => {}
        }
    }
}

impl Pump {
    /// A body of which up to `limit` bytes are kept for another attempt.
    pub(crate) fn keeping(limit: usize) -> Self {
        Self {
            replay: Replay::Kept {
                bytes: Vec::new(),
                limit,
            },
            ..Self::default()
        }
    }

    /// Whether the body has ended at its source.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Moves what can be moved. Ready when the body has ended and is written.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Leg,
        sink: &mut Leg,
    ) -> Poll<Result<(), PumpError>> {
        while !self.ended {
            match sink.poll_room(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Sink(error))),
                Poll::Pending => return Poll::Pending,
            }
            match source.poll_data(cx) {
                Poll::Ready(Ok(Some(piece))) => {
                    let count = self.pass(cx, piece, sink)?;
                    source.release(count);
                    // Then the end leaves with the last bytes.
                    if source.is_read() {
                        self.end(source, sink)?;
                    }
                }
                Poll::Ready(Ok(None)) => self.end(source, sink)?,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Source(error))),
                Poll::Pending => break,
            }
        }
        match sink.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Sink(error))),
            Poll::Ready(Ok(())) if self.ended => Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    fn end(&mut self, source: &Leg, sink: &mut Leg) -> Result<(), PumpError> {
        self.ended = true;
        sink.send_end(source.trailers()).map_err(PumpError::Sink)
    }

    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        piece: Piece<'_>,
        sink: &mut Leg,
    ) -> Result<usize, PumpError> {
        let count = piece.as_slice().len();
        self.bytes += count as u64;
        self.replay.keep(piece.as_slice());
        sink.send_data(cx, piece).map_err(PumpError::Sink)?;
        Ok(count)
    }
}
