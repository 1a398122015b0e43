//! The series of one description: its labels in Istio's order, and what stands where the description is silent.

use std::str::FromStr;
use std::sync::Arc;

use xds_proto::spiffe::SpiffeId;

use super::{Handles, Peer, Protocol, Traffic};
use crate::telemetry::istio::{Called, End, Parties, Reporter, Workload};
use crate::telemetry::metrics::{Registry, Series};

/// The series of one description, made where they are new.
pub(super) fn resolve(registry: &Registry, traffic: &Traffic<&str>, own: &Workload) -> Handles {
    let peer = peer(traffic);
    let series = |family| series(family, traffic, &peer, own);
    Handles {
        requests: registry.counter(series("istio_requests_total")),
        duration: registry.histogram(series("istio_request_duration_milliseconds")),
        request_bytes: registry.histogram(series("istio_request_bytes")),
        response_bytes: registry.histogram(series("istio_response_bytes")),
    }
}

/// The workload on the other side. The namespace that its certificate proves counts more than the one it says.
fn peer(traffic: &Traffic<&str>) -> Workload {
    let peer = match &traffic.peer {
        Peer::Unknown => Workload::default(),
        Peer::Heard(workload) => (**workload).clone(),
        Peer::Endpoint(text) => Workload::of_endpoint(text),
    };
    let proven = traffic
        .peer_principal
        .and_then(|principal| SpiffeId::from_str(principal).ok());
    Workload {
        namespace: proven
            .map(|id| Arc::from(id.namespace()))
            .or(peer.namespace),
        ..peer
    }
}

fn series(
    family: &'static str,
    traffic: &Traffic<&str>,
    peer: &Workload,
    own: &Workload,
) -> Series {
    let peer = End {
        workload: peer,
        principal: traffic.peer_principal,
    };
    let own = End {
        workload: own,
        principal: traffic.own_principal,
    };
    let service = &traffic.service;
    let (source, destination, called) = match traffic.reporter {
        Reporter::Source => {
            let called = Called {
                host: service.host,
                name: service.name,
                namespace: service.namespace,
            };
            (own, peer, called)
        }
        // The server knows what it serves better than its clients do.
        Reporter::Destination => {
            let canonical = own.workload.canonical_service.as_deref();
            let called = Called {
                host: service.host.or(canonical),
                name: service.name.or(canonical),
                namespace: own.workload.namespace.as_deref(),
            };
            (peer, own, called)
        }
    };
    let (protocol, grpc_status) = match traffic.protocol {
        Protocol::Http => ("http", None),
        Protocol::Grpc(status) => ("grpc", status),
    };
    let grpc_status = grpc_status.map_or_else(String::new, |status| status.to_string());
    let parties = Parties {
        reporter: traffic.reporter,
        source,
        destination,
        called,
        protocol,
        mutual_tls: traffic.peer_principal.is_some() && traffic.own_principal.is_some(),
    };
    let series = parties
        .begin(family)
        .label("response_code", traffic.status.to_string())
        .label("grpc_response_status", grpc_status);
    parties.end(series, traffic.flags)
}
