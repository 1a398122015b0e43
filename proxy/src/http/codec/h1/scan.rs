//! The bytes of a head: which may stand where, and where lines end. Source: RFC 9112 sections 2.2, 3, 4 and 5.
//!
//! Lines are looked for eight bytes at a time or more; names are looked at twice, for their colon and for what they are.
//! Nothing but CR LF ends a line, no field goes on in a second line, and a name is a token right before its colon.

use super::parse::InvalidHead;
use crate::http::head::name::is_token;
use crate::http::head::{KnownName, Version};

/// The front of the input, up to the byte that is read next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// Why reading goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// What there is may be the beginning of a head.
    Short,
    /// No more bytes make a head of it.
    Invalid(InvalidHead),
}

impl From<InvalidHead> for Stopped {
    fn from(invalid: InvalidHead) -> Self {
        Self::Invalid(invalid)
    }
}

/// One field and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'b> {
    pub(super) known: Option<KnownName>,
    pub(super) name: &'b [u8],
    /// Without the blanks around it.
    pub(super) value: &'b [u8],
    pub(super) name_at: usize,
    pub(super) value_at: usize,
    /// It stands as we write fields: `name: value`, and the end of the line.
    pub(super) plain: bool,
}

impl<'b> Scanner<'b> {
    /// At the first line of `bytes` that is not empty: such lines before a message are passed over (RFC 9112 section
    /// 2.2).
    pub(super) fn new(bytes: &'b [u8]) -> Result<Self, Stopped> {
        let mut scanner = Self { bytes, at: 0 };
        while let b'\r' | b'\n' = scanner.peek()? {
            scanner.line_end()?;
        }
        Ok(scanner)
    }

    /// At the first line of `bytes`, which is a field or the empty line behind all fields.
    pub(super) fn of_fields(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// All bytes, read or not.
    pub(super) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// The bytes that were read.
    pub(super) fn read(&self) -> &'b [u8] {
        &self.bytes[..self.at]
    }

    fn peek(&self) -> Result<u8, Stopped> {
        self.bytes.get(self.at).copied().ok_or(Stopped::Short)
    }

    fn line_end(&mut self) -> Result<(), Stopped> {
        match &self.bytes[self.at..] {
            [b'\r', b'\n', ..] => {
                self.at += 2;
                Ok(())
            }
            [] | [b'\r'] => Err(Stopped::Short),
            [b'\n', ..] => Err(InvalidHead::BareLineFeed.into()),
            [..] => Err(InvalidHead::Syntax.into()),
        }
    }

    /// The method, target and version of a request.
    pub(super) fn request_line(&mut self) -> Result<(&'b [u8], &'b str, Version), Stopped> {
        let method = self.until_space(|bytes| bytes.iter().position(|byte| !is_token(*byte)))?;
        let target = self.until_space(|bytes| bytes.iter().position(|byte| !is_graphic(*byte)))?;
        let target = std::str::from_utf8(target).map_err(|_| InvalidHead::Syntax)?;
        let version = self.version()?;
        self.line_end()?;
        Ok((method, target, version))
    }

    /// What stands up to a space: all before the first byte that is not of its kind, which `end` finds.
    fn until_space(
        &mut self,
        end: impl FnOnce(&[u8]) -> Option<usize>,
    ) -> Result<&'b [u8], Stopped> {
        let rest = &self.bytes[self.at..];
        let len = end(rest).ok_or(Stopped::Short)?;
        if len == 0 || rest[len] != b' ' {
            return Err(InvalidHead::Syntax.into());
        }
        self.at += len + 1;
        Ok(&rest[..len])
    }

    fn version(&mut self) -> Result<Version, Stopped> {
        const HTTP: &[u8] = b"HTTP/1.";
        let rest = &self.bytes[self.at..];
        let there = rest.len().min(HTTP.len());
        if rest[..there] != HTTP[..there] {
            return Err(InvalidHead::Syntax.into());
        }
        let version = match rest.get(HTTP.len()) {
            Some(b'1') => Version::Http11,
            Some(b'0') => Version::Http10,
            Some(_) => return Err(InvalidHead::Syntax.into()),
            None => return Err(Stopped::Short),
        };
        self.at += HTTP.len() + 1;
        Ok(version)
    }

    /// The version, status and reason of a response. A reason beyond ASCII is as good as none.
    pub(super) fn status_line(
        &mut self,
    ) -> Result<(Version, u16, std::ops::Range<usize>), Stopped> {
        let version = self.version()?;
        if self.peek()? != b' ' {
            return Err(InvalidHead::Syntax.into());
        }
        self.at += 1;
        let mut status = 0;
        for _ in 0..3 {
            let digit = self.peek()?;
            if !digit.is_ascii_digit() {
                return Err(InvalidHead::Syntax.into());
            }
            status = status * 10 + u16::from(digit - b'0');
            self.at += 1;
        }
        let mut reason = self.at..self.at;
        if self.peek()? == b' ' {
            let start = self.at + 1;
            self.at = text_end(self.bytes, start);
            if self.bytes[start..self.at].is_ascii() {
                reason = start..self.at;
            }
        }
        self.line_end()?;
        Ok((version, status, reason))
    }

    /// The next field; `None` at the empty line that ends the head.
    pub(super) fn field(&mut self) -> Result<Option<Line<'b>>, Stopped> {
        if let b'\r' | b'\n' = self.peek()? {
            self.line_end()?;
            return Ok(None);
        }
        let (bytes, name_at) = (self.bytes, self.at);
        let (name, known) = self.name()?;
        let colon = name_at + name.len();
        let mut value_at = colon + 1;
        while let Some(b' ' | b'\t') = bytes.get(value_at) {
            value_at += 1;
        }
        let text_end = text_end(bytes, value_at);
        self.at = text_end;
        self.line_end()?;
        let mut end = text_end;
        while end > value_at && matches!(bytes[end - 1], b' ' | b'\t') {
            end -= 1;
        }
        Ok(Some(Line {
            known,
            name,
            value: &bytes[value_at..end],
            name_at,
            value_at,
            plain: value_at == colon + 2 && bytes[colon + 1] == b' ' && end == text_end,
        }))
    }

    /// The name before the next colon. One that is known is a token.
    fn name(&self) -> Result<(&'b [u8], Option<KnownName>), Stopped> {
        let rest = &self.bytes[self.at..];
        let end = colon(rest);
        let name = &rest[..end.unwrap_or(rest.len())];
        let known = KnownName::find(name);
        if known.is_none() && !name.iter().all(|byte| is_token(*byte)) {
            return Err(InvalidHead::Syntax.into());
        }
        match end {
            Some(0) => Err(InvalidHead::Syntax.into()),
            Some(_) => Ok((name, known)),
            None => Err(Stopped::Short),
        }
    }
}

