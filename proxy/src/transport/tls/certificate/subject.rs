//! Distinguished names as text (RFC 2253): most specific part first, special characters escaped.

use super::NotACertificate;
use super::der::{Der, Tag};
use std::fmt::Write as _;

/// Attribute types with a short name of their own (RFC 2253 section 2.3 and what OpenSSL adds to it).
const SHORT_NAMES: [(&[u8], &str); 11] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "DC",
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],
        "emailAddress",
    ),
];

/// The name whose `RDNSequence` content this is.
pub(super) fn to_text(sequence: &[u8]) -> Result<String, NotACertificate> {
    let mut parts = Vec::new();
    let mut sequence = Der::new(sequence);
    while !sequence.is_empty() {
        let mut set = Der::new(sequence.expect(Tag::SET, "name part")?);
        let mut part = String::new();
        while !set.is_empty() {
            if !part.is_empty() {
                part.push('+');
            }
            attribute(set.expect(Tag::SEQUENCE, "name attribute")?, &mut part)?;
        }
        parts.push(part);
    }
    parts.reverse();
    Ok(parts.join(","))
}

fn attribute(bytes: &[u8], out: &mut String) -> Result<(), NotACertificate> {
    let mut attribute = Der::new(bytes);
    let id = attribute.expect(Tag::OBJECT_ID, "attribute type")?;
    let (tag, value) = attribute.any("attribute value")?;
    match SHORT_NAMES.iter().find(|(known, _)| *known == id) {
        Some((_, name)) => out.push_str(name),
        None => out.push_str(&dotted(id)),
    }
    out.push('=');
    escape(&decode(tag, value), out);
    Ok(())
}

fn decode(tag: Tag, value: &[u8]) -> String {
    if tag == Tag::BMP_STRING {
        let units: Vec<u16> = value
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        return String::from_utf16_lossy(&units);
    }
    String::from_utf8_lossy(value).into_owned()
}

/// Escapes as RFC 2253 section 2.4 says; control characters become `\XX`.
fn escape(text: &str, out: &mut String) {
    let last = text.chars().count().saturating_sub(1);
    for (at, char) in text.chars().enumerate() {
        let special = matches!(char, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (char == ' ' && (at == 0 || at == last))
            || (char == '#' && at == 0);
        if char.is_ascii_control() {
            let _ = write!(out, "\\{:02X}", u32::from(char));
            continue;
        }
        if special {
            out.push('\\');
        }
        out.push(char);
    }
}

/// An object identifier in dotted form.
fn dotted(id: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0u64;
    for byte in id {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let Some((first, rest)) = numbers.split_first() else {
        return String::new();
    };
    let top = (*first / 40).min(2);
    let mut out = format!("{top}.{}", first - top * 40);
    for number in rest {
        let _ = write!(out, ".{number}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, u8::try_from(value.len()).unwrap()];
        out.extend(value);
        out
    }

    fn part(id: &[u8], value: &str) -> Vec<u8> {
        let attribute = [tlv(0x06, id), tlv(0x0c, value.as_bytes())].concat();
        tlv(0x31, &tlv(0x30, &attribute))
    }

    #[test]
    fn most_specific_part_comes_first_and_specials_are_escaped() {
        let name = [
            part(&[0x55, 4, 10], "Acme, Inc."),
            part(&[0x55, 4, 3], " a+b"),
        ]
        .concat();
        assert_eq!(to_text(&name).unwrap(), "CN=\\ a\\+b,O=Acme\\, Inc.");
    }

    #[test]
    fn unknown_attribute_types_are_dotted() {
        let name = part(&[0x2a, 0x86, 0x48, 1], "x");
        assert_eq!(to_text(&name).unwrap(), "1.2.840.1=x");
        assert_eq!(to_text(&[]).unwrap(), "");
    }
}
