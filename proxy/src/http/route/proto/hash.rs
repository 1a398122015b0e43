//! What the load balancer hashes.

use xds_proto::pb::envoy::config::route::v3::route_action as ra;
use xds_proto::pb::envoy::config::route::v3::route_action::hash_policy::PolicySpecifier;

use crate::config::invalid::InvalidField;
use crate::config::wire::{Read, at, duration, each, nonempty, refuse_if};
use crate::http::route::hash::PartRegex;
use crate::http::route::{CookieHash, HashInput, HashPolicy};
use crate::matcher::proto as matcher;

pub(super) fn policies(policies: Vec<ra::HashPolicy>) -> Read<Vec<HashPolicy>> {
    each(
        "hash_policy",
        policies,
        |ra::HashPolicy {
             terminal,
             policy_specifier,
         }| {
            let Some(specifier) = policy_specifier else {
                return Err(InvalidField::new("policy_specifier", "is required"));
            };
            Ok(hash_input(specifier)?.map(|input| HashPolicy { input, terminal }))
        },
    )
    .map(|policies| policies.into_iter().flatten().collect())
}

fn hash_input(specifier: PolicySpecifier) -> Read<Option<HashInput>> {
    Ok(match specifier {
        PolicySpecifier::Header(ra::hash_policy::Header {
            header_name,
            regex_rewrite,
        }) => {
            let rewrite = regex_rewrite
                .map(matcher::substitution)
                .transpose()
                .map_err(at("header.regex_rewrite"))?;
            let rewrite = rewrite.map(|(regex, with)| (PartRegex(regex), with));
            Some(HashInput::Header(
                matcher::key("header.header_name", &header_name)?,
                rewrite,
            ))
        }
        PolicySpecifier::Cookie(ra::hash_policy::Cookie {
            name,
            ttl,
            path,
            attributes,
        }) => {
            let attribute =
                |one: &ra::hash_policy::CookieAttribute| [one.name.clone(), one.value.clone()];
            let texts: Vec<_> = attributes.iter().flat_map(attribute).collect();
            let unfit = |text: &String| {
                text.bytes()
                    .any(|byte| byte == b';' || byte.is_ascii_control())
            };
            refuse_if(
                [&name, &path].into_iter().chain(&texts).any(unfit),
                "cookie",
                "name, path and attributes must not hold semicolons or control characters",
            )?;
            Some(HashInput::Cookie(CookieHash {
                name: nonempty("cookie.name", name)?.into(),
                ttl: duration("cookie.ttl", ttl)?,
                path: (!path.is_empty()).then(|| path.into()),
                attributes: attributes
                    .into_iter()
                    .map(|one| (one.name.into(), one.value.into()))
                    .collect(),
            }))
        }
        PolicySpecifier::ConnectionProperties(properties) => {
            properties.source_ip.then_some(HashInput::SourceIp)
        }
        PolicySpecifier::QueryParameter(parameter) => Some(HashInput::Query(
            nonempty("query_parameter.name", parameter.name)?.into(),
        )),
        PolicySpecifier::FilterState(_) => {
            return Err(InvalidField::new("filter_state", "is not supported"));
        }
    })
}
