//! Times of access logs, in UTC, without a library: days to dates by the proleptic Gregorian calendar.

use std::cell::RefCell;
use std::time::Duration;

use super::number::{decimal, padded};

/// Appends the time `since` the Unix epoch in a `strftime`-like format with Envoy's `%3f`, `%6f`, `%9f` and `%f`; RFC
/// 3339 with milliseconds when there is none.
pub(crate) fn write(since: Duration, format: Option<&str>, out: &mut Vec<u8>) {
    let Some(format) = format else {
        return write_default(since, out);
    };
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let nanos = since.subsec_nanos();
    // signs other than ASCII pass through byte by byte
    let mut bytes = format.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut put = |parts: &[(u64, usize)], separator: u8| {
            for (at, (value, width)) in parts.iter().enumerate() {
                if at > 0 {
                    out.push(separator);
                }
                padded(*value, *width, out);
            }
        };
        match bytes.next() {
            Some(b'Y') => put(&[(year, 4)], b'-'),
            Some(b'm') => put(&[(month, 2)], b'-'),
            Some(b'd') => put(&[(day, 2)], b'-'),
            Some(b'H') => put(&[(hour, 2)], b':'),
            Some(b'M') => put(&[(minute, 2)], b':'),
            Some(b'S') => put(&[(second, 2)], b':'),
            Some(b'F') => put(&[(year, 4), (month, 2), (day, 2)], b'-'),
            Some(b'T') => put(&[(hour, 2), (minute, 2), (second, 2)], b':'),
            Some(b's') => decimal(seconds, out),
            Some(b'z') => out.extend_from_slice(b"+0000"),
            Some(b'Z') => out.extend_from_slice(b"UTC"),
            Some(b'f') => padded(nanos, 9, out),
            Some(digits @ b'1'..=b'9') => {
                let width = u32::from(digits - b'0');
                // The `f` that follows the number of digits.
                bytes.next();
                padded(nanos / 10_u32.pow(9 - width), width as usize, out);
            }
            Some(other) => out.push(other),
            None => {}
        };
    }
}

thread_local! {
    /// The second that was written last, and its text: the next line is mostly of the same.
    static LAST: RefCell<(u64, Vec<u8>)> = const { RefCell::new((u64::MAX, Vec::new())) };
}

fn write_default(since: Duration, out: &mut Vec<u8>) {
    LAST.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            *second = since.as_secs();
            text.clear();
            write(since, Some("%FT%T."), text);
        }
        out.extend_from_slice(text);
    });
    padded(since.subsec_millis(), 3, out);
    out.push(b'Z');
}

/// Year, month and day of a number of days since 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_of_leap_years_and_fractions() {
        for (seconds, format, expected) in [
            (0, None, "1970-01-01T00:00:00.123Z"),
            (0, None, "1970-01-01T00:00:00.123Z"),
            (951_782_400, None, "2000-02-29T00:00:00.123Z"),
            (951_782_400, Some("%Y-%m-%d"), "2000-02-29"),
            (1_709_164_800, Some("%F %T"), "2024-02-29 00:00:00"),
            (
                1_767_225_599,
                Some("%FT%T.%6fZ"),
                "2025-12-31T23:59:59.123456Z",
            ),
            (5, Some("%s.%3f"), "5.123"),
            (5, Some("ä%Sö%ü"), "ä05öü"),
        ] {
            let mut out = Vec::new();
            write(Duration::new(seconds, 123_456_789), format, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
