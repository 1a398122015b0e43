//! Why a request goes where it goes. The very functions of the data path are asked, step by step, about a request that
//! may only be imagined, and every step names the object and the rule that decided.

mod http;
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::Clusters;
use crate::config::origin::Origin;
use crate::listener::filter_chain::{DetectedTransport, Verdict};
use crate::listener::placement::{Because, Placement};
use crate::listener::{
    ConnectionFacts, Direction, FilterChain, Handler, Listener, ListenerSnapshot, Listeners,
};

/// The stores that an explanation reads.
#[derive(Debug, Clone, Copy)]
pub struct Stores<'a> {
    /// Listeners, with the cells of their route tables.
    pub listeners: &'a Listeners,
    /// Clusters.
    pub clusters: &'a Clusters,
}

/// A request or connection, real or imagined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hypothetical {
    /// From the workload or to it.
    pub direction: Side,
    /// The client.
    pub source: SocketAddr,
    /// Where the client connects to.
    pub destination: SocketAddr,
    /// The server name of TLS; `None` is a connection without TLS.
    #[serde(default)]
    pub server_name: Option<String>,
    /// ALPN that the client offers in TLS.
    #[serde(default)]
    pub application_protocols: Vec<String>,
    /// The request; `None` is a connection of unknown bytes.
    #[serde(default)]
    pub request: Option<HypotheticalRequest>,
    /// The draw of weights and balancers; equal seeds give equal explanations.
    #[serde(default)]
    pub seed: u64,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HypotheticalRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The authority.
    pub authority: String,
    /// Header fields.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

/// A side of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// To the workload.
    Inbound,
    /// From the workload.
    Outbound,
}

/// How a request is dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The decisions in their order.
    pub steps: Vec<Step>,
    /// What comes of it.
    pub outcome: Outcome,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was decided.
    pub stage: Stage,
    /// What was chosen.
    pub chosen: String,
    /// Why.
    pub because: String,
    /// The object behind what was chosen.
    #[serde(skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
}

/// A stage of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The listener.
    Listener,
    /// The filter chain.
    FilterChain,
    /// Authorization.
    Authorization,
    /// The virtual host.
    VirtualHost,
    /// The route.
    Route,
    /// A delay or an answer that a fault policy injects.
    Fault,
    /// What the balancer hashes.
    Hash,
    /// The cluster.
    Cluster,
    /// The endpoint.
    Endpoint,
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// It goes to an endpoint.
    Forwarded {
        /// The cluster.
        cluster: String,
        /// The endpoint's address.
        endpoint: String,
    },
    /// The proxy answers with this status.
    Answered {
        /// The status.
        status: u16,
        /// Why.
        reason: String,
    },
    /// The connection is closed.
    Closed {
        /// Why.
        reason: String,
    },
}

/// Explains what would become of a request.
pub fn explain(stores: Stores<'_>, asked: &Hypothetical) -> Explanation {
    let mut way = Way {
        stores,
        asked,
        steps: Vec::new(),
        rng: fastrand::Rng::with_seed(asked.seed),
    };
    let outcome = way.listener();
    Explanation {
        steps: way.steps,
        outcome,
    }
}

/// The way of one request with the decisions so far.
struct Way<'a> {
    stores: Stores<'a>,
    asked: &'a Hypothetical,
    steps: Vec<Step>,
    rng: fastrand::Rng,
}

