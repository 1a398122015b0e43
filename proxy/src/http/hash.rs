//! The hash of a request for balancers that keep callers on an endpoint. Source: Envoy `RouteAction.HashPolicy`.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::connection::Exchange;
use super::head::{Fields, HeaderKey, KnownName};
use super::route::hash::{CookieHash, HashInput, HashPolicy};
use crate::cluster::lb::xxhash::xxh64;
use crate::matcher::{HeaderLookup, query_parameter};

/// What of a request can be hashed.
#[derive(Debug)]
pub(crate) struct Hashable<'a, H> {
    pub(crate) headers: &'a H,
    /// With its query.
    pub(crate) path: &'a str,
    /// The client.
    pub(crate) source: IpAddr,
}

/// A cookie that the client is given, so that it comes back to its endpoint.
#[derive(Debug)]
pub(crate) struct MadeCookie {
    rules: CookieHash,
    value: String,
}

/// The hash that `policies` give, or `None` when none of them finds anything. A cookie that is wanted and missing is
/// made, once for all attempts of the request.
pub(crate) fn hash(exchange: &mut Exchange<'_>, policies: &[HashPolicy]) -> Option<u64> {
    combine(policies, |input| {
        found(&hashable(exchange), input).or_else(|| made(exchange, input))
    })
}

fn hashable<'a>(exchange: &'a Exchange<'_>) -> Hashable<'a, Fields> {
    Hashable {
        headers: &exchange.request.fields,
        path: exchange.request.path(),
        source: exchange.downstream.facts.source.ip(),
    }
}

/// The hash of what `one` finds for each policy, up to a terminal one that finds something.
pub(crate) fn combine(
    policies: &[HashPolicy],
    mut one: impl FnMut(&HashInput) -> Option<u64>,
) -> Option<u64> {
    let mut hash: Option<u64> = None;
    for policy in policies {
        if let Some(new) = one(&policy.input) {
            hash = Some(hash.map_or(new, |old| old.rotate_left(1) ^ new));
            if policy.terminal {
                break;
            }
        }
    }
    hash
}

/// The hash of one input, if the request has it.
pub(crate) fn found<H: HeaderLookup>(request: &Hashable<'_, H>, input: &HashInput) -> Option<u64> {
    match input {
        HashInput::Header(name, substitution) => {
            let value = request.headers.value(name)?;
            match (substitution, std::str::from_utf8(&value)) {
                (Some((regex, with)), Ok(text)) => {
                    Some(hash_bytes(regex.0.replace_all(text, &**with).as_bytes()))
                }
                (Some(_), Err(_)) | (None, _) => Some(hash_bytes(&value)),
            }
        }
        HashInput::Cookie(rules) => {
            let cookies = request.headers.value(&KnownName::Cookie.into())?;
            cookie_value(std::str::from_utf8(&cookies).ok()?, &rules.name)
                .map(|value| hash_bytes(value.as_bytes()))
        }
        HashInput::SourceIp => Some(hash_bytes(request.source.to_string().as_bytes())),
        HashInput::Query(name) => {
            query_parameter(request.path, name).map(|value| hash_bytes(value.as_bytes()))
        }
    }
}

fn cookie_value<'a>(cookies: &'a str, name: &str) -> Option<&'a str> {
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
fn made(exchange: &mut Exchange<'_>, input: &HashInput) -> Option<u64> {
    let HashInput::Cookie(rules) = input else {
        return None;
    };
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
    fn nothing_after_a_terminal_policy_that_finds_something_counts() {
        let mut headers = ::http::HeaderMap::new();
        headers.insert("cookie", "a=1; user=jane".parse().expect("a value"));
        let request = Hashable {
            headers: &headers,
            path: "/x?q=1",
            source: [192, 0, 2, 1].into(),
        };
        let hash = |policies: Vec<(HashInput, bool)>| {
            let policy = |(input, terminal)| HashPolicy { input, terminal };
            let policies: Vec<_> = policies.into_iter().map(policy).collect();
            combine(&policies, |input| found(&request, input))
        };
        let cookie = |name: &str| {
            HashInput::Cookie(CookieHash {
                name: name.into(),
                ttl: None,
                path: None,
                attributes: Vec::new(),
            })
        };
        let address = hash_bytes(b"192.0.2.1");
        let by_cookie = vec![(cookie("user"), true), (HashInput::SourceIp, false)];
        assert_eq!(hash(by_cookie), Some(hash_bytes(b"jane")));
        let missing = vec![(cookie("none"), true), (HashInput::SourceIp, false)];
        assert_eq!(hash(missing), Some(address));
        let both = vec![
            (HashInput::Query("q".into()), false),
            (HashInput::SourceIp, false),
        ];
        assert_eq!(hash(both), Some(hash_bytes(b"1").rotate_left(1) ^ address));
        assert_eq!(hash(vec![(cookie("none"), false)]), None);
    }

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
