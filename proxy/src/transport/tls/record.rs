//! Records of TLS 1.3 (RFC 8446 section 5) as bytes: opened in place or into the reader's buffer, sealed from the writer's slices into
//! the buffer that is sent. It knows keys and sequence numbers of one direction each; what a record means, others know.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use rustls::{AlertDescription, ConnectionTrafficSecrets, Error, InvalidMessage};
use std::io::IoSlice;
use std::ops::Range;

/// Bytes before what is sealed: type, version, length.
pub(super) const HEADER: usize = 5;
/// Bytes that prove a record, at its end.
const TAG: usize = 16;
/// Bytes by which a sealed record without padding is longer than its content: header, inner type and proof.
const OVERHEAD: usize = HEADER + 1 + TAG;
/// The most content of one record.
pub(super) const MOST: usize = 1 << 14;
/// The most bytes of a record that we seal.
pub(super) const MOST_SEALED: usize = MOST + OVERHEAD;
/// The most sealed bytes of a record, padding included (section 5.2).
const MOST_PAYLOAD: usize = MOST + 256;
/// The most bytes of a record that we open.
pub(super) const MOST_RECORD: usize = HEADER + MOST_PAYLOAD;

/// Types of content.
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// Why nothing of the other side is accepted any more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refused {
    /// What the other side is told; nothing where it said so itself.
    pub(super) alert: Option<AlertDescription>,
    /// What we say of it.
    pub(super) error: Error,
}

/// What was in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inner {
    /// The type of its content.
    pub(super) kind: u8,
    /// Bytes of the content, without type and padding.
    pub(super) length: usize,
}

/// Opens the records of one direction under one key.
#[derive(Debug)]
pub(super) struct Opener(Direction);

/// Seals the records of one direction under one key.
#[derive(Debug)]
pub(super) struct Sealer {
    direction: Direction,
    /// Records that may be sealed under one key.
    limit: u64,
}

/// The key is wiped by the library when this is dropped. What makes nonces is not: without the key it opens nothing.
#[derive(Debug)]
struct Direction {
    key: LessSafeKey,
    iv: Iv,
    sequence: u64,
}

struct Iv([u8; 12]);

impl Refused {
    pub(super) fn with(alert: AlertDescription, error: impl Into<Error>) -> Self {
        Self {
            alert: Some(alert),
            error: error.into(),
        }
    }

    fn undecryptable() -> Self {
        Self::with(AlertDescription::BadRecordMac, Error::DecryptError)
    }

    fn unexpected_type() -> Self {
        Self::with(
            AlertDescription::UnexpectedMessage,
            InvalidMessage::InvalidContentType,
        )
    }
}

/// The length of the first record of `bytes`, with its header, once it is complete.
///
/// # Errors
/// As soon as the header shows a record that cannot be accepted, however much of it is there: one that is not sealed, or too long.
pub(super) fn complete(bytes: &[u8]) -> Result<Option<usize>, Refused> {
    if bytes.first().is_some_and(|kind| *kind != APPLICATION_DATA) {
        return Err(Refused::unexpected_type());
    }
    let Some(&[_, _, _, high, low]) = bytes.first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let payload = usize::from(u16::from_be_bytes([high, low]));
    if payload > MOST_PAYLOAD {
        return Err(Refused::with(
            AlertDescription::RecordOverflow,
            Error::PeerSentOversizedRecord,
        ));
    }
    if payload < TAG {
        return Err(Refused::undecryptable());
    }
    let length = HEADER + payload;
    Ok((bytes.len() >= length).then_some(length))
}

/// The room that a complete record of this length needs to be opened into.
pub(super) fn room_for(length: usize) -> usize {
    length - HEADER - TAG
}

impl Opener {
    /// Opens under these secrets, from this sequence number on.
    pub(super) fn new(sequence: u64, secrets: &ConnectionTrafficSecrets) -> Result<Self, Error> {
        Ok(Self(Direction::new(sequence, secrets)?))
    }

