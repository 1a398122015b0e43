//! What command operators say about a connection and its upstream, whatever is spoken on it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ResponseFlags;
use super::format::Operator;
use super::number::{decimal, ip, milliseconds, socket};
use super::time;
use crate::cluster::config::ClusterConfig;
use crate::cluster::endpoint::Endpoint;
use crate::cluster::pool::UpstreamFacts;
use crate::listener::ConnectionFacts;
use crate::transport::{Address, PeerIdentity, TlsFacts};

/// A connection, or a request on one, as far as operators ask about it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) facts: &'a ConnectionFacts,
    pub(crate) tls: Option<&'a TlsFacts>,
    pub(crate) hostname: &'a str,
    /// How long it has lasted.
    pub(crate) lasted: Duration,
    /// When it began.
    pub(crate) wall: SystemTime,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) flags: ResponseFlags,
    /// Why the proxy ended the connection.
    pub(crate) termination: &'a str,
    pub(crate) cluster: Option<&'a ClusterConfig>,
    pub(crate) endpoint: Option<&'a Endpoint>,
    pub(crate) upstream: Option<&'a UpstreamFacts>,
    /// Why the upstream could not be connected.
    pub(crate) failure: &'a str,
    pub(crate) attempts: u32,
}

/// Appends the value of an operator; nothing where it asks about a request.
pub(crate) fn value(operator: &Operator, view: &View<'_>, out: &mut Vec<u8>) {
    let (facts, tls, cluster, upstream) = (view.facts, view.tls, view.cluster, view.upstream);
    let (destination, source, direct) = (facts.destination, facts.source, facts.direct_source);
    match operator {
        Operator::Request(_)
        | Operator::Response(_)
        | Operator::Trailer(_)
        | Operator::Absent
        | Operator::RequestDuration
        | Operator::ResponseDuration
        | Operator::Protocol
        | Operator::ResponseCodeDetails
        | Operator::RouteName
        | Operator::VirtualClusterName
        | Operator::GrpcStatus
        | Operator::GrpcStatusNumber => {}
        Operator::ResponseCode => out.push(b'0'),
        Operator::ConnectionTerminationDetails => text(view.termination, out),
        Operator::StartTime(format) => {
            let since = view.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            time::write(since, format.as_deref(), out);
        }
        Operator::Environment(value) => text(value, out),
        Operator::Duration => milliseconds(view.lasted, out),
        Operator::BytesReceived => decimal(view.bytes_received, out),
        Operator::BytesSent => decimal(view.bytes_sent, out),
        Operator::ResponseFlags => view.flags.write(out),
        Operator::UpstreamRequestAttemptCount => decimal(view.attempts, out),
        Operator::DownstreamLocalAddress => socket(destination, out),
        Operator::DownstreamLocalAddressWithoutPort => ip(destination.ip(), out),
        Operator::DownstreamLocalPort => decimal(destination.port(), out),
        Operator::DownstreamRemoteAddress => socket(source, out),
        Operator::DownstreamRemoteAddressWithoutPort => ip(source.ip(), out),
        Operator::DownstreamRemotePort => decimal(source.port(), out),
        Operator::DownstreamDirectRemoteAddress => socket(direct, out),
        Operator::DownstreamDirectRemoteAddressWithoutPort => ip(direct.ip(), out),
        Operator::RequestedServerName => text(view.server_name(), out),
        Operator::Hostname => text(view.hostname, out),
        Operator::UpstreamHost => {
            if let Some(endpoint) = view.endpoint {
                match &endpoint.facts.address {
                    Address::Ip(address) => socket(*address, out),
                    Address::Unix(_) => text(&endpoint.facts.address.to_string(), out),
                }
            }
        }
        Operator::UpstreamRemoteAddress => address(upstream.and_then(|facts| facts.remote), out),
        Operator::UpstreamLocalAddress => address(upstream.and_then(|facts| facts.local), out),
        Operator::UpstreamCluster => text(cluster.map_or("", |one| &*one.stat_name), out),
        Operator::UpstreamClusterRaw => text(cluster.map_or("", |one| &*one.name), out),
        Operator::UpstreamTransportFailureReason => text(view.failure, out),
        Operator::UpstreamPeerUriSan => {
            let tls = upstream.and_then(|facts| facts.tls.as_deref());
            list(peer(tls).map(PeerIdentity::uri_names), out);
        }
        Operator::DownstreamPeerUriSan => list(peer(tls).map(PeerIdentity::uri_names), out),
        Operator::DownstreamPeerDnsSan => list(peer(tls).map(PeerIdentity::dns_names), out),
        Operator::DownstreamPeerSubject => {
            text(peer(tls).map_or("", PeerIdentity::subject), out);
        }
        Operator::DownstreamPeerFingerprint => {
            text(peer(tls).map_or("", PeerIdentity::hash), out);
        }
        Operator::DownstreamPeerCert => {
            text(peer(tls).map_or("", PeerIdentity::url_encoded_pem), out);
        }
        Operator::DownstreamTlsVersion => text(tls.map_or("", |tls| tls.version), out),
        Operator::DownstreamTlsCipher => text(tls.map_or("", |tls| tls.cipher), out),
    }
}

impl View<'_> {
    /// The server name that the client asked for.
    fn server_name(&self) -> &str {
        let seen = self.facts.server_name.as_deref();
        seen.or_else(|| self.tls?.sni.as_deref())
            .unwrap_or_default()
    }
}

fn peer(tls: Option<&TlsFacts>) -> Option<&PeerIdentity> {
    tls?.peer.as_ref()
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

fn address(address: Option<SocketAddr>, out: &mut Vec<u8>) {
    if let Some(address) = address {
        socket(address, out);
    }
}

fn list<'a>(names: Option<impl Iterator<Item = &'a str>>, out: &mut Vec<u8>) {
    for (at, name) in names.into_iter().flatten().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        text(name, out);
    }
}
