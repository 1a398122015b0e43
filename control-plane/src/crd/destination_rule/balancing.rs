//! `loadBalancer`: algorithms, affinity, locality.

use crate::crd::cx::Cx;
use crate::crd::problem::Invalid;
use crate::crd::value::{Percent, Time};
use crate::model::Name;
use crate::model::load_balancing::{
    Algorithm, ConsistentHash, Distribute, HashKey, HashTable, LoadBalancer, LocalityPolicy,
    LocalityPreference, Warmup,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawBalancer {
    simple: Option<Simple>,
    consistent_hash: Option<RawHash>,
    locality_lb_setting: Option<RawLocality>,
    warmup: Option<RawWarmup>,
    warmup_duration_secs: Option<Time>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Simple {
    Unspecified,
    LeastConn,
    LeastRequest,
    RoundRobin,
    Random,
    Passthrough,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawHash {
    http_header_name: Option<String>,
    http_cookie: Option<RawCookie>,
    use_source_ip: bool,
    http_query_parameter_name: Option<String>,
    ring_hash: Option<RawRing>,
    maglev: Option<RawMaglev>,
    minimum_ring_size: Option<u64>,
}

#[derive(Deserialize)]
struct RawCookie {
    name: String,
    path: Option<String>,
    ttl: Option<Time>,
    #[serde(default)]
    attributes: Vec<RawAttribute>,
}

#[derive(Deserialize)]
struct RawAttribute {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawRing {
    minimum_ring_size: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMaglev {
    table_size: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawLocality {
    enabled: Option<bool>,
    distribute: Vec<RawDistribute>,
    failover: Vec<RawFailover>,
    failover_priority: Vec<String>,
}

#[derive(Deserialize)]
struct RawDistribute {
    from: String,
    to: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct RawFailover {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawWarmup {
    duration: Time,
    minimum_percent: Option<Percent>,
    aggression: Option<f64>,
}

const DEFAULT_RING: u64 = 1024;
const DEFAULT_MAGLEV: u64 = 65_537;
const MAX_MAGLEV: u64 = 5_000_011;

impl RawBalancer {
    pub(super) fn lower(self, at: &str, cx: &Cx<'_>) -> Result<LoadBalancer, Invalid> {
        if self.simple.is_some() && self.consistent_hash.is_some() {
            return Err(Invalid::new(
                "`simple` and `consistentHash` exclude each other; remove one",
            )
            .at(at));
        }
        let hash = self
            .consistent_hash
            .map(|raw| raw.lower(&format!("{at}.consistentHash")))
            .transpose()?;
        let simple = self.simple.and_then(|simple| match simple {
            Simple::Unspecified => None,
            Simple::LeastConn | Simple::LeastRequest => Some(Algorithm::LeastRequest),
            Simple::RoundRobin => Some(Algorithm::RoundRobin),
            Simple::Random => Some(Algorithm::Random),
            Simple::Passthrough => Some(Algorithm::Passthrough),
        });
        let warmup = self
            .warmup
            .map(|raw| raw.lower(&format!("{at}.warmup")))
            .transpose()?;
        if self.warmup_duration_secs.is_some() && warmup.is_some() {
            cx.warn(
                &format!("{at}.warmupDurationSecs"),
                "`warmup` overrides it; remove it",
            );
        }
        let old_warmup = self.warmup_duration_secs.map(|time| Warmup {
            duration: time.0,
            minimum_percent: 10,
            aggression_milli: 1000,
        });
        Ok(LoadBalancer {
            algorithm: hash.map(Algorithm::ConsistentHash).or(simple),
            locality: self
                .locality_lb_setting
                .map(|raw| raw.lower(&format!("{at}.localityLbSetting")))
                .transpose()?,
            warmup: warmup.or(old_warmup),
        })
    }
}

impl RawHash {
    fn lower(self, at: &str) -> Result<ConsistentHash, Invalid> {
        let cookie = self.http_cookie.map(|cookie| HashKey::Cookie {
            name: cookie.name.into(),
            path: cookie.path.map(Name::from),
            ttl: cookie.ttl.map(|ttl| ttl.0),
            attributes: cookie
                .attributes
                .into_iter()
                .map(|a| (a.name.into(), a.value.into()))
                .collect(),
        });
        let keys = [
            self.http_header_name
                .map(|name| HashKey::Header(name.to_ascii_lowercase().into())),
            cookie,
            self.use_source_ip.then_some(HashKey::SourceIp),
            self.http_query_parameter_name
                .map(|name| HashKey::QueryParameter(name.into())),
        ];
        let mut keys = keys.into_iter().flatten();
        let (Some(key), None) = (keys.next(), keys.next()) else {
            let text = "exactly one thing is hashed; set one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName";
            return Err(Invalid::new(text).at(at));
        };
        if self.ring_hash.is_some() && self.maglev.is_some() {
            return Err(
                Invalid::new("`ringHash` and `maglev` exclude each other; remove one").at(at),
            );
        }
        let table = match self.maglev {
            Some(maglev) => HashTable::Maglev {
                size: maglev_size(maglev.table_size, at)?,
            },
            None => {
                let size = self
                    .ring_hash
                    .and_then(|ring| ring.minimum_ring_size)
                    .or(self.minimum_ring_size);
                HashTable::Ring {
                    minimum_size: size.filter(|size| *size > 0).unwrap_or(DEFAULT_RING),
                }
            }
        };
        Ok(ConsistentHash { key, table })
    }
}

fn maglev_size(size: Option<u64>, at: &str) -> Result<u64, Invalid> {
    let size = size.filter(|size| *size > 0).unwrap_or(DEFAULT_MAGLEV);
    let is_prime = size >= 2
        && (2..)
            .take_while(|factor| factor * factor <= size)
            .all(|factor| !size.is_multiple_of(factor));
    match size <= MAX_MAGLEV && is_prime {
        true => Ok(size),
        false => Err(Invalid::new(format_args!(
            "{size} is no size of a table; write a prime up to {MAX_MAGLEV}"
        ))
        .at(&format!("{at}.maglev.tableSize"))),
    }
}

impl RawLocality {
    fn lower(self, at: &str) -> Result<LocalityPolicy, Invalid> {
        let Self {
            enabled,
            distribute,
            failover,
            failover_priority,
        } = self;
        let given = [
            !distribute.is_empty(),
            !failover.is_empty(),
            !failover_priority.is_empty(),
        ];
        let failovers = given[1] && given[2];
        if given[0] && (given[1] || given[2]) || failovers {
            let text =
                "`distribute`, `failover` and `failoverPriority` exclude each other; keep one";
            return Err(Invalid::new(text).at(at));
        }
        let preference = if given[0] {
            LocalityPreference::Distribute(lower_shares(distribute, at)?)
        } else if given[1] {
            LocalityPreference::Failover(lower_failover(failover, at)?)
        } else if given[2] {
            LocalityPreference::FailoverPriority(
                failover_priority.into_iter().map(Name::from).collect(),
            )
        } else {
            LocalityPreference::Closest
        };
        Ok(LocalityPolicy {
            enabled: enabled.unwrap_or(true),
            preference,
        })
    }
}

fn lower_shares(raw: Vec<RawDistribute>, at: &str) -> Result<Vec<Distribute>, Invalid> {
    let mut shares = Vec::with_capacity(raw.len());
    for (index, RawDistribute { from, to }) in raw.into_iter().enumerate() {
        let sum: u64 = to.values().map(|share| u64::from(*share)).sum();
        if sum != 100 {
            return Err(
                Invalid::new(format_args!("the shares add up to {sum}; make it 100"))
                    .at(&format!("{at}.distribute[{index}].to")),
            );
        }
        shares.push(Distribute {
            from: from.into(),
            to: to
                .into_iter()
                .map(|(name, share)| (name.into(), share))
                .collect(),
        });
    }
    Ok(shares)
}

fn lower_failover(raw: Vec<RawFailover>, at: &str) -> Result<Vec<(Name, Name)>, Invalid> {
    let lower = |(index, RawFailover { from, to }): (usize, RawFailover)| match from == to {
        true => Err(
            Invalid::new("a region cannot fail over to itself; name another one")
                .at(&format!("{at}.failover[{index}].to")),
        ),
        false => Ok((from.into(), to.into())),
    };
    raw.into_iter().enumerate().map(lower).collect()
}

impl RawWarmup {
    fn lower(self, at: &str) -> Result<Warmup, Invalid> {
        let aggression = self.aggression.unwrap_or(1.0);
        if !(1.0..=1_000_000.0).contains(&aggression) {
            return Err(Invalid::new(format_args!(
                "{aggression} is no aggression; write 1 or more"
            ))
            .at(&format!("{at}.aggression")));
        }
        // Between 1000 and 10^9.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let aggression_milli = (aggression * 1000.0).round() as u32;
        Ok(Warmup {
            duration: self.duration.0,
            minimum_percent: self.minimum_percent.map_or(10, Percent::whole),
            aggression_milli,
        })
    }
}