impl Way<'_> {
    fn step(
        &mut self,
        stage: Stage,
        chosen: impl Into<String>,
        because: impl Into<String>,
        origin: &Origin,
    ) {
        self.steps.push(Step {
            stage,
            chosen: chosen.into(),
            because: because.into(),
            origin: origin.clone(),
        });
    }

    fn listener(&mut self) -> Outcome {
        let all = self.stores.listeners.snapshot();
        let side = match self.asked.direction {
            Side::Inbound => Direction::Inbound,
            Side::Outbound => Direction::Outbound,
        };
        let Some((listener, because)) = find_listener(&all, side, self.asked.destination) else {
            let reason = format!(
                "no listener takes connections to {}",
                self.asked.destination
            );
            return Outcome::Closed { reason };
        };
        self.step(
            Stage::Listener,
            &*listener.name,
            why_listener(because),
            &listener.origin,
        );
        self.chain(listener)
    }

    fn chain(&mut self, listener: &Arc<Listener>) -> Outcome {
        let facts = facts(listener, self.asked);
        let chain = match listener.chains.find(&facts) {
            Ok(chain) => chain,
            Err(none) => {
                return Outcome::Closed {
                    reason: none.to_string(),
                };
            }
        };
        let is_default = listener
            .chains
            .default_chain()
            .is_some_and(|default| Arc::ptr_eq(default, chain));
        let because = if is_default {
            "no other chain of the listener matches"
        } else {
            "it matches most specifically"
        };
        self.step(Stage::FilterChain, &*chain.name, because, &chain.origin);
        if let Some(guard) = chain
            .rbac
            .iter()
            .find(|guard| guard.verdict == Verdict::Deny)
        {
            let policy = guard.policy.as_deref().unwrap_or("no policy allows it");
            self.step(Stage::Authorization, "denied", policy, &chain.origin);
            return Outcome::Closed {
                reason: "denied by network authorization".into(),
            };
        }
        self.handler(chain)
    }

    fn handler(&mut self, chain: &FilterChain) -> Outcome {
        match &chain.handler {
            Handler::Http(config) => self.http(config),
            Handler::Tcp(config) => {
                let random = self.rng.u64(..);
                let picked = config.pick_cluster(random);
                let because = format!(
                    "weight {} of {} in the TCP proxy",
                    picked.weight, config.total_weight
                );
                self.cluster(upstream::Wanted {
                    name: &picked.name,
                    subset: &picked.subset,
                    because,
                    hash: None,
                })
            }
            Handler::Refuse(reason) => Outcome::Closed {
                reason: reason.to_string(),
            },
        }
    }
}

/// The listener that takes a connection: the one that the redirect rules of its side lead to, or the one whose socket it
/// reaches; and after that, where that one hands over, the listener of its destination.
fn find_listener(
    all: &ListenerSnapshot,
    side: Direction,
    destination: SocketAddr,
) -> Option<(&Arc<Listener>, Because)> {
    let here = |listener: &&Arc<Listener>| {
        listener.direction == side || listener.direction == Direction::Unspecified
    };
    let with_itself = |listener| (Arc::as_ref(listener), listener);
    let placement = Placement::new(all.values().map(with_itself));
    let captures =
        |listener: &&Arc<Listener>| listener.use_original_dst || listener.recover_original_dst;
    let Some(accepted) = all.values().filter(here).find(captures) else {
        let reached = Placement::new(all.values().filter(here).map(with_itself));
        let (listener, because) = reached.find(destination)?;
        return Some((*listener, because));
    };
    match placement.hand_over(accepted, destination) {
        Some((meant, because)) => Some((*meant, because)),
        None => Some((accepted, Because::Accepted)),
    }
}

fn why_listener(because: Because) -> &'static str {
    match because {
        Because::Address => "it stands for the destination's address",
        Because::Port => "it stands for the destination's port on every address",
        Because::Accepted => "it takes all captured connections that no other listener stands for",
    }
}

fn facts(listener: &Listener, asked: &Hypothetical) -> ConnectionFacts {
    let mut facts = ConnectionFacts::plain(asked.source, asked.destination);
    if let Some(name) = asked.server_name.as_ref().filter(|_| listener.inspect.tls) {
        facts.transport = DetectedTransport::Tls;
        facts.server_name = (!name.is_empty()).then(|| name.to_ascii_lowercase().into());
        facts.application_protocols = asked
            .application_protocols
            .iter()
            .map(|one| one.as_bytes().into())
            .collect();
    } else if listener.inspect.http && asked.request.is_some() && asked.server_name.is_none() {
        facts.application_protocols = vec![(*b"http/1.1").into()];
    }
    facts
}

#[cfg(test)]
mod tests;
