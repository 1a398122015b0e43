//! Sidecars introduce their workloads to each other in the headers `x-envoy-peer-metadata` and
//! `x-envoy-peer-metadata-id`, for the labels of telemetry. Source: Istio's metadata exchange.
//!
//! Invariant: the headers stay between sidecars that have proved their identities to each other. They are taken off every
//! request and response, and added only towards a peer with a verified SPIFFE certificate.

use super::connection::Exchange;
use super::head::{Fields, KnownName};
use crate::cluster::pool::UpstreamFacts;
use crate::listener::Direction;
use crate::telemetry::istio::Introduction;
use crate::transport::TlsFacts;

/// Takes the client's introduction off the request. It is believed on the side of the server only.
pub(crate) fn of_client(exchange: &mut Exchange<'_>) {
    let downstream = exchange.downstream;
    let fields = &mut exchange.request.fields;
    let listening = match downstream.site.config.direction {
        Direction::Inbound => downstream.tls.as_deref().and_then(proven).is_some(),
        Direction::Outbound | Direction::Unspecified => false,
    };
    if listening {
        exchange.wants_introduction = fields.has(KnownName::XEnvoyPeerMetadataId);
        exchange.record.peer = fields
            .get_known(KnownName::XEnvoyPeerMetadata)
            .and_then(|text| downstream.heard.workload(text));
    }
    remove(fields);
}

/// Introduces this workload to the server of an attempt, if it belongs to the mesh.
pub(crate) fn to_server(exchange: &mut Exchange<'_>, upstream: &UpstreamFacts) {
    let ours = match exchange.downstream.site.config.direction {
        Direction::Outbound | Direction::Unspecified => upstream.tls.as_deref().and_then(proven),
        Direction::Inbound => None,
    };
    match (ours, exchange.downstream.local.requests.introduction()) {
        (Some(_), Some(introduction)) => add(&mut exchange.request.fields, introduction),
        // An attempt before this one may have gone into the mesh.
        (None, _) | (_, None) => remove(&mut exchange.request.fields),
    }
}

/// Takes the server's introduction off the response.
pub(crate) fn of_server(exchange: &mut Exchange<'_>) {
    let fields = &mut exchange.response.fields;
    if let Some(upstream) = &exchange.record.upstream
        && upstream.tls.as_deref().and_then(proven).is_some()
        && let Some(text) = fields.get_known(KnownName::XEnvoyPeerMetadata)
    {
        exchange.record.peer = upstream.heard.workload(text);
    }
    remove(fields);
}

/// Introduces this workload to a client that introduced itself.
pub(crate) fn to_client(exchange: &mut Exchange<'_>) {
    let introduction = exchange.downstream.local.requests.introduction();
    if let (true, Some(introduction)) = (exchange.wants_introduction, introduction) {
        add(&mut exchange.response.fields, introduction);
    }
}

/// The SPIFFE identity that the other side of a connection proved.
pub(crate) fn proven(tls: &TlsFacts) -> Option<&str> {
    let peer = tls.peer.as_ref().filter(|_| tls.verified)?;
    peer.spiffe_id()
}

fn add(fields: &mut Fields, introduction: &Introduction) {
    fields.set_known(KnownName::XEnvoyPeerMetadataId, introduction.id.as_bytes());
    fields.set_known(
        KnownName::XEnvoyPeerMetadata,
        introduction.metadata.as_bytes(),
    );
}

fn remove(fields: &mut Fields) {
    fields.remove_known(KnownName::XEnvoyPeerMetadataId);
    fields.remove_known(KnownName::XEnvoyPeerMetadata);
}
