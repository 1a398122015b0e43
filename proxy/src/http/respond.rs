//! The response head on its way to the client.

use ::http::{Method, StatusCode};

use super::codec::h1::Framing;
use super::codec::leg::{Leg, LegError};
use super::config::ServerHeaderMode;
use super::connection::Exchange;
use super::edits;
use super::handle::persistence;
use super::head::{KnownName, RequestHead, ResponseHead, Version};
use super::introduce;
use super::route::{RouteDecision, WeightedCluster};

/// What edited the request edits the response.
pub(crate) struct Edited<'a> {
    pub(crate) routed: RouteDecision<'a>,
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
        super::hash::set_cookies(exchange);
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
    if framing == Framing::Empty {
        end_with_head(&exchange.request, &mut exchange.response);
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

/// Tells an HTTP/1 client that a response without body ends with its head. Where neither the method nor the status says
/// so, only `content-length` does: without it the client would wait for the end of the connection (RFC 9112 section 6.3).
fn end_with_head(request: &RequestHead, response: &mut ResponseHead) {
    let said = request.version == Version::Http2
        || request.method == Method::HEAD
        || response.status.is_informational()
        || matches!(
            response.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    if !said && response.fields.get_known(KnownName::ContentLength) != Some(b"0".as_slice()) {
        response.fields.set_number(KnownName::ContentLength, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_without_body_says_so_unless_method_or_status_do() {
        let length = |method: Method, version, status: u16| {
            let mut request = RequestHead::new(method, "a.example", "/");
            request.version = version;
            let status = StatusCode::from_u16(status).expect("a status");
            let mut response = ResponseHead::new(status);
            end_with_head(&request, &mut response);
            let length = response.fields.get_known(KnownName::ContentLength);
            length.map(<[u8]>::to_vec)
        };
        let zero = Some(b"0".to_vec());
        assert_eq!(length(Method::GET, Version::Http11, 200), zero);
        assert_eq!(length(Method::GET, Version::Http10, 503), zero);
        assert_eq!(length(Method::POST, Version::Http11, 205), zero);
        assert_eq!(length(Method::HEAD, Version::Http11, 200), None);
        assert_eq!(length(Method::GET, Version::Http2, 200), None);
        for status in [100, 101, 204, 304] {
            assert_eq!(length(Method::GET, Version::Http11, status), None);
        }
    }

    #[test]
    fn the_length_of_an_answer_to_head_is_the_upstreams() {
        let request = RequestHead::new(Method::HEAD, "a.example", "/");
        let mut response = ResponseHead::default();
        response.fields.set_number(KnownName::ContentLength, 77);
        end_with_head(&request, &mut response);
        assert_eq!(
            response.fields.get_known(KnownName::ContentLength),
            Some(b"77".as_slice())
        );
    }
}
