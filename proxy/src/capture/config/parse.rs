//! Values of flags: lists, ports, ranges, ids and durations in Istio's forms.

use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::{Ports, Ranges};
use crate::capture::error::CaptureError;

const DEFAULT_PROXY_UID: u32 = 1337;

/// The longest interface name that the kernel takes.
const MAX_INTERFACE_NAME: usize = 15;

pub(super) fn invalid(flag: &'static str, value: &str, problem: &str) -> CaptureError {
    CaptureError::InvalidFlag {
        flag,
        value: value.to_owned(),
        problem: problem.to_owned(),
    }
}

/// The parts of a comma-separated list; spaces and empty parts do not count.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn all<T: FromStr>(flag: &'static str, text: &str, want: &str) -> Result<Vec<T>, CaptureError> {
    list(text)
        .map(|part| part.parse().map_err(|_| invalid(flag, part, want)))
        .collect()
}

pub(super) fn number(flag: &'static str, text: &str) -> Result<u32, CaptureError> {
    text.trim()
        .parse()
        .map_err(|_| invalid(flag, text, "want a number below 2^32"))
}

pub(super) fn port(flag: &'static str, text: &str) -> Result<u16, CaptureError> {
    match text.trim().parse() {
        Ok(0) | Err(_) => Err(invalid(flag, text, "want a port, 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

pub(super) fn ports(flag: &'static str, text: &str) -> Result<Vec<u16>, CaptureError> {
    list(text).map(|part| port(flag, part)).collect()
}

pub(super) fn port_choice(flag: &'static str, text: &str) -> Result<Ports, CaptureError> {
    match text.trim() {
        "*" => Ok(Ports::All),
        these => ports(flag, these).map(Ports::These),
    }
}

pub(super) fn ranges(flag: &'static str, text: &str) -> Result<Vec<IpNet>, CaptureError> {
    let parsed: Vec<IpNet> = all(
        flag,
        text,
        "want ranges such as 10.0.0.0/8 or fd00::/8, separated by commas",
    )?;
    Ok(parsed.into_iter().map(|range| range.trunc()).collect())
}

pub(super) fn range_choice(flag: &'static str, text: &str) -> Result<Ranges, CaptureError> {
    match text.trim() {
        "*" => Ok(Ranges::All),
        these => ranges(flag, these).map(Ranges::These),
    }
}

pub(super) fn ids(flag: &'static str, text: &str) -> Result<Vec<u32>, CaptureError> {
    all(flag, text, "want numeric ids separated by commas")
}

pub(super) fn interfaces(flag: &'static str, text: &str) -> Result<Vec<String>, CaptureError> {
    list(text)
        .map(|name| match valid_interface(name) {
            true => Ok(name.to_owned()),
            false => Err(invalid(
                flag,
                name,
                "want interface names of at most 15 characters",
            )),
        })
        .collect()
}

fn valid_interface(name: &str) -> bool {
    name.len() <= MAX_INTERFACE_NAME
        && name
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '"' | '\\'))
}

/// Group ids of a list of names and ids; names are looked up in `/etc/group`.
pub(super) fn groups(flag: &'static str, text: &str) -> Result<Vec<u32>, CaptureError> {
    list(text)
        .map(|part| match part.parse() {
            Ok(id) => Ok(id),
            Err(_) => account_id("/etc/group", part).ok_or_else(|| {
                invalid(
                    flag,
                    part,
                    "no such group in /etc/group; give its numeric id",
                )
            }),
        })
        .collect()
}

/// The id of the user whom Istio's image runs the proxy as (`ENVOY_USER`, default `istio-proxy`), else 1337.
pub(super) fn default_proxy_uid() -> u32 {
    let user = std::env::var("ENVOY_USER").unwrap_or_else(|_| "istio-proxy".to_owned());
    account_id("/etc/passwd", &user).unwrap_or(DEFAULT_PROXY_UID)
}

/// The third field of the line of an account file that begins with the name: the id in passwd(5) and group(5) alike.
fn account_id(file: &str, name: &str) -> Option<u32> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))
        .and_then(|fields| fields.get(2)?.parse().ok())
}

/// A duration as Go prints it, such as `5s`, `1m30s` or `250ms`.
pub(super) fn duration(flag: &'static str, text: &str) -> Result<Duration, CaptureError> {
    let problem = "want a duration such as 5s, 250ms or 1m30s";
    go_duration(text)
        .filter(|total| !total.is_zero())
        .ok_or_else(|| invalid(flag, text, problem))
}

fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (amount, tail) = rest.split_at(digits);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += Duration::try_from_secs_f64(amount.parse::<f64>().ok()? * seconds).ok()?;
        rest = tail;
    }
    Some(total)
}