/// Visible characters, those beyond ASCII among them.
fn is_graphic(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// The high bit of each byte that is zero; above the first such byte others may be marked, too.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The first byte that `marks` marks in a word of eight, and `one` alone, where one does.
fn first(
    bytes: &[u8],
    start: usize,
    marks: impl Fn(u64) -> u64,
    one: impl Fn(u8) -> bool,
) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let (words, tail) = rest.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let marked = marks(u64::from_le_bytes(*word));
        if marked != 0 {
            return Some(start + number * 8 + marked.trailing_zeros() as usize / 8);
        }
    }
    let tail_at = bytes.len() - tail.len();
    tail.iter()
        .position(|byte| one(*byte))
        .map(|at| tail_at + at)
}

fn colon(bytes: &[u8]) -> Option<usize> {
    let colons = ONES * u64::from(b':');
    first(bytes, 0, |word| zeros(word ^ colons), |byte| byte == b':')
}

/// The end of text that begins at `at`: the first control character but the tab, or the end of the input.
fn text_end(bytes: &[u8], mut at: usize) -> usize {
    let spaces = ONES * u64::from(b' ');
    let deletes = ONES * 0x7f;
    let controls = |word: u64| word.wrapping_sub(spaces) & !word & HIGHS | zeros(word ^ deletes);
    loop {
        // Long values sixteen bytes at a time, in a form that the compiler makes one comparison of.
        while let Some(some) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>)
            && !some.iter().fold(false, |found, byte| {
                found | (*byte < b' ') | (*byte == 0x7f)
            })
        {
            at += some.len();
        }
        match first(bytes, at, controls, |byte| byte.is_ascii_control()) {
            Some(tab) if bytes[tab] == b'\t' => at = tab + 1,
            Some(end) => return end,
            None => return bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_bytes_at_a_time_end_where_single_ones_do(bytes in proptest::collection::vec(any::<u8>(), 0..40), at in 0_usize..8) {
            let at = at.min(bytes.len());
            let text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
            let end = at + bytes[at..].iter().take_while(|byte| text(byte)).count();
            prop_assert_eq!(text_end(&bytes, at), end);
            prop_assert_eq!(colon(&bytes), bytes.iter().position(|byte| *byte == b':'));
        }

        #[test]
        fn a_field_is_read_as_httparse_reads_it(line in "[!-~]{0,12}[ \t:]{0,3}[ -~\t\u{80}-\u{ff}\r]{0,24}") {
            let text = format!("GET / HTTP/1.1\r\n{line}\r\n\r\n");
            let mut headers = [httparse::EMPTY_HEADER; 2];
            let mut request = httparse::Request::new(&mut headers);
            let theirs = request.parse(text.as_bytes()).is_ok();
            let mut scanner = Scanner::new(text.as_bytes()).expect("a line");
            scanner.request_line().expect("a request line");
            match scanner.field() {
                Ok(Some(ours)) => {
                    prop_assert!(theirs, "{:?}", ours);
                    let their = &request.headers[0];
                    prop_assert_eq!((ours.name, ours.value), (their.name.as_bytes(), their.value));
                }
                Ok(None) => prop_assert!(line.is_empty()),
                Err(_) => prop_assert!(!theirs, "{line:?}"),
            }
        }
    }
}
