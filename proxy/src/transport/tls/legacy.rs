//! TLS 1.2 after its handshake: the library opens and seals, and its rules hold.

use super::library::{Role, Sinks, Step, Task};
use super::record::{MOST, MOST_RECORD};
use crate::transport::buffer::{ReadAhead, Size};
use rustls::Error;
use std::fmt;
use std::io::IoSlice;
use tokio::io::ReadBuf;

use super::session::Opened;

/// Room that stays in the buffer of what is sent, for what the library adds to a record or has to say in between.
const SPARE: usize = MOST_RECORD + 4096;

/// A connection of TLS 1.2.
pub(super) struct Legacy {
    role: Role,
    /// Opened and not yet asked for, at most what was in one read buffer; bytes before `taken` are gone.
    plaintext: Vec<u8>,
    taken: usize,
    closed: bool,
    /// Why the library goes on no more. It is not asked again: it would tell the other side twice.
    refused: Option<Error>,
}

impl Legacy {
    /// Goes on where the handshake ended.
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            plaintext: Vec::new(),
            taken: 0,
            closed: false,
            refused: None,
        }
    }

    /// Whether there is something to read without more input.
    pub(super) fn has_more(&self, incoming: &ReadAhead) -> bool {
        !self.plaintext.is_empty() || self.closed || self.refused.is_some() || !incoming.is_empty()
    }

    /// Opens records into `buf`.
    pub(super) fn open(
        &mut self,
        incoming: &mut ReadAhead,
        buf: &mut ReadBuf<'_>,
        out: &mut ReadAhead,
    ) -> Result<Opened, Error> {
        if self.plaintext.is_empty() {
            // What came before it is read first.
            let _kept = self.drive(incoming, Task::Wait, out);
        }
        let bytes = &self.plaintext[self.taken..];
        if bytes.is_empty() {
            if let Some(error) = &self.refused {
                return Err(error.clone());
            }
            let opened = if self.closed {
                Opened::Closed
            } else {
                Opened::Nothing
            };
            return Ok(opened);
        }
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        self.taken += count;
        if self.taken == self.plaintext.len() {
            (self.plaintext, self.taken) = (Vec::new(), 0);
        }
        Ok(Opened::Data)
    }

    /// Seals as much of `slices` as fits in a buffer; returns how much that is.
    pub(super) fn seal(
        &mut self,
        slices: &[IoSlice<'_>],
        incoming: &mut ReadAhead,
        out: &mut ReadAhead,
    ) -> Result<usize, Error> {
        let mut taken = 0;
        let size = Size::after(slices.iter().map(|slice| slice.len()).sum());
        for content in slices.iter().flat_map(|slice| slice.chunks(MOST)) {
            if out.spare(size).len() < MOST_RECORD + SPARE {
                break;
            }
            self.drive(incoming, Task::Seal(content), out)?;
            taken += content.len();
        }
        Ok(taken)
    }

    /// Seals the notice that we have sent all.
    pub(super) fn close(&mut self, incoming: &mut ReadAhead, out: &mut ReadAhead) {
        // A connection that is broken has nothing more to say; the next read says why.
        let _kept = self.drive(incoming, Task::Close, out);
    }

    fn drive(
        &mut self,
        incoming: &mut ReadAhead,
        task: Task<'_>,
        out: &mut ReadAhead,
    ) -> Result<(), Error> {
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        loop {
            let mut sinks = Sinks {
                out: &mut *out,
                plaintext: &mut self.plaintext,
            };
            let (used, step) = self.role.step(incoming.bytes_mut(), task, &mut sinks);
            incoming.consume(used);
            match step {
                Ok(Step::Again) => {}
                Ok(Step::PeerClosed) => self.closed = true,
                Ok(Step::Done) => return Ok(()),
                Err(error) => {
                    let mut sinks = Sinks {
                        out: &mut *out,
                        plaintext: &mut self.plaintext,
                    };
                    self.role.last_words(incoming, &mut sinks);
                    self.refused = Some(error.clone());
                    return Err(error);
                }
            }
        }
    }
}

/// What was received belongs in no log.
impl fmt::Debug for Legacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = &self.role;
        f.debug_struct("Legacy")
            .field("role", role)
            .finish_non_exhaustive()
    }
}
