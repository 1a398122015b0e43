//! The first frame of a server, which must be SETTINGS (RFC 9113 section 3.4).

/// The type of SETTINGS frames (RFC 9113 section 6.5).
const SETTINGS: u8 = 4;

/// The flag of SETTINGS that only acknowledge those of the other side.
const ACK: u8 = 1;

/// The bit before the identifier of a stream, which means nothing.
const RESERVED: u32 = 1 << 31;

/// Bytes of a frame's head (RFC 9113 section 4.1).
const HEAD: usize = 9;

/// How much of a server's first frame has come.
#[derive(Debug)]
pub(crate) enum Opening {
    /// So many bytes of its head.
    Head([u8; HEAD], usize),
    /// All but so many bytes of SETTINGS.
    Settings(usize),
    /// Another frame.
    Other,
}

impl Default for Opening {
    fn default() -> Self {
        Self::Head([0; HEAD], 0)
    }
}

impl Opening {
    /// Looks at the next bytes of the server.
    pub(crate) fn look(&mut self, mut bytes: &[u8]) {
        if let Self::Head(head, count) = self {
            let more = bytes.len().min(HEAD - *count);
            head[*count..*count + more].copy_from_slice(&bytes[..more]);
            (*count, bytes) = (*count + more, &bytes[more..]);
            let [high, middle, low, kind, flags, stream @ ..] = *head;
            if *count < HEAD {
                return;
            }
            let own = flags & ACK == 0 && u32::from_be_bytes(stream) & !RESERVED == 0;
            *self = match kind {
                SETTINGS if own => {
                    Self::Settings(u32::from_be_bytes([0, high, middle, low]) as usize)
                }
                _ => Self::Other,
            };
        }
        if let Self::Settings(left) = self {
            *left = left.saturating_sub(bytes.len());
        }
    }

    /// Whether the server's SETTINGS have come.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Settings(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SETTINGS with one of them, and an empty DATA frame.
    const FRAMES: [u8; 24] = [
        0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ];

    #[test]
    fn settings_have_come_with_their_last_byte_however_they_are_cut() {
        for size in 1..=FRAMES.len() {
            let mut opening = Opening::default();
            let mut seen = 0;
            for piece in FRAMES.chunks(size) {
                opening.look(piece);
                seen += piece.len();
                assert_eq!(opening.is_whole(), seen >= 15, "{seen} in pieces of {size}");
            }
        }
    }

    #[test]
    fn another_first_frame_is_never_taken_for_settings() {
        let acknowledgement = [0, 0, 0, 4, 1, 0, 0, 0, 0];
        let of_a_stream = [0, 0, 0, 4, 0, 0, 0, 0, 1];
        for first in [&FRAMES[15..], &acknowledgement, &of_a_stream] {
            let mut opening = Opening::default();
            opening.look(first);
            opening.look(&FRAMES);
            assert!(!opening.is_whole(), "{first:?}");
        }
    }
}
