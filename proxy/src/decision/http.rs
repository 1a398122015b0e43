//! The HTTP part of the way: virtual host, route, and what the route does.

use crate::config::origin::Origin;
use crate::http::config::HttpConfig;
use crate::http::filter::fault::Abort;
use crate::http::filter::{InForce, PerFilter};
use crate::http::hash::{self, Hashable};
use crate::http::route::hash::HashPolicy;
use crate::http::route::{Action, Forward, NoRoute, PathMatch, RequestFacts, Route};

use super::upstream::Wanted;
use super::{HypotheticalRequest, Outcome, Stage, Way};

const INJECTED: &str = "the fault policy draws it";

type Facts<'a> = RequestFacts<'a, ::http::HeaderMap>;

impl Way<'_> {
    pub(super) fn http(&mut self, config: &HttpConfig) -> Outcome {
        let Some(request) = self.asked.request.clone() else {
            return Outcome::Closed {
                reason: "the chain speaks HTTP, and no request was given".into(),
            };
        };
        let Some(table) = config.routes.current() else {
            let reason = format!("route table {:?} has not come yet", config.routes.name());
            return Outcome::Answered {
                status: 404,
                reason,
            };
        };
        let headers = headers(&request);
        let facts = Facts {
            method: &request.method,
            path: &request.path,
            authority: &request.authority,
            scheme: if self.asked.server_name.is_some() {
                "https"
            } else {
                "http"
            },
            headers: &headers,
            secure: self.asked.server_name.is_some(),
            internal: false,
            client_certificate: None,
            random: self.rng.u64(..),
        };
        let decision = match table.find(&facts) {
            Ok(decision) => decision,
            Err(none) => return self.no_route(none),
        };
        let host = decision.virtual_host;
        let because = format!(
            "authority {:?} matches one of {}",
            request.authority,
            host.domains.join(", ")
        );
        self.step(Stage::VirtualHost, &*host.name, because, &host.origin);
        let route = decision.route;
        self.step(Stage::Route, name_of(route), describe(route), &route.origin);
        let levels = &route.per_filter;
        let (status, reason) = match &route.action {
            Action::Forward(forward) => return self.forward((forward, config, levels), &facts),
            Action::Redirect(redirect) => (redirect.status, "the route redirects"),
            Action::Direct(direct) => (direct.status, "the route answers by itself"),
        };
        self.denied(config, levels)
            .or_else(|| self.fault((config, levels), "", &facts))
            .unwrap_or_else(|| Outcome::Answered {
                status,
                reason: reason.into(),
            })
    }

    fn no_route(&mut self, none: NoRoute<'_>) -> Outcome {
        let (status, host) = match none {
            NoRoute::NoVirtualHost => (404, None),
            NoRoute::NoRoute(host) => (404, Some(host)),
            NoRoute::TlsRequired(host) => (301, Some(host)),
        };
        if let Some(host) = host {
            self.step(
                Stage::VirtualHost,
                &*host.name,
                "it has the authority",
                &host.origin,
            );
        }
        Outcome::Answered {
            status,
            reason: none.to_string(),
        }
    }

    fn denied(&mut self, config: &HttpConfig, levels: &PerFilter) -> Option<Outcome> {
        let denial = config.filters.denial(levels)?;
        let policy = denial
            .policy
            .as_deref()
            .unwrap_or("no policy allows it")
            .to_owned();
        self.step(Stage::Authorization, "denied", policy, &Origin::default());
        Some(Outcome::Answered {
            status: 403,
            reason: "denied by authorization".into(),
        })
    }

    /// What a fault policy injects; an answer ends the way.
    fn fault(
        &mut self,
        (config, levels): (&HttpConfig, &PerFilter),
        cluster: &str,
        facts: &Facts<'_>,
    ) -> Option<Outcome> {
        for filter in config.filters.in_force(levels) {
            let InForce::Fault(policy) = filter else {
                continue;
            };
            let numbers = (self.rng.u64(..), self.rng.u64(..));
            let injected = policy.decide(facts, cluster, numbers);
            if let Some(delay) = injected.delay {
                let wait = format!("waits {delay:?}");
                self.step(Stage::Fault, wait, INJECTED, &Origin::default());
            }
            if let Some(abort) = injected.abort {
                let (status, chosen) = match abort {
                    Abort::Http(status) => (status, format!("status {status}")),
                    Abort::Grpc(status) => (200, format!("gRPC status {status}")),
                };
                self.step(Stage::Fault, chosen, INJECTED, &Origin::default());
                return Some(Outcome::Answered {
                    status,
                    reason: "a fault is injected".into(),
                });
            }
        }
        None
    }

    /// What of the request the balancer hashes, where the route says that it should.
    fn hash(&mut self, policies: &[HashPolicy], facts: &Facts<'_>) -> Option<u64> {
        let request = Hashable {
            headers: facts.headers,
            path: facts.path,
            source: self.asked.source.ip(),
        };
        let mut inputs = Vec::new();
        let hash = hash::combine(policies, |input| {
            let found = hash::found(&request, input)?;
            inputs.push(input.to_string());
            Some(found)
        });
        if !policies.is_empty() {
            let (chosen, because) = match hash {
                Some(_) => (inputs.join(", "), "the route hashes it for the balancer"),
                None => ("nothing".into(), "the request has nothing that is hashed"),
            };
            self.step(Stage::Hash, chosen, because, &Origin::default());
        }
        hash
    }

    fn forward(
        &mut self,
        (forward, config, levels): (&Forward, &HttpConfig, &PerFilter),
        facts: &Facts<'_>,
    ) -> Outcome {
        let random = self.rng.u64(..);
        let picked = forward.pick_cluster(facts, random);
        let weighted = picked.as_ref().ok().and_then(|picked| picked.weighted);
        let levels = weighted.map_or(levels, |weighted| &weighted.per_filter);
        if let Some(denied) = self.denied(config, levels) {
            return denied;
        }
        let picked = match picked {
            Ok(picked) => picked,
            Err(none) => {
                return Outcome::Answered {
                    status: forward.cluster_not_found,
                    reason: none.to_string(),
                };
            }
        };
        let because = match picked.weighted {
            Some(weighted) => format!("drawn with weight {}", weighted.weight),
            None => "the route names it".to_owned(),
        };
        let subset = picked.weighted.map_or_else(
            || forward.subset.clone(),
            |one| forward.subset.with(&one.subset),
        );
        if let Some(injected) = self.fault((config, levels), &picked.name, facts) {
            return injected;
        }
        let hash = self.hash(&forward.hash, facts);
        self.cluster(Wanted {
            name: &picked.name,
            subset: &subset,
            because,
            hash,
        })
    }
}

fn headers(request: &HypotheticalRequest) -> ::http::HeaderMap {
    let parsed = request.headers.iter().filter_map(|(name, value)| {
        let name = ::http::HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, ::http::HeaderValue::from_str(value).ok()?))
    });
    let mut map = ::http::HeaderMap::new();
    for (name, value) in parsed {
        map.append(name, value);
    }
    map
}

fn name_of(route: &Route) -> String {
    if route.name.is_empty() {
        "(unnamed)".to_owned()
    } else {
        route.name.to_string()
    }
}

/// What the route asks for, all of which the request meets.
fn describe(route: &Route) -> String {
    let wanted = &route.matching;
    let path = match &wanted.path {
        PathMatch::Prefix(text) => format!("path begins with {:?}", text.as_str()),
        PathMatch::Exact(text) => format!("path is {:?}", text.as_str()),
        PathMatch::Regex(regex) => format!("path matches {:?}", regex.as_str()),
        PathMatch::SegmentPrefix(text) => format!("path is {0:?} or below {0:?}", text.as_str()),
    };
    let more = wanted.headers.len() + wanted.query.len();
    if more == 0 {
        path
    } else {
        format!("{path}, and {more} conditions on headers and query hold")
    }
}
