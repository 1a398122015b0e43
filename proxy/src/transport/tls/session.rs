//! TLS 1.3 after its handshake: our own records under the keys that the library agreed on. Application data, and what RFC 8446 says
//! of everything else that may come: alerts (section 6), new keys (4.6.3), tickets (4.6.1, not used), and nothing else.

use super::library::Role;
use super::record::{self, Inner, Opener, Refused, Sealer};
use crate::transport::buffer::{ReadAhead, Size};
use keys::Keys;
use rustls::{
    AlertDescription, Error, ExtractedSecrets, HandshakeType, InvalidMessage, PeerMisbehaved,
};
use std::fmt;
use std::io::IoSlice;
use tokio::io::ReadBuf;

mod keys;
#[cfg(test)]
mod tests;

/// Room that application data leaves in the buffer of what is sent: for new keys, an alert and the notice of the end.
pub(super) const RESERVE: usize = 128;

/// The longest handshake message that is put together from several records, as in the library.
const MOST_MESSAGE: usize = 0xffff;

/// Records without content in a row, and new keys and tickets without data between them, that are borne; much as in the library.
const MOST_IDLE: u8 = 32;

/// Warnings that are borne; as in the library.
const MOST_WARNINGS: u8 = 4;

/// What became of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// The reader has got something.
    Data,
    /// It takes more input.
    Nothing,
    /// The other side has sent all.
    Closed,
}

/// One connection.
pub(super) struct Session {
    opener: Opener,
    sealer: Sealer,
    keys: Keys,
    /// Opened where it is, at the beginning of the read buffer.
    ready: usize,
    /// What follows it there of its record.
    behind: usize,
    /// The beginning of a handshake message whose end is in a record to come.
    partial: Vec<u8>,
    /// Found behind data that the reader got first.
    refused: Option<Refused>,
    closed: bool,
    empty: u8,
    /// Tickets and new keys since there was data.
    messages: u8,
    warnings: u8,
    /// The other side asked for new keys and has not got them.
    owes_update: bool,
}

impl Session {
    /// Takes over from the library, which has ended the handshake and has seen nothing that came behind it.
    ///
    /// # Errors
    /// If the library does not give the keys.
    pub(super) fn new(role: Role) -> Result<Self, Error> {
        let (ExtractedSecrets { tx, rx }, keys) = Keys::of(role)?;
        Ok(Self {
            opener: Opener::new(rx.0, &rx.1)?,
            sealer: Sealer::new(tx.0, &tx.1, keys.limit())?,
            keys,
            ready: 0,
            behind: 0,
            partial: Vec::new(),
            refused: None,
            closed: false,
            empty: 0,
            messages: 0,
            warnings: 0,
            owes_update: false,
        })
    }

    /// Whether there is something to read, if only an end, without more input.
    pub(super) fn has_more(&self, incoming: &ReadAhead) -> bool {
        self.ready > 0
            || self.closed
            || self.refused.is_some()
            || !matches!(record::complete(incoming.bytes()), Ok(None))
    }