    /// Opens a complete record into `out`, which is as long as [`room_for`] it. Where it is refused, `out` holds nothing of it.
    pub(super) fn open_into(&mut self, record: &[u8], out: &mut [u8]) -> Result<Inner, Refused> {
        let (header, payload) = record.split_at(HEADER);
        let (sealed, tag) = payload.split_at(payload.len() - TAG);
        let nonce = self.0.next().map_err(|_| Refused::undecryptable())?;
        let opened = self
            .0
            .key
            .open_separate_gather(nonce, Aad::from(header), sealed, tag, out);
        opened.map_err(|_| Refused::undecryptable())?;
        inner(out)
    }

    /// Opens a complete record where it is; its content follows the header.
    pub(super) fn open_in_place(&mut self, record: &mut [u8]) -> Result<Inner, Refused> {
        let (header, payload) = record.split_at_mut(HEADER);
        let nonce = self.0.next().map_err(|_| Refused::undecryptable())?;
        let opened = self.0.key.open_in_place(nonce, Aad::from(header), payload);
        inner(opened.map_err(|_| Refused::undecryptable())?)
    }
}

/// What is in an opened record: content, its type, and any number of zeros (section 5.4).
fn inner(opened: &[u8]) -> Result<Inner, Refused> {
    let Some(length) = opened.iter().rposition(|byte| *byte != 0) else {
        return Err(Refused::unexpected_type());
    };
    if opened.len() > MOST + 1 {
        return Err(Refused::with(
            AlertDescription::RecordOverflow,
            Error::PeerSentOversizedRecord,
        ));
    }
    let kind = opened[length];
    Ok(Inner { kind, length })
}

impl Sealer {
    /// Seals under these secrets, from this sequence number on, no more than `limit` records.
    pub(super) fn new(
        sequence: u64,
        secrets: &ConnectionTrafficSecrets,
        limit: u64,
    ) -> Result<Self, Error> {
        let direction = Direction::new(sequence, secrets)?;
        Ok(Self { direction, limit })
    }

