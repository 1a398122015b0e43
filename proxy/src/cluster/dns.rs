//! Endpoints by name: the addresses of STRICT_DNS and LOGICAL_DNS clusters, looked up again and again.
//!
//! A name that cannot be resolved keeps the addresses that it had.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;

use super::Cluster;
use super::config::{Discovery, DnsRules, LookupFamily};
use super::endpoint::{Endpoint, EndpointFacts};
use super::endpoint_set::{EndpointSet, Host, HostTemplate};
use crate::transport::Address;

/// How many addresses of a name become endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    All,
    First,
}

impl Take {
    /// The addresses that are kept of an answer. Servers turn the order of theirs with every answer: where all count, the
    /// order means nothing; where one counts, it is the first, and stays as long as the name has it.
    fn of(self, before: &[IpAddr], mut answer: Vec<IpAddr>) -> Vec<IpAddr> {
        match self {
            Self::All => {
                answer.sort_unstable();
                answer.dedup();
            }
            Self::First => {
                let kept = before.first().filter(|kept| answer.contains(kept));
                answer = kept.or(answer.first()).copied().into_iter().collect();
            }
        }
        answer
    }
}

/// Keeps the endpoints of a DNS cluster up to date until nobody holds the cluster any more; ends at once for others.
/// To be spawned on the control runtime when the cluster is put in force.
pub async fn run(cluster: Weak<Cluster>) {
    let mut state = Lookups::default();
    loop {
        let Some(held) = cluster.upgrade() else {
            return;
        };
        let (rules, take) = match &held.config.discovery {
            Discovery::StrictDns(rules) => (rules, Take::All),
            Discovery::LogicalDns(rules) => (rules, Take::First),
            Discovery::Static | Discovery::Eds(_) | Discovery::OriginalDst(_) => return,
        };
        let wait = state.round(&held, rules, take).await;
        drop(held);
        tokio::time::sleep(wait).await;
    }
}

/// What is known of the names of one cluster.
#[derive(Debug, Default)]
struct Lookups {
    resolver: Option<TokioResolver>,
    answers: Vec<Vec<IpAddr>>,
    failures: u32,
}

impl Lookups {
    /// Looks all names up and puts the endpoints in force; the time to the next round.
    async fn round(&mut self, cluster: &Cluster, rules: &DnsRules, take: Take) -> Duration {
        let first = self.answers.is_empty();
        self.answers.resize(rules.names.len(), Vec::new());
        let before = self.answers.clone();
        let mut soonest = None;
        let mut failed = false;
        for (at, template) in rules.names.iter().enumerate() {
            match self.lookup(&template.name, rules.family).await {
                Ok((addresses, until)) => {
                    self.answers[at] = take.of(&before[at], addresses);
                    soonest = [soonest, until].into_iter().flatten().min();
                }
                Err(error) => {
                    failed = true;
                    let (cluster, name) = (&cluster.config.name, &template.name);
                    tracing::warn!(%cluster, %name, %error, "name not resolved; its last addresses stay in use");
                }
            }
        }
        if first || self.answers != before {
            cluster.apply_endpoints(endpoints(rules, &self.answers));
        }
        self.next(rules, failed, soonest)
    }

    async fn lookup(
        &mut self,
        name: &str,
        family: LookupFamily,
    ) -> Result<(Vec<IpAddr>, Option<Instant>), NetError> {
        if let Ok(ip) = name.parse() {
            return Ok((vec![ip], None));
        }
        let resolver = match &self.resolver {
            Some(resolver) => resolver,
            None => self.resolver.insert(resolver(family)?),
        };
        let answer = resolver.lookup_ip(name).await?;
        Ok((answer.iter().collect(), Some(answer.valid_until())))
    }

    fn next(&mut self, rules: &DnsRules, failed: bool, until: Option<Instant>) -> Duration {
        if failed {
            let (base, max) = rules.failure_refresh;
            let wait = base.saturating_mul(1 << self.failures.min(16)).min(max);
            self.failures += 1;
            return wait.mul_f64(0.75 + fastrand::f64() / 4.0);
        }
        self.failures = 0;
        let lifetime = until.map(|until| until.saturating_duration_since(Instant::now()));
        match lifetime.filter(|_| rules.respect_ttl) {
            Some(lifetime) => lifetime.max(Duration::from_secs(1)),
            None => rules.refresh.mul_f64(0.9 + fastrand::f64() / 10.0),
        }
    }
}

