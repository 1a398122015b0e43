//! One downstream HTTP connection from its first byte to its last.

pub(in crate::http) use self::http1::{Slots, version_refusal};

mod http1;
mod http2;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::codec::h1::connection::Connection;
use super::config::{CodecType, HttpConfig};
use super::connection::Downstream;
use super::local::Local;
use crate::listener::ConnectionFacts;
use crate::telemetry::istio::Heard;
use crate::transport;

/// What every HTTP/2 connection begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a client may take for it where `request_headers_timeout` is not set. Envoy has no such limit; a client that speaks HTTP/2 sends it at once.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `connection` until it ends.
pub fn serve(
    connection: transport::Downstream,
    config: Arc<HttpConfig>,
    facts: ConnectionFacts,
    local: Rc<Local>,
) -> impl Future<Output = ()> {
    local.keep_swept();
    let site = local.site(&config);
    let downstream = Rc::new(Downstream {
        tls: connection.tls().cloned(),
        drain: connection.drain().clone(),
        since: local.worker.now(),
        internal: site
            .config
            .forwarded
            .internal_addresses
            .has(facts.source.ip()),
        heard: Heard::default(),
        local,
        site,
        facts,
    });
    let (stats, shard) = (&downstream.site.stats, &downstream.local.shard);
    stats.downstream_cx_total.increment(shard);
    stats.downstream_cx_active.add(shard, 1);
    let version = match config.codec {
        CodecType::Http1 => Some(Spoken::Http1),
        CodecType::Http2 => Some(Spoken::Http2),
        CodecType::Auto => by_alpn(&connection),
    };
    let stream = connection.into_stream();
    let connection = Box::new(Connection::new(stream, &downstream.local.buffers));
    // Not an async fn, which would keep its arguments beside what becomes of them: idle connections hold this.
    async move {
        match version {
            // Boxed, so that connections that speak HTTP/1 have no room for it.
            Some(Spoken::Http2) => {
                Box::pin(http2::serve(connection.into_io(), &downstream)).await;
            }
            Some(Spoken::Http1) | None => http1::serve(connection, &downstream, version).await,
        }
        let active = downstream.site.stats.downstream_cx_active;
        active.add(&downstream.local.shard, -1);
    }
}

/// The HTTP version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Http1,
    Http2,
}

fn by_alpn(connection: &transport::Downstream) -> Option<Spoken> {
    match connection.alpn()? {
        b"h2" | b"istio-h2" => Some(Spoken::Http2),
        b"http/1.1" | b"http/1.0" | b"istio-http/1.1" | b"istio-http/1.0" => Some(Spoken::Http1),
        _ => None,
    }
}
