//! Redirects. Source: Envoy `config.route.v3.RedirectAction`.

use std::borrow::Cow;

use ::http::StatusCode;

use super::head::{KnownName, RequestHead};
use super::local_reply::LocalReply;
use super::route::PathMatch;
use super::route::action::{Redirect, RedirectPath};
use super::route::table::without_port;

/// The answer of a redirecting route.
pub(crate) fn reply(request: &RequestHead, to: &Redirect, matched: &PathMatch) -> LocalReply {
    let status = StatusCode::from_u16(to.status).unwrap_or(StatusCode::MOVED_PERMANENTLY);
    LocalReply::new(status, "", "direct_response")
        .field(KnownName::Location, location(request, to, matched))
}

/// The answer of a virtual host that wants TLS.
pub(crate) fn to_https(request: &RequestHead) -> LocalReply {
    let location = format!("https://{}{}", request.authority(), request.path());
    LocalReply::new(StatusCode::MOVED_PERMANENTLY, "", "direct_response")
        .field(KnownName::Location, location)
}

fn location(request: &RequestHead, to: &Redirect, matched: &PathMatch) -> String {
    let old_scheme = request.scheme.as_str();
    let scheme = to.scheme.as_deref().unwrap_or(old_scheme);
    let old_host = request.authority();
    let host = match (&to.host, to.port) {
        (Some(host), _) => Cow::Borrowed(&**host),
        (None, Some(_)) => Cow::Borrowed(without_port(old_host)),
        (None, None) if scheme != old_scheme => {
            Cow::Borrowed(without_default_port(old_host, old_scheme))
        }
        (None, None) => Cow::Borrowed(old_host),
    };
    let port = to.port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{host}{port}{}", path(request, to, matched))
}

fn without_default_port<'a>(host: &'a str, scheme: &str) -> &'a str {
    let default = if scheme == "http" { ":80" } else { ":443" };
    host.strip_suffix(default).unwrap_or(host)
}

fn path<'a>(request: &'a RequestHead, to: &'a Redirect, matched: &PathMatch) -> Cow<'a, str> {
    let old = request.path();
    let new = match &to.path {
        RedirectPath::Keep => Cow::Borrowed(old),
        RedirectPath::Replace(path) if path.contains('?') => return Cow::Borrowed(&**path),
        RedirectPath::Replace(path) => match old.split_once('?') {
            Some((_, query)) if !to.strip_query => return Cow::Owned(format!("{path}?{query}")),
            Some(_) | None => Cow::Borrowed(&**path),
        },
        RedirectPath::Rewrite(rewrite) => rewrite
            .apply(old, matched)
            .map_or(Cow::Borrowed(old), Cow::Owned),
    };
    match new.split_once('?') {
        Some((path, _)) if to.strip_query => Cow::Owned(path.to_owned()),
        Some(_) | None => new,
    }
}