fn resolver(family: LookupFamily) -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    builder.options_mut().ip_strategy = match family {
        LookupFamily::V4Only => LookupIpStrategy::Ipv4Only,
        LookupFamily::V6Only => LookupIpStrategy::Ipv6Only,
        LookupFamily::Auto => LookupIpStrategy::Ipv6thenIpv4,
        LookupFamily::V4Preferred => LookupIpStrategy::Ipv4thenIpv6,
        LookupFamily::All => LookupIpStrategy::Ipv4AndIpv6,
    };
    // The time to live is ours to keep, and so is the pace of lookups.
    builder.options_mut().cache_size = 0;
    builder.build()
}

fn endpoints(rules: &DnsRules, answers: &[Vec<IpAddr>]) -> EndpointSet {
    let mut set = EndpointSet {
        overprovisioning_percent: Some(rules.overprovisioning_percent),
        ..EndpointSet::default()
    };
    for (template, addresses) in rules.names.iter().zip(answers) {
        for ip in addresses {
            set.add(
                template.priority,
                template.locality_weight,
                host(template, *ip),
            );
        }
    }
    set
}

/// An endpoint of a name keeps the name as its host name unless it has one of its own.
fn host(template: &HostTemplate, ip: IpAddr) -> Host {
    let mut about = Arc::clone(&template.facts.about);
    if about.hostname.is_none() {
        Arc::make_mut(&mut about).hostname = Some(Arc::clone(&template.name));
    }
    let facts = EndpointFacts {
        address: Address::Ip(SocketAddr::new(ip, template.port)),
        about,
    };
    Host {
        endpoint: Arc::new(Endpoint::new(facts)),
        weight: template.weight,
        health: template.health,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::HostHealth;

    fn rules() -> DnsRules {
        let template = |port| HostTemplate {
            name: "web.example".into(),
            port,
            facts: EndpointFacts::at(Address::Ip(SocketAddr::from(([0, 0, 0, 0], 0)))),
            priority: 0,
            locality_weight: None,
            weight: 1,
            health: HostHealth::Healthy,
        };
        DnsRules {
            names: vec![template(80)],
            refresh: Duration::from_secs(5),
            failure_refresh: (Duration::from_secs(1), Duration::from_secs(8)),
            respect_ttl: false,
            family: LookupFamily::Auto,
            overprovisioning_percent: 140,
        }
    }

    fn ips(last: &[u8]) -> Vec<IpAddr> {
        last.iter()
            .map(|last| IpAddr::from([10, 0, 0, *last]))
            .collect()
    }

    #[test]
    fn strict_takes_every_address_in_any_order_and_logical_the_first_as_long_as_it_is_there() {
        assert_eq!(Take::All.of(&[], ips(&[2, 1, 2])), ips(&[1, 2]));
        assert_eq!(Take::First.of(&[], ips(&[2, 1])), ips(&[2]));
        assert_eq!(Take::First.of(&ips(&[2]), ips(&[1, 2])), ips(&[2]));
        assert_eq!(Take::First.of(&ips(&[2]), ips(&[3, 1])), ips(&[3]));
        assert_eq!(Take::First.of(&ips(&[2]), ips(&[])), ips(&[]));
    }

    #[test]
    fn every_address_becomes_an_endpoint() {
        let set = endpoints(&rules(), &[ips(&[1, 2])]);
        let addresses: Vec<_> = set
            .hosts()
            .map(|host| host.endpoint.facts.address.to_string())
            .collect();
        assert_eq!(addresses, ["10.0.0.1:80", "10.0.0.2:80"]);
    }

    #[test]
    fn failures_lengthen_the_pause_up_to_the_limit() {
        let mut lookups = Lookups::default();
        let pauses: Vec<_> = (0..6).map(|_| lookups.next(&rules(), true, None)).collect();
        assert!(pauses[0] <= Duration::from_secs(1));
        assert!(pauses[5] >= Duration::from_secs(6) && pauses[5] <= Duration::from_secs(8));
    }
}
