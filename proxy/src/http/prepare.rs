//! What a connection manager does to every request before anything else looks at it: forwarding headers, request id,
//! client certificate, authority and path. Source: Envoy "HTTP header manipulation".

use ::http::{Method, StatusCode};

use super::config::{EscapedSlashes, ForwardClientCertMode, StripPort, Underscores};
use super::connection::Exchange;
use super::handle::Stop;
use super::head::{KnownName, Scheme, Version};
use super::introduce;
use super::local_reply::LocalReply;
use super::path;
use super::route::table::without_port;

/// Prepares the request in `exchange`, or says why it is refused.
pub(crate) fn prepare(exchange: &mut Exchange<'_>) -> Result<(), Stop> {
    if exchange.request.method == Method::CONNECT {
        // What follows may be meant for the tunnel that there is not.
        exchange.close |= exchange.request.version != Version::Http2;
        return Err(LocalReply::no_route().into());
    }
    introduce::of_client(exchange);
    let config = &exchange.downstream.site.config;
    if config.limits.underscores != Underscores::Allow {
        underscores(exchange)?;
    }
    let as_it_came = config.strip_port == StripPort::Keep && !config.strip_trailing_host_dot;
    if !as_it_came || exchange.request.authority().is_empty() {
        authority(exchange)?;
    }
    normalize_path(exchange)?;
    scheme(exchange);
    forwarded(exchange);
    request_id(exchange);
    client_certificate(exchange);
    if let Some(via) = &exchange.downstream.site.config.via {
        exchange
            .request
            .fields
            .append_to_list(KnownName::Via, via.as_bytes());
    }
    Ok(())
}

#[inline(never)]
fn underscores(exchange: &mut Exchange<'_>) -> Result<(), Stop> {
    match exchange.downstream.site.config.limits.underscores {
        Underscores::Allow => Ok(()),
        Underscores::DropHeader => {
            exchange
                .request
                .fields
                .retain(|name, _| !name.as_bytes().contains(&b'_'));
            Ok(())
        }
        Underscores::RejectRequest => {
            let found = exchange
                .request
                .fields
                .iter()
                .any(|(name, _)| name.as_bytes().contains(&b'_'));
            if found {
                Err(bad_request("unexpected_underscore").into())
            } else {
                Ok(())
            }
        }
    }
}

fn bad_request(details: &'static str) -> LocalReply {
    LocalReply::new(StatusCode::BAD_REQUEST, "", details)
}

#[inline(never)]
fn authority(exchange: &mut Exchange<'_>) -> Result<(), Stop> {
    let config = &exchange.downstream.site.config;
    let request = &mut exchange.request;
    if request.authority().is_empty() {
        match (&config.http1.default_host_for_http_10, request.version) {
            (Some(host), Version::Http10) => request.set_authority(host),
            _ => return Err(bad_request("missing_host_header").into()),
        }
    }
    let strip = match config.strip_port {
        StripPort::Keep => false,
        StripPort::Any => true,
        StripPort::Matching => {
            let port = format!(":{}", exchange.downstream.facts.destination.port());
            request.authority().ends_with(&port)
        }
    };
    if strip && without_port(request.authority()).len() < request.authority().len() {
        let host = without_port(request.authority()).to_owned();
        request.set_authority(&host);
    }
    if config.strip_trailing_host_dot {
        let host = without_port(request.authority());
        if let Some(bare) = host.strip_suffix('.') {
            let changed = format!("{bare}{}", &request.authority()[host.len()..]);
            request.set_authority(&changed);
        }
    }
    Ok(())
}

fn normalize_path(exchange: &mut Exchange<'_>) -> Result<(), Stop> {
    let rules = exchange.downstream.site.config.paths;
    if !rules.normalize && !rules.merge_slashes && rules.escaped_slashes == EscapedSlashes::Keep {
        return Ok(());
    }
    match path::normalize(exchange.request.path(), rules) {
        path::Normal::Unchanged => Ok(()),
        path::Normal::Changed(path) => {
            exchange.request.set_path(&path);
            Ok(())
        }
        path::Normal::Redirect(path) => {
            let reply = LocalReply::new(
                StatusCode::TEMPORARY_REDIRECT,
                "",
                "path_normalization_failed",
            );
            Err(reply.field(KnownName::Location, path).into())
        }
        path::Normal::Refused => Err(bad_request("path_normalization_failed").into()),
    }
}

fn scheme(exchange: &mut Exchange<'_>) {
    if exchange.downstream.tls.is_some() {
        exchange.request.scheme = Scheme::Https;
    }
    match exchange.downstream.site.config.scheme.overwrite.as_deref() {
        Some("https") => exchange.request.scheme = Scheme::Https,
        Some(_) => exchange.request.scheme = Scheme::Http,
        None => {}
    }
}