    /// The same, for fewer records.
    #[cfg(test)]
    pub(super) fn limited(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Whether half of what may be sealed under this key is: time for the next one.
    pub(super) fn is_worn(&self) -> bool {
        self.direction.sequence >= self.limit / 2
    }

    /// Seals `content` as one record at the beginning of `out`; returns its length.
    ///
    /// # Errors
    /// If no more may be sealed under this key, or `out` is too short.
    pub(super) fn seal(
        &mut self,
        kind: u8,
        content: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let (header, nonce) = self.begin(content.len())?;
        let (out, end) = split(out, content.len())?;
        out[..HEADER].copy_from_slice(&header);
        let sealed = self.direction.key.seal_out_of_place_scatter(
            nonce,
            Aad::from(header),
            content,
            &mut out[HEADER..],
            &[kind],
            end,
        );
        sealed.map_err(|_| Error::EncryptError)?;
        Ok(content.len() + OVERHEAD)
    }

    /// Seals application data that has been put behind the header at the beginning of `out`; returns the record's length.
    fn seal_in_place(&mut self, length: usize, out: &mut [u8]) -> Result<usize, Error> {
        let (header, nonce) = self.begin(length)?;
        let (out, end) = split(out, length)?;
        out[..HEADER].copy_from_slice(&header);
        let sealed = self.direction.key.seal_in_place_scatter(
            nonce,
            Aad::from(header),
            &mut out[HEADER..],
            &[APPLICATION_DATA],
            end,
        );
        sealed.map_err(|_| Error::EncryptError)?;
        Ok(length + OVERHEAD)
    }

    /// Seals as much of `slices` as fits in `out`, as application data in as few records as possible; returns how many bytes were
    /// taken, and how many they have become.
    ///
    /// # Errors
    /// If no more may be sealed under this key.
    pub(super) fn seal_all(
        &mut self,
        slices: &[IoSlice<'_>],
        out: &mut [u8],
    ) -> Result<(usize, usize), Error> {
        let mut left = Gather { slices, taken: 0 };
        let mut total: usize = slices.iter().map(|slice| slice.len()).sum();
        let (mut taken, mut sealed) = (0, 0);
        while total > 0 {
            let room = &mut out[sealed..];
            let length = total.min(MOST).min(room.len().saturating_sub(OVERHEAD));
            // No short record where a full one would do in the next buffer.
            if length == 0 || (length < total.min(MOST) && taken > 0) {
                break;
            }
            sealed += match left.one(length) {
                Some(content) => self.seal(APPLICATION_DATA, content, room)?,
                None => {
                    left.copy_to(&mut room[HEADER..HEADER + length]);
                    self.seal_in_place(length, room)?
                }
            };
            taken += length;
            total -= length;
        }
        Ok((taken, sealed))
    }

    fn begin(&mut self, length: usize) -> Result<([u8; HEADER], Nonce), Error> {
        if self.direction.sequence >= self.limit {
            return Err(Error::EncryptError);
        }
        let payload = u16::try_from(length + 1 + TAG).map_err(|_| Error::EncryptError)?;
        let [high, low] = payload.to_be_bytes();
        Ok(([APPLICATION_DATA, 3, 3, high, low], self.direction.next()?))
    }
}

/// The parts of `out` for header and content, and for inner type and proof.
fn split(out: &mut [u8], length: usize) -> Result<(&mut [u8], &mut [u8]), Error> {
    let record = out
        .get_mut(..length + OVERHEAD)
        .ok_or(Error::EncryptError)?;
    Ok(record.split_at_mut(HEADER + length))
}

impl Direction {
    fn new(sequence: u64, secrets: &ConnectionTrafficSecrets) -> Result<Self, Error> {
        let (algorithm, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return Err(Error::General("a cipher that is not known here".into())),
        };
        // Keys come in room for the longest of them.
        let key = key.as_ref().get(..algorithm.key_len());
        let key = key.and_then(|key| UnboundKey::new(algorithm, key).ok());
        let key = key.ok_or_else(|| Error::General("a key of the wrong length".into()))?;
        let iv = iv.as_ref().try_into();
        Ok(Self {
            key: LessSafeKey::new(key),
            iv: Iv(iv.map_err(|_| Error::General("a nonce of the wrong length".into()))?),
            sequence,
        })
    }

    /// The nonce of the next record (section 5.3); none is made twice.
    fn next(&mut self) -> Result<Nonce, Error> {
        let next = self.sequence.checked_add(1).ok_or(Error::EncryptError)?;
        let mut nonce = self.iv.0;
        for (byte, number) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= number;
        }
        self.sequence = next;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}

impl std::fmt::Debug for Iv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Slices of which the first bytes are taken.
struct Gather<'a> {
    slices: &'a [IoSlice<'a>],
    /// Bytes taken of the first slice.
    taken: usize,
}

impl<'a> Gather<'a> {
    /// The next `length` bytes, if they lie in one slice; they are taken then.
    fn one(&mut self, length: usize) -> Option<&'a [u8]> {
        while let [first, rest @ ..] = self.slices {
            if self.taken < first.len() {
                let range: Range<usize> = self.taken..self.taken + length;
                let bytes = first.get(range)?;
                self.taken += length;
                return Some(bytes);
            }
            (self.slices, self.taken) = (rest, 0);
        }
        None
    }

    /// Takes as many bytes as `to` is long.
    fn copy_to(&mut self, mut to: &mut [u8]) {
        while let [first, rest @ ..] = self.slices
            && !to.is_empty()
        {
            let bytes = &first[self.taken..];
            let count = bytes.len().min(to.len());
            let (now, later) = to.split_at_mut(count);
            now.copy_from_slice(&bytes[..count]);
            to = later;
            self.taken += count;
            if count == bytes.len() {
                (self.slices, self.taken) = (rest, 0);
            }
        }
    }
}
