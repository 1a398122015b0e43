//! Values as parts of JSON strings.

/// Makes the bytes from `start` on what stands for them within a JSON string. They are made that where they stand, so that
/// a value takes no memory of its own.
pub(super) fn escape(out: &mut Vec<u8>, start: usize) {
    if !is_plain(&out[start..]) {
        make_text(out, start);
        replace_special(out, start);
    }
}

/// Makes the bytes from `start` on UTF-8, with a mark in place of what is none.
pub(super) fn make_text(out: &mut Vec<u8>, start: usize) {
    // Takes memory only for what is no UTF-8: hardly anybody sends such.
    if let std::borrow::Cow::Owned(text) = String::from_utf8_lossy(&out[start..]) {
        out.truncate(start);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Whether all bytes are ASCII and may stand for themselves in a JSON string. Eight at a time, the last of them perhaps
/// once more.
fn is_plain(bytes: &[u8]) -> bool {
    match bytes.last_chunk() {
        Some(last) => {
            let mut words = bytes.as_chunks().0.iter();
            words.all(is_plain_word) && is_plain_word(last)
        }
        None => bytes
            .iter()
            .all(|byte| byte.is_ascii() && !is_special(*byte)),
    }
}

/// The same for eight bytes: borrows show which are less than a bound, or zero.
fn is_plain_word(bytes: &[u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(*bytes);
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (word | below(word, b' ') | is(b'"') | is(b'\\')) & HIGH == 0
}

/// Whether a byte of UTF-8 may not stand for itself in a JSON string. Bytes of longer characters may.
fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Replaces the text from `start` on by its form within a JSON string: that is written after it, and moved over it.
fn replace_special(out: &mut Vec<u8>, start: usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let end = out.len();
    // Invariant: what is before `kept` has been written; special bytes are characters of their own
    let mut kept = start;
    for at in start..end {
        let byte = out[at];
        if !is_special(byte) {
            continue;
        }
        out.extend_from_within(kept..at);
        kept = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(control >> 4)]);
                out.push(HEX[usize::from(control & 0xf)]);
            }
        }
    }
    out.extend_from_within(kept..end);
    out.drain(start..end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_in_every_place() {
        for byte in 0..=255 {
            for length in 1..20 {
                for at in 0..length {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    let plain = byte.is_ascii() && !is_special(byte);
                    assert_eq!(is_plain(&bytes), plain, "{byte} at {at} of {length}");
                }
            }
        }
        assert!(is_plain(b"") && is_plain(b" !#[]^~\x7f0123456789"));
    }

    #[test]
    fn what_is_no_text_is_marked() {
        let mut out = b"\"\xff".to_vec();
        escape(&mut out, 1);
        assert_eq!(out, "\"\u{fffd}".as_bytes());
    }
}
