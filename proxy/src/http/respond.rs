//! The response head on its way to the client.

use super::codec::h1::Framing;
use super::codec::leg::{Leg, LegError};
use super::config::ServerHeaderMode;
use super::connection::Exchange;
use super::edits;
use super::handle::{Routed, persistence};
use super::head::{KnownName, Version};
use super::introduce;
use super::route::WeightedCluster;

/// What edited the request edits the response.
pub(crate) struct Edited<'a> {
    pub(crate) routed: &'a Routed,
    pub(crate) weighted: Option<&'a WeightedCluster>,
}

/// Writes what the connection manager and the route add to a response.
pub(crate) fn prepare(exchange: &mut Exchange<'_>, edited: Option<Edited<'_>>) {
    let config = &exchange.downstream.site.config;
    match config.server.mode {
        ServerHeaderMode::PassThrough => {}
        ServerHeaderMode::AppendIfAbsent if exchange.response.fields.has(KnownName::Server) => {}
        ServerHeaderMode::Overwrite | ServerHeaderMode::AppendIfAbsent => {
            exchange
                .response
                .fields
                .set_known(KnownName::Server, config.server.name.as_bytes());
        }
    }
    if let Some(via) = &config.via {
        exchange
            .response
            .fields
            .append_to_list(KnownName::Via, via.as_bytes());
    }
    if config.request_id.always_set_in_response
        && let Some(id) = exchange.request.fields.get_known(KnownName::XRequestId)
    {
        exchange
            .response
            .fields
            .set_known(KnownName::XRequestId, id);
    }
    if let Some(Edited { routed, weighted }) = edited {
        if routed.virtual_host.attempt_count_in_response {
            exchange.response.fields.set_number(
                KnownName::XEnvoyAttemptCount,
                u64::from(exchange.record.attempts),
            );
        }
        if let Some(weighted) = weighted {
            edits::response(exchange, &weighted.response_headers);
        }
        edits::response(exchange, &routed.route.response_headers);
    }
    introduce::to_client(exchange);
    exchange.close |= exchange.downstream.must_close();
    exchange.record.status = exchange.response.status.as_u16();
}

/// Sends the head.
pub(crate) fn send_head(
    exchange: &mut Exchange<'_>,
    down: &mut Leg,
    framing: Framing,
) -> Result<(), LegError> {
    exchange.record.response_head_bytes = exchange.response.fields.size() as u64;
    let framing = framing_for(exchange.request.version, framing);
    if framing == Framing::UntilClose {
        exchange.close = true;
    }
    down.send_response(&exchange.response, framing, persistence(exchange))
}

/// Only HTTP/1.1 knows chunks; where they are known, nothing needs the end of the connection.
fn framing_for(version: Version, framing: Framing) -> Framing {
    match (version, framing) {
        (Version::Http10, Framing::Chunked) => Framing::UntilClose,
        (Version::Http11 | Version::Http2, Framing::UntilClose) => Framing::Chunked,
        (_, framing) => framing,
    }
}
