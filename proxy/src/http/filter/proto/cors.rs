//! Cross-origin policies, in their own form and in the older one of routes.

use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3::RuntimeFractionalPercent;
use xds_proto::pb::envoy::config::route::v3 as route;
use xds_proto::pb::envoy::config::route::v3::cors_policy::EnabledSpecifier;
use xds_proto::pb::envoy::extensions::filters::http::cors::v3 as pb;

use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, each, flag, runtime_fraction};
use crate::http::filter::CorsPolicy;
use crate::matcher::proto as matcher;

/// A policy; `None` where it is switched off.
pub(super) fn read(cx: &mut Conversion<'_>, policy: pb::CorsPolicy) -> Read<Option<CorsPolicy>> {
    let pb::CorsPolicy {
        allow_origin_string_match,
        allow_methods,
        allow_headers,
        expose_headers,
        max_age,
        allow_credentials,
        filter_enabled,
        shadow_enabled,
        allow_private_network_access,
        forward_not_matching_preflights,
    } = policy;
    named!(cx.notes, "cors.", {
        shadow_enabled => "nothing is only measured",
        allow_private_network_access => "the header is not written",
    });
    if is_off(cx, filter_enabled)? {
        return Ok(None);
    }
    let text = |text: String| -> Option<Arc<str>> { (!text.is_empty()).then(|| text.into()) };
    Ok(Some(CorsPolicy {
        allow_origins: each(
            "allow_origin_string_match",
            allow_origin_string_match,
            matcher::string,
        )?,
        allow_methods: text(allow_methods),
        allow_headers: text(allow_headers),
        expose_headers: text(expose_headers),
        max_age: text(max_age),
        allow_credentials: flag(allow_credentials).unwrap_or(false),
        forward_unmatched_preflights: flag(forward_not_matching_preflights).unwrap_or(true),
    }))
}

/// A policy in the older form of virtual hosts and routes.
pub(crate) fn of_route(
    cx: &mut Conversion<'_>,
    policy: Option<route::CorsPolicy>,
) -> Read<Option<Arc<CorsPolicy>>> {
    let Some(policy) = policy else {
        return Ok(None);
    };
    let route::CorsPolicy {
        allow_origin_string_match,
        allow_methods,
        allow_headers,
        expose_headers,
        max_age,
        allow_credentials,
        shadow_enabled,
        allow_private_network_access,
        forward_not_matching_preflights,
        enabled_specifier,
    } = policy;
    let read = read(
        cx,
        pb::CorsPolicy {
            allow_origin_string_match,
            allow_methods,
            allow_headers,
            expose_headers,
            max_age,
            allow_credentials,
            filter_enabled: enabled_specifier
                .map(|EnabledSpecifier::FilterEnabled(enabled)| enabled),
            shadow_enabled,
            allow_private_network_access,
            forward_not_matching_preflights,
        },
    )?;
    Ok(read.map(Arc::new))
}

fn is_off(cx: &mut Conversion<'_>, enabled: Option<RuntimeFractionalPercent>) -> Read<bool> {
    let Some(enabled) = enabled else {
        return Ok(false);
    };
    let share = runtime_fraction("filter_enabled", enabled)?;
    if share.numerator > 0 && share.numerator < share.denominator {
        cx.notes
            .push("cors.filter_enabled", "the policy holds for all requests");
    }
    Ok(share.numerator == 0)
}
