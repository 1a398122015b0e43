//! `http` rules.

use super::conditions::RawMatch;
use super::extras::{RawCors, RawFault, RawHeaders, RawMirror, RawRetries, RawRewrite};
use super::reply::{RawDirectResponse, RawRedirect};
use super::{RawDestination, each, weights};
use crate::crd::cx::Cx;
use crate::crd::problem::Invalid;
use crate::crd::value::{Count, Percent, Time, check_object_name};
use crate::model::http_action::{HttpAction, Mirror, PerMillion};
use crate::model::route::{HttpRoute, WeightedDestination};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawRoute {
    name: String,
    r#match: Vec<RawMatch>,
    route: Vec<RawShare>,
    redirect: Option<RawRedirect>,
    direct_response: Option<RawDirectResponse>,
    delegate: Option<RawDelegate>,
    rewrite: Option<RawRewrite>,
    timeout: Option<Time>,
    retries: Option<RawRetries>,
    fault: Option<RawFault>,
    mirror: Option<RawDestination>,
    mirror_percentage: Option<RawPercentage>,
    mirror_percent: Option<Percent>,
    mirrors: Vec<RawMirror>,
    cors_policy: Option<RawCors>,
    headers: RawHeaders,
}

#[derive(Deserialize)]
struct RawShare {
    destination: RawDestination,
    weight: Option<Count>,
    #[serde(default)]
    headers: RawHeaders,
}

#[derive(Deserialize)]
struct RawDelegate {
    name: String,
    namespace: Option<String>,
}

/// `percentage: {value: 0.1}`
#[derive(Clone, Copy, Deserialize)]
pub(super) struct RawPercentage {
    pub(super) value: Percent,
}

impl RawRoute {
    pub(super) fn lower(self, index: usize, at: &str, cx: &Cx<'_>) -> Result<HttpRoute, Invalid> {
        self.check(at)?;
        let mirrors = self.mirrors(at, cx)?;
        Ok(HttpRoute {
            index,
            name: self.name.into(),
            matches: each(self.r#match, &format!("{at}.match"), |_, at, raw| {
                raw.lower(at, cx)
            })?,
            timeout: self
                .timeout
                .map(|time| time.0)
                .filter(|time| !time.is_zero()),
            retries: self
                .retries
                .map(|raw| raw.lower(&format!("{at}.retries")))
                .transpose()?,
            fault: self
                .fault
                .map(|raw| raw.lower(&format!("{at}.fault")))
                .transpose()?,
            mirrors,
            cors: self
                .cors_policy
                .map(|raw| raw.lower(&format!("{at}.corsPolicy")))
                .transpose()?,
            rewrite: self
                .rewrite
                .map(|raw| raw.lower(&format!("{at}.rewrite")))
                .transpose()?,
            headers: self.headers.lower(&format!("{at}.headers"))?,
            action: Actions {
                route: self.route,
                redirect: self.redirect,
                direct_response: self.direct_response,
                delegate: self.delegate,
            }
            .lower(at, cx)?,
        })
    }

    /// Rules about fields that exclude each other. See Istio, `HTTPRoute`.
    fn check(&self, at: &str) -> Result<(), Invalid> {
        let given = [
            ("route", !self.route.is_empty()),
            ("redirect", self.redirect.is_some()),
            ("directResponse", self.direct_response.is_some()),
            ("delegate", self.delegate.is_some()),
        ];
        let given: Vec<&str> = given
            .into_iter()
            .filter_map(|(name, given)| given.then_some(name))
            .collect();
        let [action] = given.as_slice() else {
            let text = match given.is_empty() {
                true => "the rule does nothing; add route, redirect, directResponse or delegate"
                    .to_owned(),
                false => format!("{} exclude each other; keep one", given.join(" and ")),
            };
            return Err(Invalid::new(text).at(at));
        };
        let refused: &[(&str, bool)] = match *action {
            "route" => &[],
            "delegate" => &[("fault", self.fault.is_some())],
            _ => &[
                ("fault", self.fault.is_some()),
                ("rewrite", self.rewrite.is_some()),
            ],
        };
        match refused.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((field, _)) => Err(Invalid::new(format_args!(
                "{field} cannot be combined with {action}; remove it"
            ))
            .at(&format!("{at}.{field}"))),
        }
    }

    fn mirrors(&self, at: &str, cx: &Cx<'_>) -> Result<Vec<Mirror>, Invalid> {
        if self.mirror.is_some() && !self.mirrors.is_empty() {
            return Err(
                Invalid::new("`mirror` and `mirrors` exclude each other; keep `mirrors`").at(at),
            );
        }
        let percentage = self
            .mirror_percentage
            .map(|raw| raw.value)
            .or(self.mirror_percent);
        let old = self.mirror.iter().map(|destination| {
            Ok(Mirror {
                destination: destination.lower(&format!("{at}.mirror"), cx)?,
                percentage: percentage.map_or(PerMillion::ALL, Percent::per_million),
            })
        });
        let new = self
            .mirrors
            .iter()
            .enumerate()
            .map(|(index, raw)| raw.lower(&format!("{at}.mirrors[{index}]"), cx));
        let all: Result<Vec<Mirror>, Invalid> = old.chain(new).collect();
        Ok(all?
            .into_iter()
            .filter(|mirror| mirror.percentage.0 > 0)
            .collect())
    }
}

/// The fields of which exactly one is given.
struct Actions {
    route: Vec<RawShare>,
    redirect: Option<RawRedirect>,
    direct_response: Option<RawDirectResponse>,
    delegate: Option<RawDelegate>,
}

impl Actions {
    fn lower(self, at: &str, cx: &Cx<'_>) -> Result<HttpAction, Invalid> {
        if let Some(redirect) = self.redirect {
            return Ok(HttpAction::Redirect(
                redirect.lower(&format!("{at}.redirect"))?,
            ));
        }
        if let Some(response) = self.direct_response {
            return Ok(HttpAction::DirectResponse(
                response.lower(&format!("{at}.directResponse"))?,
            ));
        }
        if let Some(RawDelegate { name, namespace }) = self.delegate {
            check_object_name(&name)
                .map_err(|invalid| invalid.at(&format!("{at}.delegate.name")))?;
            let namespace = namespace.filter(|namespace| !namespace.is_empty());
            let namespace = namespace.map_or_else(|| cx.origin.namespace.clone(), Into::into);
            return Ok(HttpAction::Delegate {
                namespace,
                name: name.into(),
            });
        }
        let at = format!("{at}.route");
        let weights = weights(
            &self
                .route
                .iter()
                .map(|share| share.weight)
                .collect::<Vec<_>>(),
            &at,
        )?;
        let destinations = each(
            self.route,
            &at,
            |index,
             at,
             RawShare {
                 destination,
                 weight: _,
                 headers,
             }| {
                Ok(WeightedDestination {
                    destination: destination.lower(&format!("{at}.destination"), cx)?,
                    weight: weights[index],
                    headers: headers.lower(&format!("{at}.headers"))?,
                })
            },
        )?;
        Ok(HttpAction::Forward(destinations))
    }
}
