//! What Istio's standard metrics say of a request.

use std::rc::Rc;

use xds_proto::name;

use super::connection::Exchange;
use super::introduce::proven;
use crate::telemetry::istio::{Called, Measured, Peer, Protocol, Reporter, Service, Traffic};
use crate::transport::TlsFacts;

/// Counts a request that is over.
pub(crate) fn count(exchange: &Exchange<'_>) {
    let (record, local) = (&exchange.record, &exchange.downstream.local);
    if local.requests.is_off() {
        return;
    }
    let took = local.worker.now().saturating_duration_since(record.start);
    let measured = Measured {
        milliseconds: took.as_secs_f64() * 1_000.0,
        request_bytes: record.request_head_bytes + record.bytes_received,
        response_bytes: record.response_head_bytes + record.bytes_sent,
    };
    local
        .requests
        .count(&local.shard, &traffic(exchange), measured);
}

fn traffic<'a>(exchange: &'a Exchange<'_>) -> Traffic<&'a str> {
    let record = &exchange.record;
    let reporter = Reporter::of(exchange.downstream.site.config.direction);
    let tls = tls(exchange, reporter);
    Traffic {
        reporter,
        protocol: if exchange.request.is_grpc() {
            Protocol::Grpc(record.grpc_status)
        } else {
            Protocol::Http
        },
        status: record.status,
        flags: record.flags,
        service: service(exchange),
        peer: peer(exchange, reporter),
        peer_principal: tls.and_then(proven),
        own_principal: tls.and_then(|tls| tls.own.as_deref()),
    }
}

/// The connection between the two workloads.
fn tls<'a>(exchange: &'a Exchange<'_>, reporter: Reporter) -> Option<&'a TlsFacts> {
    match reporter {
        Reporter::Source => exchange.record.upstream.as_ref()?.tls.as_deref(),
        Reporter::Destination => exchange.downstream.tls.as_deref(),
    }
}

fn peer<'a>(exchange: &'a Exchange<'_>, reporter: Reporter) -> Peer<&'a str> {
    let record = &exchange.record;
    match (&record.peer, reporter) {
        (Some(workload), _) => Peer::Heard(Rc::clone(workload)),
        (None, Reporter::Source) => {
            let endpoint = record.endpoint.as_ref();
            let text = endpoint.and_then(|endpoint| endpoint.facts.workload.as_deref());
            text.map_or(Peer::Unknown, Peer::Endpoint)
        }
        (None, Reporter::Destination) => Peer::Unknown,
    }
}

/// The service as the cluster names it, else as the client does. A `host` that no route knows is a stranger's word and
/// makes no series.
fn service<'a>(exchange: &'a Exchange<'_>) -> Service<&'a str> {
    let record = &exchange.record;
    let host = record.route.as_ref().map(|_| exchange.request.authority());
    let host = host.filter(|host| !host.is_empty());
    let asked = |name| Service {
        host,
        name,
        namespace: None,
    };
    if let Some(route) = &record.route
        && *route.name == *name::BLOCK_ALL_VIRTUAL_HOST
    {
        return asked(Some(name::BLACK_HOLE_CLUSTER));
    }
    let Some(pool) = &record.cluster else {
        return asked(host);
    };
    let called = Called::of(&pool.cluster.config);
    if pool.cluster.config.services.is_empty() {
        return asked(called.name.or(host));
    }
    Service {
        host: called.host,
        name: called.name,
        namespace: called.namespace.filter(|namespace| !namespace.is_empty()),
    }
}
