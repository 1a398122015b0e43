//! What a rule does besides forwarding: retries, faults, mirrors, cross-origin policy, rewriting.

use super::RawDestination;
use super::conditions::RawString;
use super::http::RawPercentage;
use crate::crd::cx::Cx;
use crate::crd::problem::Invalid;
use crate::crd::value::{Count, Percent, Time, regex};
use crate::model::Name;
use crate::model::http_action::{
    AbortStatus, Cors, Fault, FaultAbort, FaultDelay, HeaderChanges, HeaderOps, Mirror,
    PathRewrite, PerMillion, Retries, Rewrite, UnmatchedPreflights,
};
use crate::model::http_match::StringMatch;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawRetries {
    attempts: Option<Count>,
    per_try_timeout: Option<Time>,
    retry_on: Option<String>,
    retry_remote_localities: Option<bool>,
    retry_ignore_previous_hosts: Option<bool>,
    backoff: Option<Time>,
}

/// Conditions of Envoy that `retryOn` may name, beside status codes.
const RETRY_ON: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// How often is retried where a policy does not say.
const DEFAULT_ATTEMPTS: u32 = 2;

impl RawRetries {
    pub(super) fn lower(self, at: &str) -> Result<Retries, Invalid> {
        let retry_on = self.retry_on.filter(|tokens| !tokens.trim().is_empty());
        for token in retry_on
            .iter()
            .flat_map(|tokens| tokens.split(','))
            .map(str::trim)
        {
            let status = token
                .parse::<u16>()
                .is_ok_and(|code| (100..600).contains(&code));
            if !status && !RETRY_ON.contains(&token) {
                let text = format!(
                    "`{token}` is no condition; write a status code or one of {}",
                    RETRY_ON.join(", ")
                );
                return Err(Invalid::new(text).at(&format!("{at}.retryOn")));
            }
        }
        Ok(Retries {
            attempts: self.attempts.map_or(DEFAULT_ATTEMPTS, |count| count.0),
            per_try_timeout: self
                .per_try_timeout
                .map(|time| time.0)
                .filter(|time| !time.is_zero()),
            retry_on: retry_on.map(Name::from),
            retry_remote_localities: self.retry_remote_localities.unwrap_or(false),
            ignore_previous_hosts: self.retry_ignore_previous_hosts.unwrap_or(true),
            backoff: self
                .backoff
                .map(|time| time.0)
                .filter(|time| !time.is_zero()),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawFault {
    delay: Option<RawDelay>,
    abort: Option<RawAbort>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawDelay {
    fixed_delay: Option<Time>,
    percentage: Option<RawPercentage>,
    percent: Option<Percent>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawAbort {
    http_status: Option<u16>,
    grpc_status: Option<String>,
    percentage: Option<RawPercentage>,
}

/// gRPC's status names in the order of their numbers. See gRPC, "Status codes and their use in gRPC".
const GRPC_STATUS: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl RawFault {
    pub(super) fn lower(self, at: &str) -> Result<Fault, Invalid> {
        if self.delay.is_none() && self.abort.is_none() {
            return Err(Invalid::new("the fault does nothing; add delay or abort").at(at));
        }
        let delay = self.delay.map(|raw| {
            let Some(time) = raw.fixed_delay else {
                return Err(Invalid::new("`fixedDelay` is missing; say how long")
                    .at(&format!("{at}.delay")));
            };
            let percentage = raw.percentage.map(|raw| raw.value).or(raw.percent);
            Ok(FaultDelay {
                duration: time.0,
                percentage: percentage.map_or(PerMillion::ALL, Percent::per_million),
            })
        });
        let abort = self.abort.map(|raw| raw.lower(&format!("{at}.abort")));
        Ok(Fault {
            delay: delay.transpose()?,
            abort: abort.transpose()?,
        })
    }
}

impl RawAbort {
    fn lower(self, at: &str) -> Result<FaultAbort, Invalid> {
        let status = match (self.http_status, self.grpc_status) {
            (Some(status), None) if (200..600).contains(&status) => AbortStatus::Http(status),
            (Some(status), None) => {
                let text = format!("{status} is no status; write 200 to 599");
                return Err(Invalid::new(text).at(&format!("{at}.httpStatus")));
            }
            (None, Some(name)) => AbortStatus::Grpc(grpc_status(&name, at)?),
            (None, None) | (Some(_), Some(_)) => {
                return Err(Invalid::new(
                    "exactly one of httpStatus and grpcStatus is needed; write one",
                )
                .at(at));
            }
        };
        let percentage = self
            .percentage
            .map_or(PerMillion::ALL, |raw| raw.value.per_million());
        Ok(FaultAbort { status, percentage })
    }
}

fn grpc_status(name: &str, at: &str) -> Result<u32, Invalid> {
    let by_name = GRPC_STATUS.iter().position(|known| *known == name);
    let number = by_name.or_else(|| {
        name.parse()
            .ok()
            .filter(|number| *number < GRPC_STATUS.len())
    });
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| {
        Invalid::new(format_args!(
            "`{name}` is no gRPC status; write for instance UNAVAILABLE"
        ))
        .at(&format!("{at}.grpcStatus"))
    })
}

#[derive(Deserialize)]
pub(super) struct RawMirror {
    destination: RawDestination,
    percentage: Option<RawPercentage>,
}

impl RawMirror {
    pub(super) fn lower(&self, at: &str, cx: &Cx<'_>) -> Result<Mirror, Invalid> {
        Ok(Mirror {
            destination: self.destination.lower(&format!("{at}.destination"), cx)?,
            percentage: self
                .percentage
                .map_or(PerMillion::ALL, |raw| raw.value.per_million()),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawCors {
    allow_origins: Vec<RawString>,
    allow_origin: Vec<String>,
    allow_methods: Vec<String>,
    allow_headers: Vec<String>,
    expose_headers: Vec<String>,
    max_age: Option<Time>,
    allow_credentials: Option<bool>,
    unmatched_preflights: Option<Preflights>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Preflights {
    Unspecified,
    Forward,
    Ignore,
}

impl RawCors {
    pub(super) fn lower(self, at: &str) -> Result<Cors, Invalid> {
        let mut allow_origins = super::each(
            self.allow_origins,
            &format!("{at}.allowOrigins"),
            |_, at, raw| raw.required(at),
        )?;
        if allow_origins.is_empty() {
            // The older form: exact origins, or `*` for all.
            allow_origins.extend(self.allow_origin.into_iter().map(
                |origin| match origin.as_str() {
                    "*" => StringMatch::Regex(".*".into()),
                    _ => StringMatch::Exact(origin.into()),
                },
            ));
        }
        let names = |list: Vec<String>| list.into_iter().map(Name::from).collect();
        Ok(Cors {
            allow_origins,
            allow_methods: names(self.allow_methods),
            allow_headers: names(self.allow_headers),
            expose_headers: names(self.expose_headers),
            max_age: self.max_age.map(|time| time.0),
            allow_credentials: self.allow_credentials,
            unmatched_preflights: match self.unmatched_preflights {
                None | Some(Preflights::Unspecified | Preflights::Forward) => {
                    UnmatchedPreflights::Forward
                }
                Some(Preflights::Ignore) => UnmatchedPreflights::Ignore,
            },
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawRewrite {
    uri: Option<String>,
    authority: Option<String>,
    uri_regex_rewrite: Option<RawRegexRewrite>,
}

#[derive(Deserialize)]
struct RawRegexRewrite {
    r#match: String,
    #[serde(default)]
    rewrite: String,
}

impl RawRewrite {
    pub(super) fn lower(self, at: &str) -> Result<Rewrite, Invalid> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Name::from);
        let path = match (filled(self.uri), self.uri_regex_rewrite) {
            (Some(_), Some(_)) => {
                return Err(Invalid::new(
                    "`uri` and `uriRegexRewrite` exclude each other; keep one",
                )
                .at(at));
            }
            (uri, None) => uri.map(PathRewrite::Uri),
            (None, Some(RawRegexRewrite { r#match, rewrite })) => Some(PathRewrite::Regex {
                pattern: regex(&r#match)
                    .map_err(|invalid| invalid.at(&format!("{at}.uriRegexRewrite.match")))?,
                substitution: rewrite.into(),
            }),
        };
        let authority = filled(self.authority);
        match path.is_none() && authority.is_none() {
            true => Err(Invalid::new(
                "the rewrite changes nothing; set uri, authority or uriRegexRewrite",
            )
            .at(at)),
            false => Ok(Rewrite { path, authority }),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawHeaders {
    request: RawChanges,
    response: RawChanges,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawChanges {
    set: BTreeMap<String, String>,
    add: BTreeMap<String, String>,
    remove: Vec<String>,
}

impl RawHeaders {
    pub(super) fn lower(self, at: &str) -> Result<HeaderOps, Invalid> {
        Ok(HeaderOps {
            request: self.request.lower(&format!("{at}.request"))?,
            response: self.response.lower(&format!("{at}.response"))?,
        })
    }
}

impl RawChanges {
    fn lower(self, at: &str) -> Result<HeaderChanges, Invalid> {
        let Self { set, add, remove } = self;
        let pairs = |field: &str, pairs: BTreeMap<String, String>| {
            let lower = |(name, value): (String, String)| {
                Ok((header_name(&name, &format!("{at}.{field}"))?, value.into()))
            };
            pairs
                .into_iter()
                .map(lower)
                .collect::<Result<Vec<(Name, Name)>, Invalid>>()
        };
        Ok(HeaderChanges {
            set: pairs("set", set)?,
            add: pairs("add", add)?,
            remove: remove
                .iter()
                .map(|name| header_name(name, &format!("{at}.remove")))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn header_name(name: &str, at: &str) -> Result<Name, Invalid> {
    let valid = name
        .strip_prefix(':')
        .unwrap_or(name)
        .parse::<http::HeaderName>();
    match valid {
        Ok(_) => Ok(name.to_ascii_lowercase().into()),
        Err(_) => Err(Invalid::new(format_args!(
            "`{name}` is no name of a header; use letters, digits and `-`"
        ))
        .at(at)),
    }
}
