//! Durations as they are written in configuration: `10s`, `0.5s`, `1m30s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration as StdDuration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Protobuf's limit, about ten thousand years.
const MAX_SECONDS: u64 = 315_576_000_000;

/// A duration of configuration. Reads protobuf's JSON form (`1.5s`) and Go's (`1m30s`), prints protobuf's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub StdDuration);

impl Duration {
    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(StdDuration::from_secs(seconds))
    }

    /// Whole milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(StdDuration::from_millis(milliseconds))
    }

    /// The duration itself.
    pub const fn get(self) -> StdDuration {
        self.0
    }
}

impl From<Duration> for StdDuration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration: {why}; write it as `10s`, `0.5s`, `250ms` or `1m30s`")]
pub struct InvalidDuration {
    text: String,
    why: &'static str,
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        parse(text).map(Self).map_err(|why| InvalidDuration {
            text: text.to_owned(),
            why,
        })
    }
}

fn parse(text: &str) -> Result<StdDuration, &'static str> {
    if text == "0" {
        return Ok(StdDuration::ZERO);
    }
    if text.is_empty() {
        return Err("it is empty");
    }
    let (mut rest, mut nanos) = (text, 0_u128);
    while !rest.is_empty() {
        let (part, after) = take_part(rest)?;
        nanos += part;
        rest = after;
        if nanos > u128::from(MAX_SECONDS) * 1_000_000_000 {
            return Err("it is longer than ten thousand years");
        }
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| "it is too long")?;
    let below = u32::try_from(nanos % 1_000_000_000).map_err(|_| "it is too long")?;
    Ok(StdDuration::new(seconds, below))
}

/// One `NUMBER UNIT` off the front, in nanoseconds.
fn take_part(text: &str) -> Result<(u128, &str), &'static str> {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err("a number was expected");
    }
    if whole.len() > 19 || fraction.len() > 9 {
        return Err("a number has too many digits");
    }
    let unit_end = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let scale = nanos_of(unit).ok_or("the unit is none of ns, us, ms, s, m, h")?;
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| "the number is too large")?
    };
    let fraction: u128 = format!("{fraction:0<9}")
        .parse()
        .map_err(|_| "the fraction is too long")?;
    Ok((whole * scale + fraction * scale / 1_000_000_000, rest))
}

fn nanos_of(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if nanos == 0 {
            return write!(f, "{seconds}s");
        }
        let fraction = format!("{nanos:09}");
        write!(f, "{seconds}.{}s", fraction.trim_end_matches('0'))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_prints_protobufs() {
        let cases = [
            ("10s", "10s"),
            ("0s", "0s"),
            ("0", "0s"),
            ("0.5s", "0.5s"),
            ("1.000000001s", "1.000000001s"),
            ("250ms", "0.25s"),
            ("1m30s", "90s"),
            ("1h1m1.5s", "3661.5s"),
            ("5us", "0.000005s"),
            (".5s", "0.5s"),
        ];
        for (text, printed) in cases {
            let duration: Duration = text.parse().expect(text);
            assert_eq!(duration.to_string(), printed);
            assert_eq!(printed.parse(), Ok(duration));
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1 s",
            "1x",
            "1s2",
            "..5s",
            "99999999999999999999s",
            "400000000000s",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
