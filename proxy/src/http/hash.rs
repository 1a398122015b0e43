//! The hash of a request for balancers that keep callers on an endpoint. Source: Envoy `RouteAction.HashPolicy`.

use super::connection::Exchange;
use super::head::KnownName;
use super::route::hash::{HashInput, HashPolicy};
use crate::cluster::lb::xxhash::xxh64;
use crate::matcher::{HeaderLookup as _, query_parameter};

/// The hash that `policies` give, or `None` when none of them finds anything.
pub(crate) fn hash(exchange: &Exchange<'_>, policies: &[HashPolicy]) -> Option<u64> {
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

fn one(exchange: &Exchange<'_>, input: &HashInput) -> Option<u64> {
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
        HashInput::Cookie(cookie) => {
            cookie_value(exchange, &cookie.name).map(|value| hash_bytes(value.as_bytes()))
        }
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
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    xxh64(bytes, 0)
}
