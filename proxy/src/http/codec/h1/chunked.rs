//! The chunked coding. Source: RFC 9112 section 7.1.

use super::field::may_trail;
use super::scan::{Scanner, Stopped};
use crate::http::head::Fields;

/// Bytes of a chunk's size line with its extensions.
const LONGEST_SIZE_LINE: usize = 256;
/// Bytes of all trailers.
const LONGEST_TRAILERS: usize = 16 * 1024;
const MOST_TRAILERS: usize = 64;

/// A body that is not in the chunked coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChunk {
    /// The size is no hexadecimal number below 2^60.
    #[error("http1.invalid_chunk_size")]
    Size,
    /// Extensions that are too long or hold control characters.
    #[error("http1.invalid_chunk_extension")]
    Extension,
    /// No CR LF where one must be.
    #[error("http1.invalid_chunk_end")]
    End,
    /// Malformed, too many or too long trailers.
    #[error("http1.invalid_trailers")]
    Trailers,
}

/// The state between two pieces of input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkDecoder {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers(Trailers),
    Done,
}

/// How many trailers have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trailers {
    fields: usize,
    bytes: usize,
}

/// What the front of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunked {
    /// Skip `skip` bytes, then take `take` bytes of the body; decoding goes on behind them.
    Data {
        /// Bytes of the coding.
        skip: usize,
        /// Bytes of the body, at least one.
        take: usize,
    },
    /// Skip so many bytes (perhaps none), then read more.
    More(usize),
    /// Skip so many bytes; the body and its trailers are over.
    End(usize),
}

impl ChunkDecoder {
    /// Decodes the front of `input`; trailers that may go further are appended to `trailers`.
    ///
    /// # Errors
    /// When the coding is broken; the connection must then be closed.
    pub fn decode(&mut self, input: &[u8], trailers: &mut Fields) -> Result<Chunked, InvalidChunk> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match self.state {
                State::Size => match size_line(rest)? {
                    None => return Ok(Chunked::More(at)),
                    Some((0, len)) => {
                        (self.state, at) = (State::Trailers(Trailers::default()), at + len);
                    }
                    Some((size, len)) => (self.state, at) = (State::Data(size), at + len),
                },
                State::Data(_) if rest.is_empty() => return Ok(Chunked::More(at)),
                State::Data(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left - take as u64;
                    self.state = if left == 0 {
                        State::DataEnd
                    } else {
                        State::Data(left)
                    };
                    return Ok(Chunked::Data { skip: at, take });
                }
                State::DataEnd => match rest {
                    [] | [b'\r'] => return Ok(Chunked::More(at)),
                    [b'\r', b'\n', ..] => (self.state, at) = (State::Size, at + 2),
                    _ => return Err(InvalidChunk::End),
                },
                State::Trailers(mut before) => match before.take(rest, trailers)? {
                    None => return Ok(Chunked::More(at)),
                    Some((state, len)) => (self.state, at) = (state, at + len),
                },
                State::Done => return Ok(Chunked::End(at)),
            }
        }
    }
}

/// The size and the length of its line; `None` when the line has not ended.
fn size_line(input: &[u8]) -> Result<Option<(u64, usize)>, InvalidChunk> {
    let digits = input
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    if digits > 15 || (digits == 0 && !input.is_empty()) {
        return Err(InvalidChunk::Size);
    }
    let line = &input[..input.len().min(LONGEST_SIZE_LINE)];
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        extension(&line[digits..])?;
        return if line.len() == LONGEST_SIZE_LINE {
            Err(InvalidChunk::Extension)
        } else {
            Ok(None)
        };
    };
    if end == 0 || line[end - 1] != b'\r' {
        return Err(InvalidChunk::End);
    }
    extension(&line[digits..end])?;
    let number = line[..digits].iter().fold(0_u64, |number, digit| {
        number << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or_default())
    });
    Ok(Some((number, end + 1)))
}

/// Extensions are dropped, but must look like some: `;`, then no control characters before the final CR.
fn extension(rest: &[u8]) -> Result<(), InvalidChunk> {
    let text = rest.strip_suffix(b"\r").unwrap_or(rest);
    match text.first() {
        None => Ok(()),
        Some(b';')
            if text
                .iter()
                .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)) =>
        {
            Ok(())
        }
        Some(b';') => Err(InvalidChunk::Extension),
        Some(_) => Err(InvalidChunk::Size),
    }
}

