//! What requests and responses share: limits, errors, framing.

use super::field::Hops;
use super::scan::{Scanner, Stopped};
use crate::http::head::KnownName;
use crate::http::head::fields::{Part, Received, Span};

/// How the end of a body is known. Source: RFC 9112 section 6.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    Empty,
    /// So many bytes, at least one.
    Length(u64),
    /// `transfer-encoding: chunked`.
    Chunked,
    /// Everything until the connection ends; responses only.
    UntilClose,
}

/// Limits of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the whole head.
    pub bytes: usize,
    /// Number of fields.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            bytes: 60 * 1024,
            fields: 100,
        }
    }
}

/// A head that is refused. The text is Envoy's response code detail where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHead {
    /// Not HTTP/1 at all, a character where none is allowed, or more than 32 fields named by `connection`.
    #[error("http1.codec_error")]
    Syntax,
    /// A line feed without carriage return.
    #[error("http1.bare_line_feed")]
    BareLineFeed,
    /// More bytes than allowed.
    #[error("request_headers_too_large")]
    TooLarge,
    /// More fields than allowed.
    #[error("http1.too_many_headers")]
    TooManyFields,
    /// `content-length` that is no number, given twice, or too large.
    #[error("http1.invalid_content_length")]
    ContentLength,
    /// `content-length` beside `transfer-encoding`.
    #[error("http1.content_length_and_chunked_not_allowed")]
    TwoFramings,
    /// A transfer coding other than a single `chunked`.
    #[error("http1.invalid_transfer_encoding")]
    TransferEncoding,
    /// `transfer-encoding` in HTTP/1.0.
    #[error("http1.transfer_encoding_in_http10")]
    TransferEncodingInHttp10,
    /// No `host`, more than one, or not an authority.
    #[error("missing_host_header")]
    Host,
    /// A target that is neither a path, an absolute URI, `*` for OPTIONS nor an authority for CONNECT.
    #[error("http1.invalid_url")]
    Target,
}

/// The framing fields of one head.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FramingFields {
    pub(super) length: Option<u64>,
    pub(super) coding: Option<Coding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Chunked,
    Unknown,
}

/// Everything that the fields of one head say to this hop.
#[derive(Debug, Default)]
pub(super) struct HopFacts<'b> {
    pub(super) framing: FramingFields,
    pub(super) hops: Hops<'b>,
}

/// Takes over the fields that go beyond this hop (RFC 9110 section 7.6.1), and learns from the others. `host` sees every
/// `host` field. Of a head that is refused those stay that were read, for the access log.
pub(super) fn take_fields<'b>(
    from: &mut Scanner<'b>,
    mut into: Received<'_>,
    limits: HeadLimits,
    host: impl FnMut(&'b [u8]) -> Result<(), InvalidHead>,
) -> Result<HopFacts<'b>, Stopped> {
    let taken = match append_fields(from, &mut into, limits.fields, host) {
        Ok(_) if from.read().len() > limits.bytes => Err(InvalidHead::TooLarge.into()),
        Err(Stopped::Short) if from.bytes().len() >= limits.bytes => {
            Err(InvalidHead::TooLarge.into())
        }
        taken => taken,
    };
    match taken {
        Err(Stopped::Short) => {}
        Ok(_) | Err(Stopped::Invalid(_)) => into.complete(from.read()),
    }
    taken
}

fn append_fields<'b>(
    from: &mut Scanner<'b>,
    into: &mut Received<'_>,
    most: usize,
    mut host: impl FnMut(&'b [u8]) -> Result<(), InvalidHead>,
) -> Result<HopFacts<'b>, Stopped> {
    let mut facts = HopFacts::default();
    let mut count = 0;
    while let Some(line) = from.field()? {
        count += 1;
        if count > most {
            return Err(InvalidHead::TooManyFields.into());
        }
        match line.known {
            Some(KnownName::Host) => {
                host(line.value)?;
                continue;
            }
            Some(KnownName::TransferEncoding) => {
                facts.framing.coding(line.value);
                continue;
            }
            Some(KnownName::Connection) => {
                facts.hops.connection(line.value)?;
                continue;
            }
            Some(KnownName::KeepAlive | KnownName::ProxyConnection) => continue,
            Some(KnownName::Te) if !line.value.eq_ignore_ascii_case(b"trailers") => continue,
            Some(KnownName::ContentLength) => facts.framing.length(line.value)?,
            Some(_) | None => {}
        }
        into.append(Part {
            known: line.known,
            name: Span::new(line.name_at, line.name.len()),
            value: Span::new(line.value_at, line.value.len()),
            plain: line.plain,
        });
    }
    Ok(facts)
}

/// What was read of `len` bytes; `None` when it may go on.
///
/// # Errors
/// When it is invalid, or too long to go on.
pub(super) fn unless_short<T>(
    read: Result<T, Stopped>,
    len: usize,
    limits: HeadLimits,
) -> Result<Option<T>, InvalidHead> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Stopped::Invalid(invalid)) => Err(invalid),
        Err(Stopped::Short) if len >= limits.bytes => Err(InvalidHead::TooLarge),
        Err(Stopped::Short) => Ok(None),
    }
}

impl FramingFields {
    fn length(&mut self, value: &[u8]) -> Result<(), InvalidHead> {
        if self.length.is_some() {
            return Err(InvalidHead::ContentLength);
        }
        self.length = Some(number(value).ok_or(InvalidHead::ContentLength)?);
        Ok(())
    }

    fn coding(&mut self, value: &[u8]) {
        self.coding = Some(match self.coding {
            None if value.eq_ignore_ascii_case(b"chunked") => Coding::Chunked,
            None | Some(_) => Coding::Unknown,
        });
    }
}

/// Digits only, without a sign, blanks or overflow.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
