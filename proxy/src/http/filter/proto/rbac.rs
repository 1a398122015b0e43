//! Authorization whose verdict needs no facts: allow everything, or deny everything. Anything else refuses its resource,
//! since traffic must never pass without its guard.

use xds_proto::pb::envoy::config::rbac::v3 as pb;
use xds_proto::pb::envoy::config::rbac::v3::permission::Rule;
use xds_proto::pb::envoy::config::rbac::v3::principal::Identifier;
use xds_proto::pb::envoy::config::rbac::v3::rbac::Action;
use xds_proto::pb::envoy::extensions::filters::http::rbac::v3 as http_pb;
use xds_proto::pb::envoy::extensions::filters::network::rbac::v3 as network_pb;

use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, known, refused};
use crate::http::filter::RbacVerdict;
use crate::listener::filter_chain::{NetworkRbac, Verdict};

pub(super) fn http(cx: &mut Conversion<'_>, rbac: http_pb::Rbac) -> Read<Option<RbacVerdict>> {
    let http_pb::Rbac {
        rules,
        rules_stat_prefix: _, // of statistics that are not kept
        matcher,
        shadow_rules,
        shadow_matcher,
        shadow_rules_stat_prefix: _, // of statistics that are not kept; Istio always sets it
        track_per_rule_stats,
    } = rbac;
    named!(cx.notes, "rbac.", {
        track_per_rule_stats => "the statistics are not kept",
    });
    refused!({
        matcher => "matcher trees of RBAC are not supported",
    });
    named!(cx.notes, "rbac.", {
        shadow_rules => "nothing is only measured",
        shadow_matcher => "nothing is only measured",
    });
    rules.map(|rules| verdict(cx, rules)).transpose()
}

/// The verdict of a network filter.
pub(crate) fn network(
    cx: &mut Conversion<'_>,
    rbac: network_pb::Rbac,
) -> Read<Option<NetworkRbac>> {
    let network_pb::Rbac {
        rules,
        matcher,
        shadow_rules,
        shadow_matcher,
        shadow_rules_stat_prefix: _, // of statistics that are not kept; Istio always sets it
        stat_prefix,
        enforcement_type: _, // a verdict without facts does not change while bytes flow
        delay_deny,
    } = rbac;
    refused!({
        matcher => "matcher trees of RBAC are not supported",
    });
    named!(cx.notes, "rbac.", {
        shadow_rules => "nothing is only measured",
        shadow_matcher => "nothing is only measured",
        delay_deny => "denied connections are closed at once",
    });
    let Some(RbacVerdict { verdict, policy }) =
        rules.map(|rules| self::verdict(cx, rules)).transpose()?
    else {
        return Ok(None);
    };
    Ok(Some(NetworkRbac {
        verdict,
        policy,
        stat_prefix: stat_prefix.into(),
    }))
}

/// What is known of a rule without looking at a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Always,
    Never,
    Depends,
}

fn verdict(cx: &mut Conversion<'_>, rules: pb::Rbac) -> Read<RbacVerdict> {
    let pb::Rbac {
        action,
        policies,
        audit_logging_options,
    } = rules;
    named!(cx.notes, "rbac.rules.", {
        audit_logging_options => "verdicts are not audited",
    });
    let (matched, otherwise) = match known::<Action>("rules.action", action)? {
        Action::Allow => (Verdict::Allow, Verdict::Deny),
        Action::Deny => (Verdict::Deny, Verdict::Allow),
        Action::Log => (Verdict::Allow, Verdict::Allow),
    };
    let mut policies: Vec<_> = policies.into_iter().collect();
    policies.sort_by(|a, b| a.0.cmp(&b.0));
    let outcomes: Vec<(String, Known)> = policies
        .into_iter()
        .map(|(name, policy)| (name, outcome(policy)))
        .collect();
    if let Some((name, _)) = outcomes.iter().find(|(_, known)| *known == Known::Always) {
        return Ok(RbacVerdict {
            verdict: matched,
            policy: Some(name.as_str().into()),
        });
    }
    if matched == otherwise || outcomes.iter().all(|(_, known)| *known == Known::Never) {
        return Ok(RbacVerdict {
            verdict: otherwise,
            policy: None,
        });
    }
    Err(InvalidField::new(
        "rules.policies",
        "only policies that match every request or none are supported; the resource is refused rather than served unguarded",
    ))
}

fn outcome(policy: pb::Policy) -> Known {
    let pb::Policy {
        permissions,
        principals,
        condition,
        checked_condition,
        cel_config: _, // of conditions, which depend on the request
    } = policy;
    let mut parts = vec![
        any(permissions.iter().map(permission)),
        any(principals.iter().map(principal)),
    ];
    if condition.is_some() || checked_condition.is_some() {
        parts.push(Known::Depends);
    }
    all(parts.into_iter())
}

fn permission(permission: &pb::Permission) -> Known {
    match &permission.rule {
        Some(Rule::Any(true)) => Known::Always,
        Some(Rule::AndRules(set)) => all(set.rules.iter().map(self::permission)),
        Some(Rule::OrRules(set)) => any(set.rules.iter().map(self::permission)),
        Some(Rule::NotRule(rule)) => not(self::permission(rule)),
        None
        | Some(
            Rule::Any(false)
            | Rule::Header(_)
            | Rule::UrlPath(_)
            | Rule::DestinationIp(_)
            | Rule::DestinationPort(_)
            | Rule::DestinationPortRange(_)
            | Rule::Metadata(_)
            | Rule::RequestedServerName(_)
            | Rule::Matcher(_)
            | Rule::UriTemplate(_)
            | Rule::SourcedMetadata(_),
        ) => Known::Depends,
    }
}

fn principal(principal: &pb::Principal) -> Known {
    match &principal.identifier {
        Some(Identifier::Any(true)) => Known::Always,
        Some(Identifier::AndIds(set)) => all(set.ids.iter().map(self::principal)),
        Some(Identifier::OrIds(set)) => any(set.ids.iter().map(self::principal)),
        Some(Identifier::NotId(id)) => not(self::principal(id)),
        None
        | Some(
            Identifier::Any(false)
            | Identifier::Authenticated(_)
            | Identifier::SourceIp(_)
            | Identifier::DirectRemoteIp(_)
            | Identifier::RemoteIp(_)
            | Identifier::Header(_)
            | Identifier::UrlPath(_)
            | Identifier::Metadata(_)
            | Identifier::FilterState(_)
            | Identifier::SourcedMetadata(_)
            | Identifier::Custom(_),
        ) => Known::Depends,
    }
}

fn all(mut parts: impl Iterator<Item = Known>) -> Known {
    let worst = parts.try_fold(Known::Always, |sum, part| match (sum, part) {
        (_, Known::Never) => None,
        (Known::Always, Known::Always) => Some(Known::Always),
        (Known::Always | Known::Never | Known::Depends, Known::Always | Known::Depends) => {
            Some(Known::Depends)
        }
    });
    worst.unwrap_or(Known::Never)
}

fn any(parts: impl Iterator<Item = Known>) -> Known {
    not(all(parts.map(not)))
}

fn not(known: Known) -> Known {
    match known {
        Known::Always => Known::Never,
        Known::Never => Known::Always,
        Known::Depends => Known::Depends,
    }
}
