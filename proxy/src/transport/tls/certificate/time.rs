//! The two time formats of certificates (RFC 5280 section 4.1.2.5), always in UTC.

use super::der::Tag;
use super::{NotACertificate, from_unix};
use std::time::SystemTime;

const BAD: NotACertificate = NotACertificate("a time that is not in the form of RFC 5280");

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
pub(super) fn parse(tag: Tag, text: &[u8]) -> Result<SystemTime, NotACertificate> {
    let digits = text.strip_suffix(b"Z").ok_or(BAD)?;
    let (year, rest) = match (tag, digits.len()) {
        (Tag::UTC_TIME, 12) => {
            let year = number(&digits[..2])?;
            let century = if year >= 50 { 1900 } else { 2000 };
            (century + year, &digits[2..])
        }
        (Tag::GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
        _ => return Err(BAD),
    };
    let mut fields = [0; 5];
    for (field, pair) in fields.iter_mut().zip(rest.chunks(2)) {
        *field = number(pair)?;
    }
    let [month, day, hour, minute, second] = fields;
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !in_range || second > 59 {
        return Err(BAD);
    }
    let days = days_since_1970(year, month, day).ok_or(BAD)?;
    Ok(from_unix(
        days * 86_400 + hour * 3_600 + minute * 60 + second,
    ))
}

fn number(digits: &[u8]) -> Result<u64, NotACertificate> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u64::from(digit - b'0'))
            .ok_or(BAD)
    })
}

/// Days of the Gregorian calendar; `None` before 1970, which no certificate of use to us has.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    // The year begins in March, so that the leap day is its last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    (year * 365 + leap_days + day_of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_seconds_since_1970() {
        let table: [(Tag, &[u8], u64); 4] = [
            (Tag::UTC_TIME, b"700101000000Z", 0),
            (Tag::UTC_TIME, b"261121152959Z", 1_795_274_999),
            (Tag::GENERALIZED_TIME, b"20000229120000Z", 951_825_600),
            (Tag::GENERALIZED_TIME, b"99991231235959Z", 253_402_300_799),
        ];
        for (tag, text, seconds) in table {
            assert_eq!(parse(tag, text), Ok(from_unix(seconds)));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            &b"20261121152959"[..],
            b"20261321152959Z",
            b"2026112115295xZ",
        ] {
            assert_eq!(parse(Tag::GENERALIZED_TIME, text), Err(BAD));
        }
    }
}