impl Trailers {
    /// Takes the next line of `input`: its length, and whether more may follow; `None` when the line has not ended.
    fn take(
        &mut self,
        input: &[u8],
        trailers: &mut Fields,
    ) -> Result<Option<(State, usize)>, InvalidChunk> {
        let mut scanner = Scanner::of_fields(input);
        let line = match scanner.field() {
            Ok(line) => line,
            Err(Stopped::Short) if self.bytes + input.len() <= LONGEST_TRAILERS => return Ok(None),
            Err(Stopped::Short | Stopped::Invalid(_)) => return Err(InvalidChunk::Trailers),
        };
        let len = scanner.read().len();
        self.bytes += len;
        if self.bytes > LONGEST_TRAILERS {
            return Err(InvalidChunk::Trailers);
        }
        let Some(line) = line else {
            return Ok(Some((State::Done, len)));
        };
        self.fields += 1;
        if self.fields > MOST_TRAILERS {
            return Err(InvalidChunk::Trailers);
        }
        if may_trail(line.name) {
            trailers.append_raw(line.name, line.value);
        }
        Ok(Some((State::Trailers(*self), len)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::codec::h1::fuzz::{self, decode};

    #[test]
    fn decodes_chunks_extensions_and_trailers() {
        let mut trailers = Fields::default();
        let input = b"3;a=b\r\nabc\r\n0\r\nGrpc-Status: 0\r\nContent-Length: 3\r\n\r\nGET";
        let mut decoder = ChunkDecoder::default();
        assert_eq!(
            decoder.decode(input, &mut trailers),
            Ok(Chunked::Data { skip: 7, take: 3 })
        );
        assert_eq!(
            decoder.decode(&input[10..], &mut trailers),
            Ok(Chunked::End(input.len() - 13))
        );
        assert_eq!(trailers.len(), 1, "framing fields do not trail");
    }

    #[test]
    fn refuses_sizes_and_ends_that_others_might_read_differently() {
        for (input, expected) in [
            ("\r\n", InvalidChunk::Size),
            ("-1\r\n", InvalidChunk::Size),
            ("0x1\r\n", InvalidChunk::Size),
            (" 1\r\n", InvalidChunk::Size),
            ("1 \r\n", InvalidChunk::Size),
            ("1\n", InvalidChunk::End),
            ("1;a\n", InvalidChunk::End),
            ("1;a\rb\r\n", InvalidChunk::Extension),
            ("1;a\0\r\n", InvalidChunk::Extension),
            ("1000000000000000\r\n", InvalidChunk::Size),
            ("1\r\nab", InvalidChunk::End),
            ("1\r\na\n", InvalidChunk::End),
            ("0\r\na : b\r\n\r\n", InvalidChunk::Trailers),
            ("0\r\na: b\n\r\n", InvalidChunk::Trailers),
        ] {
            assert_eq!(decode(&[input.as_bytes()]), Err(expected), "{input:?}");
        }
        let long = format!("1;{}", "a".repeat(300));
        assert_eq!(decode(&[long.as_bytes()]), Err(InvalidChunk::Extension));
    }

    #[test]
    fn trailers_are_limited_in_number_and_size_however_they_come() {
        let wire = |lines: &str| format!("0\r\n{lines}\r\n").into_bytes();
        let most = wire(&"a: b\r\n".repeat(MOST_TRAILERS));
        let long = wire(&format!("a: {}\r\n", "b".repeat(LONGEST_TRAILERS - 7)));
        for (whole, more) in [
            (most, wire(&"a: b\r\n".repeat(MOST_TRAILERS + 1))),
            (
                long,
                wire(&format!("a: {}\r\n", "b".repeat(LONGEST_TRAILERS - 6))),
            ),
        ] {
            let single: Vec<&[u8]> = whole.chunks(1).collect();
            let decoded = decode(&[&whole]).expect("within the limits");
            assert_eq!(decoded.used, Some(whole.len()));
            assert_eq!(decode(&single), Ok(decoded));
            assert_eq!(decode(&[&more]), Err(InvalidChunk::Trailers));
            let single: Vec<&[u8]> = more.chunks(1).collect();
            assert_eq!(decode(&single), Err(InvalidChunk::Trailers));
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            fuzz::chunked(&bytes);
        }

        #[test]
        fn any_chunks_come_out_whole(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6)) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let decoded = decode(&[&wire]).expect("chunks");
            prop_assert_eq!((decoded.body, decoded.used), (chunks.concat(), Some(wire.len())));
            fuzz::chunked(&wire);
        }
    }
}
