//! `/explain`: what becomes of a request, by which listener, chain, route, cluster and endpoint, and because of which object.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::query::Query;
use super::{AdminState, Reply};
use crate::decision::{
    self, Explanation, Hypothetical, HypotheticalRequest, Outcome, Side, Stage, Step, Stores,
};
use crate::listener::Listeners;

const USAGE: &str = "usage: /explain?url=http://HOST[:PORT]/PATH[&method=GET][&header=NAME: VALUE][&direction=outbound|inbound]\
[&destination=IP:PORT][&source=IP:PORT][&sni=NAME][&alpn=PROTOCOL][&seed=NUMBER]\n";

/// A client that is neither local nor known.
const SOMEBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40000);

pub(super) fn respond(query: &Query, state: &AdminState) -> Reply {
    let asked = match asked(query, &state.listeners) {
        Ok(asked) => asked,
        Err(problem) => {
            return Reply::error(StatusCode::BAD_REQUEST, format!("{problem}\n{USAGE}"));
        }
    };
    let stores = Stores {
        listeners: &state.listeners,
        clusters: &state.clusters,
    };
    let explanation = decision::explain(stores, &asked);
    Reply::json(format!("{:#}\n", shown(&asked, &explanation)))
}

fn asked(query: &Query, listeners: &Listeners) -> Result<Hypothetical, String> {
    let url = query.get("url").ok_or("url is missing")?;
    let uri: Uri = url
        .parse()
        .map_err(|error| format!("url {url:?}: {error}"))?;
    let authority = uri
        .authority()
        .ok_or_else(|| format!("url {url:?} names no host"))?;
    let secure = uri.scheme_str() == Some("https");
    let port = authority
        .port_u16()
        .unwrap_or(if secure { 443 } else { 80 });
    let direction = match query.get("direction") {
        None | Some("outbound") => Side::Outbound,
        Some("inbound") => Side::Inbound,
        Some(other) => {
            return Err(format!(
                "direction {other:?} is neither inbound nor outbound"
            ));
        }
    };
    let headers = query
        .all("header")
        .map(header)
        .collect::<Result<Vec<_>, _>>()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let server_name = query.get("sni").or(secure.then_some(authority.host()));
    Ok(Hypothetical {
        direction,
        source: address(query, "source")?.unwrap_or(SOMEBODY),
        destination: match address(query, "destination")? {
            Some(given) => given,
            None => SocketAddr::new(resolve(listeners, authority.host()), port),
        },
        server_name: server_name.map(str::to_owned),
        application_protocols: query.all("alpn").map(str::to_owned).collect(),
        request: Some(HypotheticalRequest {
            method: query.get("method").unwrap_or("GET").to_owned(),
            path: path.to_owned(),
            authority: authority.as_str().to_owned(),
            headers,
        }),
        seed: seed(query)?,
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("header {text:?} has no colon"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn address(query: &Query, name: &str) -> Result<Option<SocketAddr>, String> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|error| format!("{name} {text:?}: {error}"))
}

/// Equal seeds draw equally; without one every question draws anew.
fn seed(query: &Query) -> Result<u64, String> {
    let Some(text) = query.get("seed") else {
        return Ok(fastrand::u64(..));
    };
    text.parse()
        .map_err(|error| format!("seed {text:?}: {error}"))
}

/// The address of a host: itself, or the virtual address that stands beside the name in a virtual host's domains. A name
/// without one gets no address, so that only listeners of a port on every address take it.
fn resolve(listeners: &Listeners, host: &str) -> IpAddr {
    if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
        return ip;
    }
    let all = listeners.snapshot();
    let tables = all.values().flat_map(|listener| listener.route_tables());
    let found = tables.filter_map(|table| {
        let host = table.virtual_host(host)?;
        host.domains.iter().find_map(|domain| ip_of(domain))
    });
    found
        .into_iter()
        .next()
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn ip_of(domain: &str) -> Option<IpAddr> {
    let addr: Result<SocketAddr, _> = domain.parse();
    addr.map(|addr| addr.ip())
        .ok()
        .or_else(|| domain.trim_matches(['[', ']']).parse().ok())
}

fn shown(asked: &Hypothetical, explanation: &Explanation) -> Value {
    json!({
        "request": asked,
        "steps": explanation.steps.iter().map(step).collect::<Vec<_>>(),
        "outcome": outcome(&explanation.outcome),
    })
}

fn step(step: &Step) -> Value {
    let mut shown = json!({
        "stage": stage(step.stage),
        "result": step.chosen,
        "because": step.because,
    });
    if !step.origin.is_empty() {
        shown["object"] = Value::String(step.origin.to_string());
    }
    shown
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Listener => "listener",
        Stage::FilterChain => "filter chain",
        Stage::Authorization => "authorization",
        Stage::VirtualHost => "virtual host",
        Stage::Route => "route",
        Stage::Fault => "fault",
        Stage::Hash => "hash policy",
        Stage::Cluster => "cluster",
        Stage::Endpoint => "endpoint",
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Forwarded { cluster, endpoint } => format!("forwarded to {endpoint} of {cluster}"),
        Outcome::Answered { status, reason } => format!("answered with {status}: {reason}"),
        Outcome::Closed { reason } => format!("connection closed: {reason}"),
    }
}