    /// Opens records into `buf`, as many as fit; the last one in place if it is the first and does not fit.
    ///
    /// # Errors
    /// [`Refused`]; what came before has been read then. Nothing may be opened afterwards.
    pub(super) fn open(
        &mut self,
        incoming: &mut ReadAhead,
        buf: &mut ReadBuf<'_>,
    ) -> Result<Opened, Refused> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        let before = buf.filled().len();
        let result = self.open_all(incoming, buf);
        let opened = buf.filled().len() - before;
        match result {
            Err(refused) if opened > 0 => {
                self.refused = Some(refused);
                Ok(Opened::Data)
            }
            Err(refused) => Err(refused),
            Ok(()) if opened > 0 => Ok(Opened::Data),
            Ok(()) if self.closed => {
                // What follows the end is ignored (section 6.1).
                incoming.consume(incoming.bytes().len());
                Ok(Opened::Closed)
            }
            Ok(()) => Ok(Opened::Nothing),
        }
    }

    /// Until the input is used up, `buf` has got what fits, or the end has come.
    fn open_all(&mut self, incoming: &mut ReadAhead, buf: &mut ReadBuf<'_>) -> Result<(), Refused> {
        let before = buf.filled().len();
        loop {
            if self.ready > 0 {
                self.hand_out(incoming, buf);
            }
            if self.closed || buf.remaining() == 0 {
                return Ok(());
            }
            let Some(length) = record::complete(incoming.bytes())? else {
                return Ok(());
            };
            let room = record::room_for(length);
            if room <= buf.remaining() {
                self.open_into(length, incoming, buf)?;
            } else if room - 1 == buf.remaining() || buf.filled().len() == before {
                // The content may fit though its type does not: full records fill a buffer that was made for them.
                self.open_in_place(length, incoming)?;
            } else {
                return Ok(());
            }
        }
    }

    fn hand_out(&mut self, incoming: &mut ReadAhead, buf: &mut ReadBuf<'_>) {
        let count = self.ready.min(buf.remaining());
        buf.put_slice(&incoming.bytes()[..count]);
        incoming.consume(count);
        self.ready -= count;
        if self.ready == 0 {
            incoming.consume(std::mem::take(&mut self.behind));
        }
    }

    fn open_into(
        &mut self,
        length: usize,
        incoming: &mut ReadAhead,
        buf: &mut ReadBuf<'_>,
    ) -> Result<(), Refused> {
        let room = buf.initialize_unfilled_to(record::room_for(length));
        let inner = self.opener.open_into(&incoming.bytes()[..length], room)?;
        if inner.kind == record::APPLICATION_DATA {
            self.saw_data(inner.length)?;
            buf.advance(inner.length);
        } else {
            self.take(inner, &room[..inner.length])?;
        }
        incoming.consume(length);
        Ok(())
    }

    fn open_in_place(&mut self, length: usize, incoming: &mut ReadAhead) -> Result<(), Refused> {
        let inner = self
            .opener
            .open_in_place(&mut incoming.bytes_mut()[..length])?;
        let content = record::HEADER..record::HEADER + inner.length;
        if inner.kind != record::APPLICATION_DATA {
            self.take(inner, &incoming.bytes()[content])?;
            incoming.consume(length);
            return Ok(());
        }
        self.saw_data(inner.length)?;
        if inner.length == 0 {
            incoming.consume(length);
        } else {
            incoming.consume(record::HEADER);
            self.ready = inner.length;
            self.behind = length - content.end;
        }
        Ok(())
    }

    fn saw_data(&mut self, length: usize) -> Result<(), Refused> {
        self.not_within_a_message()?;
        if length > 0 {
            (self.empty, self.messages) = (0, 0);
            return Ok(());
        }
        self.empty += 1;
        if self.empty > MOST_IDLE {
            return Err(unexpected(PeerMisbehaved::TooManyEmptyFragments));
        }
        Ok(())
    }

    /// Records of other types must not come between the parts of a handshake message (section 5.1).
    fn not_within_a_message(&self) -> Result<(), Refused> {
        if self.partial.is_empty() {
            Ok(())
        } else {
            Err(unexpected(
                PeerMisbehaved::MessageInterleavedWithHandshakeMessage,
            ))
        }
    }

    fn take(&mut self, inner: Inner, content: &[u8]) -> Result<(), Refused> {
        match inner.kind {
            record::ALERT => self.take_alert(content),
            record::HANDSHAKE => self.take_handshake(content),
            _ => Err(unexpected(InvalidMessage::InvalidContentType)),
        }
    }

    /// Everything but the notice of the end and a warning that the user gave up is fatal, whatever its level (section 6).
    fn take_alert(&mut self, content: &[u8]) -> Result<(), Refused> {
        self.not_within_a_message()?;
        if content.is_empty() {
            return Err(unexpected(InvalidMessage::InvalidEmptyPayload));
        }
        let &[level, description] = content else {
            return Err(malformed(InvalidMessage::MissingData(
                "AlertMessagePayload",
            )));
        };
        let description = AlertDescription::from(description);
        let received = Error::AlertReceived(description);
        match (level, description) {
            (1 | 2, AlertDescription::CloseNotify) => self.closed = true,
            (1, AlertDescription::UserCanceled) => {
                self.warnings += 1;
                if self.warnings > MOST_WARNINGS {
                    return Err(unexpected(PeerMisbehaved::TooManyWarningAlertsReceived));
                }
            }
            (1 | 2, _) => {
                return Err(Refused {
                    alert: None,
                    error: received,
                });
            }
            _ => return Err(Refused::with(AlertDescription::IllegalParameter, received)),
        }
        Ok(())
    }

    fn take_handshake(&mut self, content: &[u8]) -> Result<(), Refused> {
        if content.is_empty() {
            return Err(unexpected(InvalidMessage::InvalidEmptyPayload));
        }
        if self.partial.is_empty() {
            let rest = self.take_messages(content)?;
            self.partial.extend_from_slice(rest);
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(content);
            let used = whole.len() - self.take_messages(&whole)?.len();
            // Nothing is kept for the life of the connection.
            self.partial = whole[used..].to_vec();
        }
        Ok(())
    }

    /// Acts on all messages that are complete; returns the rest.
    fn take_messages<'a>(&mut self, mut content: &'a [u8]) -> Result<&'a [u8], Refused> {
        while let Some((&[kind, a, b, c], behind)) = content.split_first_chunk::<4>() {
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            if length > MOST_MESSAGE {
                return Err(malformed(InvalidMessage::HandshakePayloadTooLarge));
            }
            self.check_message(HandshakeType::from(kind), length)?;
            let Some((body, rest)) = behind.split_at_checked(length) else {
                break;
            };
            self.take_message(HandshakeType::from(kind), body, rest.is_empty())?;
            content = rest;
        }
        Ok(content)
    }

    /// Before more of it is put together.
    fn check_message(&self, kind: HandshakeType, length: usize) -> Result<(), Refused> {
        match (kind, &self.keys) {
            (HandshakeType::NewSessionTicket, Keys::Client(_)) => Ok(()),
            (HandshakeType::KeyUpdate, _) if length == 1 => Ok(()),
            (HandshakeType::KeyUpdate, _) => Err(malformed(InvalidMessage::InvalidKeyUpdate)),
            _ => Err(unexpected(Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::NewSessionTicket, HandshakeType::KeyUpdate],
                got_type: kind,
            })),
        }
    }

    /// Acts on a message that passed the check.
    fn take_message(
        &mut self,
        kind: HandshakeType,
        body: &[u8],
        ends_record: bool,
    ) -> Result<(), Refused> {
        self.messages += 1;
        if self.messages > MOST_IDLE {
            return Err(unexpected(PeerMisbehaved::TooManyKeyUpdateRequests));
        }
        if kind == HandshakeType::KeyUpdate {
            self.take_update(body, ends_record)
        } else {
            // Sessions are not resumed: the library would forget a ticket, too.
            Ok(())
        }
    }

    fn take_update(&mut self, body: &[u8], ends_record: bool) -> Result<(), Refused> {
        // What follows would be under the old key and the new one (section 5.1).
        if !ends_record {
            return Err(unexpected(PeerMisbehaved::KeyEpochWithPendingFragment));
        }
        let asks = match body {
            [0] => false,
            [1] => true,
            [_] => {
                return Err(Refused::with(
                    AlertDescription::IllegalParameter,
                    InvalidMessage::InvalidKeyUpdate,
                ));
            }
            _ => return Err(malformed(InvalidMessage::InvalidKeyUpdate)),
        };
        let internal = |error| Refused::with(AlertDescription::InternalError, error);
        let (sequence, secrets) = self.keys.next_to_open().map_err(internal)?;
        self.opener = Opener::new(sequence, &secrets).map_err(internal)?;
        self.owes_update |= asks;
        Ok(())
    }

    /// Seals as much of `slices` as fits into a buffer, behind new keys where it is time for them; returns how much that is.
    ///
    /// # Errors
    /// If nothing may be sealed any more.
    pub(super) fn seal(
        &mut self,
        slices: &[IoSlice<'_>],
        out: &mut ReadAhead,
    ) -> Result<usize, Error> {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let size = if total <= at_once(Size::Usual) {
            Size::Usual
        } else {
            Size::Large
        };
        if self.owes_update || self.sealer.is_worn() {
            self.update(size, out)?;
        }
        let room = out.spare(size);
        let most = room.len().saturating_sub(RESERVE);
        let sealed = self.sealer.seal_all(slices, &mut room[..most]);
        out.filled(sealed.as_ref().map_or(0, |(_, sealed)| *sealed));
        Ok(sealed?.0)
    }

    /// Tells the other side that new keys begin, and begins with them. It is not asked for new ones in turn.
    pub(super) fn update(&mut self, size: Size, out: &mut ReadAhead) -> Result<(), Error> {
        let message = [u8::from(HandshakeType::KeyUpdate), 0, 0, 1, 0];
        self.put(record::HANDSHAKE, &message, size, out)?;
        let (sequence, secrets) = self.keys.next_to_seal()?;
        self.sealer = Sealer::new(sequence, &secrets, self.keys.limit())?;
        self.owes_update = false;
        Ok(())
    }

    /// Seals the notice that we have sent all.
    pub(super) fn close(&mut self, out: &mut ReadAhead) {
        self.alert(1, AlertDescription::CloseNotify, out);
    }

    /// Seals a fatal alert.
    pub(super) fn fail(&mut self, alert: AlertDescription, out: &mut ReadAhead) {
        self.alert(2, alert, out);
    }

    fn alert(&mut self, level: u8, alert: AlertDescription, out: &mut ReadAhead) {
        let message = [level, u8::from(alert)];
        // Without a key to seal it the connection ends without.
        let _unsealed = self.put(record::ALERT, &message, Size::Usual, out);
    }

    /// Seals one record of any type.
    pub(super) fn put(
        &mut self,
        kind: u8,
        content: &[u8],
        size: Size,
        out: &mut ReadAhead,
    ) -> Result<(), Error> {
        let sealed = self.sealer.seal(kind, content, out.spare(size));
        out.filled(sealed.as_ref().map_or(0, |sealed| *sealed));
        sealed.map(|_| ())
    }
}

/// What was received belongs in a log no more than keys.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("opener", &self.opener)
            .field("sealer", &self.sealer)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// The most application data that becomes full records in a buffer of this size.
pub(super) fn at_once(size: Size) -> usize {
    (size.bytes() - RESERVE) / record::MOST_SEALED * record::MOST
}

fn unexpected(error: impl Into<Error>) -> Refused {
    Refused::with(AlertDescription::UnexpectedMessage, error)
}

fn malformed(error: impl Into<Error>) -> Refused {
    Refused::with(AlertDescription::DecodeError, error)
}
