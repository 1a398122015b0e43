//! What routes do: redirects and answers; forwarding has its own file.

use bytes::Bytes;
use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use xds_proto::pb::envoy::config::route::v3::route::Action as WireAction;

use super::{Outer, forward};
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, at, data_once, known, refuse_if, required};
use crate::http::filter::PerFilter;
use crate::http::route::action::RedirectPath;
use crate::http::route::{Action, DirectResponse, PathRewrite, Redirect};
use crate::matcher::proto as matcher;

pub(super) fn read(
    cx: &mut Conversion<'_>,
    action: Option<WireAction>,
    outer: &Outer,
    per_filter: &mut PerFilter,
) -> Read<Action> {
    match required("action", action)? {
        WireAction::Route(route) => {
            let forward = forward::read(cx, route, outer, per_filter).map_err(at("route"))?;
            Ok(Action::Forward(Box::new(forward)))
        }
        WireAction::Redirect(action) => Ok(Action::Redirect(Box::new(
            redirect(action).map_err(at("redirect"))?,
        ))),
        WireAction::DirectResponse(action) => {
            let response = direct(cx, action, outer.max_body).map_err(at("direct_response"))?;
            Ok(Action::Direct(Box::new(response)))
        }
        WireAction::FilterAction(_) => Err(InvalidField::new("filter_action", "is not supported")),
        // The route exists for its per-filter settings on paths that filters answer; nothing else may answer.
        WireAction::NonForwardingAction(pb::NonForwardingAction {}) => {
            Ok(Action::Direct(Box::new(DirectResponse {
                status: 404,
                body: Bytes::new(),
                content_type: None,
            })))
        }
    }
}

fn redirect(action: pb::RedirectAction) -> Read<Redirect> {
    let pb::RedirectAction {
        host_redirect,
        port_redirect,
        response_code,
        strip_query,
        scheme_rewrite_specifier,
        path_rewrite_specifier,
    } = action;
    let status = match known("response_code", response_code)? {
        RedirectResponseCode::MovedPermanently => 301,
        RedirectResponseCode::Found => 302,
        RedirectResponseCode::SeeOther => 303,
        RedirectResponseCode::TemporaryRedirect => 307,
        RedirectResponseCode::PermanentRedirect => 308,
    };
    let port = u16::try_from(port_redirect)
        .map_err(|_| InvalidField::new("port_redirect", "must be at most 65535"))?;
    let scheme = match scheme_rewrite_specifier {
        None | Some(SchemeRewriteSpecifier::HttpsRedirect(false)) => None,
        Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => Some("https".into()),
        Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => Some(scheme.into()),
    };
    let path = match path_rewrite_specifier {
        None => RedirectPath::Keep,
        Some(PathRewriteSpecifier::PathRedirect(path)) if path.is_empty() => RedirectPath::Keep,
        Some(PathRewriteSpecifier::PathRedirect(path)) => RedirectPath::Replace(path.into()),
        Some(PathRewriteSpecifier::PrefixRewrite(prefix)) => {
            RedirectPath::Rewrite(PathRewrite::Prefix(prefix.into()))
        }
        Some(PathRewriteSpecifier::RegexRewrite(rewrite)) => {
            let (regex, with) = matcher::substitution(rewrite).map_err(at("regex_rewrite"))?;
            RedirectPath::Rewrite(PathRewrite::Regex(regex, with))
        }
        Some(PathRewriteSpecifier::PathRewrite(_)) => {
            return Err(InvalidField::new(
                "path_rewrite",
                "is not supported; use path_redirect or regex_rewrite",
            ));
        }
    };
    Ok(Redirect {
        status,
        scheme,
        host: (!host_redirect.is_empty()).then(|| host_redirect.into()),
        port: (port != 0).then_some(port),
        path,
        strip_query,
    })
}

fn direct(
    cx: &mut Conversion<'_>,
    action: pb::DirectResponseAction,
    max_body: usize,
) -> Read<DirectResponse> {
    let pb::DirectResponseAction {
        status,
        body,
        body_format,
    } = action;
    named!(cx.notes, "routes.direct_response.", {
        body_format => "the body is sent as it is",
    });
    let status = u16::try_from(status)
        .ok()
        .filter(|status| (200..600).contains(status));
    let body = body
        .map(|source| data_once(cx, "body", source))
        .transpose()?
        .unwrap_or_default();
    refuse_if(
        body.len() > max_body,
        "body",
        "is larger than max_direct_response_body_size_bytes of the table",
    )?;
    let status = status.ok_or_else(|| InvalidField::new("status", "must be 200 to 599"))?;
    Ok(DirectResponse {
        status,
        body: body.into(),
        content_type: None,
    })
}
