//! A reader for DER (ITU-T X.690): tag, length, value; definite lengths in their shortest form only.

use super::NotACertificate;

/// The identifier octet of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(pub(super) u8);

impl Tag {
    pub(super) const BOOLEAN: Tag = Tag(0x01);
    pub(super) const INTEGER: Tag = Tag(0x02);
    pub(super) const OCTET_STRING: Tag = Tag(0x04);
    pub(super) const OBJECT_ID: Tag = Tag(0x06);
    pub(super) const BMP_STRING: Tag = Tag(0x1e);
    pub(super) const UTC_TIME: Tag = Tag(0x17);
    pub(super) const GENERALIZED_TIME: Tag = Tag(0x18);
    pub(super) const SEQUENCE: Tag = Tag(0x30);
    pub(super) const SET: Tag = Tag(0x31);

    /// The tag of a field that is known by its number.
    pub(super) const fn context(number: u8, constructed: bool) -> Tag {
        Tag(0x80 | if constructed { 0x20 } else { 0 } | number)
    }
}

/// Bytes still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value with its tag.
    pub(super) fn any(&mut self, what: &'static str) -> Result<(Tag, &'a [u8]), NotACertificate> {
        let (tag, header, length) = self.header().ok_or(NotACertificate(what))?;
        let value = &self.0[header..header + length];
        self.0 = &self.0[header + length..];
        Ok((tag, value))
    }

    /// The next value, which must have this tag.
    pub(super) fn expect(
        &mut self,
        tag: Tag,
        what: &'static str,
    ) -> Result<&'a [u8], NotACertificate> {
        match self.any(what)? {
            (found, value) if found == tag => Ok(value),
            _ => Err(NotACertificate(what)),
        }
    }

    /// The next value with its header, which must have this tag.
    pub(super) fn whole(
        &mut self,
        tag: Tag,
        what: &'static str,
    ) -> Result<&'a [u8], NotACertificate> {
        let all = self.0;
        self.expect(tag, what)?;
        Ok(&all[..all.len() - self.0.len()])
    }

    /// The next value if it has this tag.
    pub(super) fn optional(&mut self, tag: Tag) -> Result<Option<&'a [u8]>, NotACertificate> {
        match self.0.first() {
            Some(first) if *first == tag.0 => self.expect(tag, "optional field").map(Some),
            _ => Ok(None),
        }
    }

    /// Tag, length of the header and length of the value, if all of it is there.
    fn header(&self) -> Option<(Tag, usize, usize)> {
        let tag = *self.0.first()?;
        let first = *self.0.get(1)?;
        let (header, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            0x81..=0x83 => {
                let octets = usize::from(first & 0x7f);
                let digits = self.0.get(2..2 + octets)?;
                let length = digits
                    .iter()
                    .fold(0, |length, digit| length << 8 | usize::from(*digit));
                (length > 0x7f && digits[0] != 0).then_some((2 + octets, length))?
            }
            _ => return None,
        };
        (tag & 0x1f != 0x1f && self.0.len() - header >= length).then_some((
            Tag(tag),
            header,
            length,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_shortest_and_within_bounds() {
        let good: [&[u8]; 3] = [
            &[0x30, 0x00],
            &[0x30, 0x01, 0xff],
            &[&[0x30, 0x81, 0x80][..], &[0; 128]].concat(),
        ];
        for bytes in good {
            assert!(Der::new(bytes).expect(Tag::SEQUENCE, "x").is_ok());
        }
        let bad: [&[u8]; 6] = [
            &[],
            &[0x30],
            &[0x30, 0x02, 0x00],
            &[0x30, 0x80, 0x00, 0x00],
            &[0x30, 0x81, 0x01, 0x00],
            &[0x30, 0x84, 0x00, 0x00, 0x00, 0x00],
        ];
        for bytes in bad {
            assert!(Der::new(bytes).any("x").is_err(), "{bytes:?}");
        }
    }
}
