//! The hash of a request for balancers that keep callers on an endpoint. Source: Envoy `RouteAction.HashPolicy`.

use std::fmt::Write as _;

use super::connection::Exchange;
use super::head::{HeaderKey, KnownName};
use super::route::hash::{CookieHash, HashInput, HashPolicy};
use crate::cluster::lb::xxhash::xxh64;
use crate::matcher::{HeaderLookup as _, query_parameter};

/// A cookie that the client is given, so that it comes back to its endpoint.
#[derive(Debug)]
pub(crate) struct MadeCookie {
    rules: CookieHash,
    value: String,
}

/// The hash that `policies` give, or `None` when none of them finds anything. A cookie that is wanted and missing is
/// made, once for all attempts of the request.
pub(crate) fn hash(exchange: &mut Exchange<'_>, policies: &[HashPolicy]) -> Option<u64> {
    let mut hash: Option<u64> = None;
    for policy in policies {
        if let Some(new) = one(exchange, &policy.input) {
            hash = Some(hash.map_or(new, |old| old.rotate_left(1) ^ new));
            if policy.terminal {
                break;
            }
        }
    }
    hash
}

fn one(exchange: &mut Exchange<'_>, input: &HashInput) -> Option<u64> {
    match input {
        HashInput::Header(name, substitution) => {
            let value = exchange.request.fields.value(name)?;
            match (substitution, std::str::from_utf8(&value)) {
                (Some((regex, with)), Ok(text)) => {
                    Some(hash_bytes(regex.0.replace_all(text, &**with).as_bytes()))
                }
                (Some(_), Err(_)) | (None, _) => Some(hash_bytes(&value)),
            }
        }
        HashInput::Cookie(rules) => cookie_value(exchange, &rules.name)
            .map(|value| hash_bytes(value.as_bytes()))
            .or_else(|| made(exchange, rules)),
        HashInput::SourceIp => Some(hash_bytes(
            exchange.downstream.facts.source.ip().to_string().as_bytes(),
        )),
        HashInput::Query(name) => {
            query_parameter(exchange.request.path(), name).map(|value| hash_bytes(value.as_bytes()))
        }
    }
}

fn cookie_value<'a>(exchange: &'a Exchange<'_>, name: &str) -> Option<&'a str> {
    let cookies = exchange.request.fields.get_str(KnownName::Cookie)?;
    let mut pairs = cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let quoted = value
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    Some(quoted.unwrap_or(value))
}

/// The hash of a cookie that is made; without a lifetime none is.
fn made(exchange: &mut Exchange<'_>, rules: &CookieHash) -> Option<u64> {
    rules.ttl?;
    let before = exchange.cookies.iter().find(|one| one.rules == *rules);
    if let Some(made) = before {
        return Some(hash_bytes(made.value.as_bytes()));
    }
    let random = exchange.downstream.local.worker.with_rng(|rng| rng.u64(..));
    let value = format!("{random:016x}");
    let hash = hash_bytes(value.as_bytes());
    exchange.cookies.push(MadeCookie {
        rules: rules.clone(),
        value,
    });
    Some(hash)
}

/// Gives the client the cookies that were made for it.
pub(crate) fn set_cookies(exchange: &mut Exchange<'_>) {
    for cookie in &exchange.cookies {
        let fields = &mut exchange.response.fields;
        let name = HeaderKey::from(KnownName::SetCookie);
        fields.append(&name, cookie.header().as_bytes());
    }
}

impl MadeCookie {
    /// The value of `set-cookie` (RFC 6265 section 4.1).
    fn header(&self) -> String {
        let Self { rules, value } = self;
        let mut text = format!("{}=\"{value}\"", rules.name);
        // writing to a string cannot fail
        if let Some(ttl) = rules.ttl.filter(|ttl| !ttl.is_zero()) {
            let _ = write!(text, "; Max-Age={}", ttl.as_secs());
        }
        if let Some(path) = &rules.path {
            let _ = write!(text, "; Path={path}");
        }
        for (name, value) in &rules.attributes {
            let _ = match value.is_empty() {
                true => write!(text, "; {name}"),
                false => write!(text, "; {name}={value}"),
            };
        }
        text.push_str("; HttpOnly");
        text
    }
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    xxh64(bytes, 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_made_cookie_says_how_long_and_where_it_counts() {
        let cookie = |ttl, path: Option<&str>, attributes: &[(&str, &str)]| MadeCookie {
            rules: CookieHash {
                name: "sticky".into(),
                ttl: Some(ttl),
                path: path.map(Into::into),
                attributes: attributes
                    .iter()
                    .map(|(name, value)| ((*name).into(), (*value).into()))
                    .collect(),
            },
            value: "00ff".to_owned(),
        };
        let hour = cookie(
            Duration::from_secs(3600),
            Some("/shop"),
            &[("SameSite", "Lax"), ("Secure", "")],
        );
        assert_eq!(
            hour.header(),
            "sticky=\"00ff\"; Max-Age=3600; Path=/shop; SameSite=Lax; Secure; HttpOnly"
        );
        let session = cookie(Duration::ZERO, None, &[]);
        assert_eq!(session.header(), "sticky=\"00ff\"; HttpOnly");
    }
}
