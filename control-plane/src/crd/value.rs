//! Values with rules of their own: they are valid once they are read.

use super::problem::Invalid;
use crate::model::http_action::PerMillion;
use crate::model::{Created, Name};
use serde::Deserialize;
use std::time::Duration;

/// A port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Port(pub(super) u16);

impl TryFrom<i64> for Port {
    type Error = Invalid;

    fn try_from(value: i64) -> Result<Self, Invalid> {
        match u16::try_from(value) {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(Invalid::new(format_args!(
                "{value} is no port; write a number from 1 to 65535"
            ))),
        }
    }
}

/// A count, 0 to 2^32-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Count(pub(super) u32);

impl TryFrom<i64> for Count {
    type Error = Invalid;

    fn try_from(value: i64) -> Result<Self, Invalid> {
        let count = u32::try_from(value);
        count
            .map(Self)
            .map_err(|_| Invalid::new(format_args!("{value} is out of range; write 0 or more")))
    }
}

/// A share of 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Percent(f64);

impl TryFrom<f64> for Percent {
    type Error = Invalid;

    fn try_from(value: f64) -> Result<Self, Invalid> {
        match (0.0..=100.0).contains(&value) {
            true => Ok(Self(value)),
            false => Err(Invalid::new(format_args!(
                "{value} is no percentage; write 0 to 100"
            ))),
        }
    }
}

impl Percent {
    /// In millionths.
    pub(super) fn per_million(self) -> PerMillion {
        // The value is between 0 and 100, so the product fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        PerMillion((self.0 * 10_000.0).round() as u32)
    }

    /// In whole percents.
    pub(super) fn whole(self) -> u32 {
        self.per_million().0 / 10_000
    }
}

/// A length of time as Go writes it: `1h30m`, `2.5s`, `250ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Time(pub(super) Duration);

impl TryFrom<String> for Time {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        duration(&text).map(Self).ok_or_else(|| {
            Invalid::new(format_args!(
                "`{text}` is no length of time; write for instance 5s, 250ms or 1h30m"
            ))
        })
    }
}

fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() || text.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = tail;
    }
    Some(total)
}

/// A moment as Kubernetes writes it: `2024-05-06T07:08:09Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Timestamp(pub(super) Created);

impl TryFrom<String> for Timestamp {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(format_args!(
                "`{text}` is no moment; write for instance 2024-05-06T07:08:09Z"
            ))
        };
        timestamp(&text)
            .map(|seconds| Self(Created(seconds)))
            .ok_or_else(invalid)
    }
}

fn timestamp(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time
        .split('.')
        .next()?
        .splitn(3, ':')
        .map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let valid = (0..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    valid.then(|| days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar: years are counted from March, so that leap days come last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The name of an object or a namespace: what DNS can carry.
pub(super) fn check_object_name(name: &str) -> Result<(), Invalid> {
    let fits = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter)
    };
    match !name.is_empty() && name.len() <= 253 && name.chars().all(fits) {
        true => Ok(()),
        false => Err(Invalid::new(format_args!(
            "`{name}` is no name of an object; use lower case letters, digits, `-` and `.`"
        ))),
    }
}

/// A host: a DNS name or an address; a leading `*` where wildcards are allowed.
pub(super) fn check_host(host: &str, wildcard: Wildcard) -> Result<(), Invalid> {
    let invalid = |hint: &str| Err(Invalid::new(format_args!("`{host}` is no host; {hint}")));
    let name = match (host.strip_prefix('*'), wildcard) {
        (Some(_), Wildcard::Refused) => return invalid("a wildcard is not allowed here"),
        (Some(""), Wildcard::Allowed) => return Ok(()),
        (Some(rest), Wildcard::Allowed) => {
            match rest.strip_prefix('.').or_else(|| rest.strip_prefix('-')) {
                Some(rest) => rest,
                None => return invalid("after `*` comes a dot"),
            }
        }
        (None, _) => host,
    };
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let label = |label: &str| !label.is_empty() && label.len() <= 63 && label.chars().all(fits);
    match name.len() <= 255 && name.trim_end_matches('.').split('.').all(label) {
        true => Ok(()),
        false => invalid("write a DNS name such as reviews or reviews.prod.svc.cluster.local"),
    }
}

/// Whether a host may start with `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wildcard {
    Allowed,
    Refused,
}

/// A regular expression in RE2 syntax that compiles.
pub(super) fn regex(pattern: &str) -> Result<Name, Invalid> {
    if pattern.is_empty() {
        return Err(Invalid::new(
            "the regular expression is empty; write .* to match everything",
        ));
    }
    match regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
    {
        Ok(_) => Ok(pattern.into()),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim().to_owned();
            let why = why.strip_prefix("error: ").unwrap_or(&why);
            Err(Invalid::new(format_args!(
                "the regular expression `{pattern}` is not valid: {why}; RE2 syntax is meant"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_those_of_go() {
        for (text, millis) in [
            ("5s", 5000),
            ("250ms", 250),
            ("1h30m", 5_400_000),
            ("2.5s", 2500),
            ("0s", 0),
            ("0", 0),
            ("1m0.5s", 60_500),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in ["", "5", "s", "5 s", "-1s", "1d", "1e400s", "..s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn moments_count_from_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2024-05-06T07:08:09.123Z", 1_714_979_289),
        ] {
            assert_eq!(timestamp(text), Some(seconds), "{text}");
        }
        assert_eq!(timestamp("2024-13-06T07:08:09Z"), None);
        assert_eq!(timestamp("yesterday"), None);
    }

    #[test]
    fn hosts_are_dns_names_or_addresses() {
        for host in [
            "reviews",
            "a.b.c",
            "10.0.0.1",
            "*.example.com",
            "*",
            "fe80::1",
            "my_svc",
        ] {
            assert!(check_host(host, Wildcard::Allowed).is_ok(), "{host}");
        }
        for host in ["", "a..b", "a/b", "*a.com", "a b", "a.*.com"] {
            assert!(check_host(host, Wildcard::Allowed).is_err(), "{host}");
        }
        assert!(check_host("*.com", Wildcard::Refused).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = (duration(&text), timestamp(&text), check_host(&text, Wildcard::Allowed), regex(&text));
        }
    }
}
