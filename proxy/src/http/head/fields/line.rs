//! How a field stands in a buffer: as a line of HTTP/1.

use super::KnownName;

/// A part of a message's buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    pub(crate) fn new(start: usize, len: usize) -> Self {
        // Invariant: heads are limited to 8192 KiB (the most that `max_request_headers_kb` may say) and edits to a few
        // values, far below 4 GiB.
        Self {
            start: start as u32,
            len: len as u32,
        }
    }

    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.range()]
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// One field, which stands in the buffer as a line `name: value` with its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) known: Option<KnownName>,
    pub(super) line: u32,
    pub(super) name_len: u32,
    pub(super) value_len: u32,
}

impl Field {
    pub(super) fn name(&self) -> Span {
        Span {
            start: self.line,
            len: self.name_len,
        }
    }

    pub(super) fn value(&self) -> Span {
        Span {
            start: self.line + self.name_len + SEPARATOR.len() as u32,
            len: self.value_len,
        }
    }

    pub(super) fn line(&self) -> std::ops::Range<usize> {
        self.line as usize..self.value().range().end + END.len()
    }
}

pub(super) const SEPARATOR: &[u8] = b": ";
pub(super) const END: &[u8] = b"\r\n";

/// Appends one line of a head or of trailers.
pub(crate) fn write_line(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + SEPARATOR.len() + value.len() + END.len());
    out.extend_from_slice(name);
    out.extend_from_slice(SEPARATOR);
    out.extend_from_slice(value);
    out.extend_from_slice(END);
}

/// Writes `number` in decimal at the end of `digits`.
pub(crate) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}