fn forwarded(exchange: &mut Exchange<'_>) {
    let rules = &exchange.downstream.site.config.forwarded;
    let proto = if exchange.downstream.tls.is_some() {
        b"https".as_slice()
    } else {
        b"http"
    };
    let fields = &mut exchange.request.fields;
    if rules.use_remote_address {
        at_the_edge(exchange, proto);
    } else if !fields.has(KnownName::XForwardedProto) {
        fields.set_known(KnownName::XForwardedProto, proto);
    }
}

/// Says who the client is, and takes from strangers what would steer the mesh.
#[inline(never)]
fn at_the_edge(exchange: &mut Exchange<'_>, proto: &[u8]) {
    let rules = &exchange.downstream.site.config.forwarded;
    let peer = exchange.downstream.facts.direct_source.ip();
    let fields = &mut exchange.request.fields;
    if !rules.skip_append {
        fields.append_to_list(KnownName::XForwardedFor, peer.to_string().as_bytes());
    }
    if rules.trusted_hops == 0 || !fields.has(KnownName::XForwardedProto) {
        fields.set_known(KnownName::XForwardedProto, proto);
    }
    if exchange.downstream.internal {
        exchange
            .request
            .fields
            .set_known(KnownName::XEnvoyInternal, b"true");
    } else {
        for name in STEERING {
            exchange.request.fields.remove_known(*name);
        }
    }
}

/// Headers that only callers inside the mesh may send.
const STEERING: &[KnownName] = &[
    KnownName::XEnvoyInternal,
    KnownName::XEnvoyRetryOn,
    KnownName::XEnvoyRetryGrpcOn,
    KnownName::XEnvoyMaxRetries,
    KnownName::XEnvoyRetriableStatusCodes,
    KnownName::XEnvoyRetriableHeaderNames,
    KnownName::XEnvoyUpstreamRqTimeoutMs,
    KnownName::XEnvoyUpstreamRqPerTryTimeoutMs,
    KnownName::XEnvoyExpectedRqTimeoutMs,
    KnownName::XEnvoyDecoratorOperation,
];

fn request_id(exchange: &mut Exchange<'_>) {
    let config = &exchange.downstream.site.config;
    let edge = config.forwarded.use_remote_address && !exchange.downstream.internal;
    let kept = exchange.request.fields.has(KnownName::XRequestId)
        && (!edge || config.request_id.preserve_external);
    if kept || !config.request_id.generate {
        return;
    }
    let (high, low) = exchange
        .downstream
        .local
        .worker
        .with_rng(|rng| (rng.u64(..), rng.u64(..)));
    exchange
        .request
        .fields
        .set_known(KnownName::XRequestId, &uuid(high, low));
}

/// A version 4 UUID (RFC 9562 section 5.4) as text.
fn uuid(high: u64, low: u64) -> [u8; 36] {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0x3 << 62) | 0x2 << 62;
    let (high, low) = (hexadecimal(high), hexadecimal(low));
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&high[..8]);
    text[9..13].copy_from_slice(&high[8..12]);
    text[14..18].copy_from_slice(&high[12..]);
    text[19..23].copy_from_slice(&low[..4]);
    text[24..].copy_from_slice(&low[4..]);
    text
}

fn hexadecimal(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    text[..8].copy_from_slice(&digits((number >> 32) as u32));
    text[8..].copy_from_slice(&digits(number as u32));
    text
}

/// Eight hexadecimal digits, made all at once: one in each byte of a word.
fn digits(number: u32) -> [u8; 8] {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let number = u64::from(number);
    let halves = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let values = (bytes | bytes << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (values + 6 * ONES) >> 4 & ONES;
    (values + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

fn client_certificate(exchange: &mut Exchange<'_>) {
    let rules = exchange.downstream.site.config.client_cert;
    let client = exchange.downstream.peer();
    let own = exchange.downstream.own_identity();
    let fields = &mut exchange.request.fields;
    match (rules.mode, client) {
        (ForwardClientCertMode::AlwaysForwardOnly, _)
        | (ForwardClientCertMode::ForwardOnly, Some(_)) => {}
        (ForwardClientCertMode::Sanitize, _) | (_, None) => {
            fields.remove_known(KnownName::XForwardedClientCert);
        }
        (ForwardClientCertMode::AppendForward, Some(peer)) => {
            let element = super::client_cert::element(peer, own, rules.details);
            fields.append_to_list(KnownName::XForwardedClientCert, element.as_bytes());
        }
        (ForwardClientCertMode::SanitizeSet, Some(peer)) => {
            let element = super::client_cert::element(peer, own, rules.details);
            fields.set_known(KnownName::XForwardedClientCert, element.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let text = uuid(u64::MAX, u64::MAX);
        assert_eq!(
            String::from_utf8_lossy(&text),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(
            String::from_utf8_lossy(&uuid(0, 0)),
            "00000000-0000-4000-8000-000000000000"
        );
        assert_eq!(
            String::from_utf8_lossy(&uuid(0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef)),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }
}
