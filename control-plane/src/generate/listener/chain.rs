//! Filter chains and what they match.

use crate::generate::wire;
use ipnet::IpNet;
use xds_proto::pb::envoy::config::core::v3::{CidrRange, Metadata, TransportSocket};
use xds_proto::pb::envoy::config::listener::v3::{Filter, FilterChain, FilterChainMatch};
use xds_proto::well_known::alpn;

/// Transport protocol of TLS, as the inspector reports it.
const TLS: &str = "tls";
/// Transport protocol of everything else.
const RAW: &str = "raw_buffer";
/// What a plain client speaks when it speaks HTTP.
const PLAIN_HTTP: [&str; 2] = [alpn::HTTP_11, alpn::H2C];
/// What a sidecar offers when it carries HTTP.
pub(super) const MESH_HTTP: [&str; 3] = [alpn::ISTIO_HTTP_10, alpn::ISTIO_HTTP_11, alpn::ISTIO_H2];
/// What a sidecar offers when it carries bytes.
pub(super) const MESH_TCP: [&str; 2] = [alpn::ISTIO_PEER_EXCHANGE, alpn::ISTIO];

/// The connections of a chain: every condition that is set must hold.
#[derive(Clone, Default)]
pub(super) struct Matching(FilterChainMatch);

impl Matching {
    /// Plain text that looks like HTTP.
    pub(super) fn plain_http() -> Self {
        Self::transport(RAW).speaking(&PLAIN_HTTP)
    }

    /// Anything but TLS.
    pub(super) fn plain() -> Self {
        Self::transport(RAW)
    }

    /// TLS of any kind.
    pub(super) fn tls() -> Self {
        Self::transport(TLS)
    }

    /// Connections whose client offers one of these protocols.
    pub(super) fn speaking(mut self, protocols: &[&str]) -> Self {
        self.0.application_protocols = protocols
            .iter()
            .map(|&protocol| protocol.to_owned())
            .collect();
        self
    }

    /// Connections to this port.
    pub(super) fn on_port(mut self, port: u16) -> Self {
        self.0.destination_port = Some(wire::number(port.into()));
        self
    }

    /// Connections into these networks.
    pub(super) fn into(mut self, networks: &[IpNet]) -> Self {
        self.0.prefix_ranges = networks
            .iter()
            .map(|network| CidrRange {
                address_prefix: network.network().to_string(),
                prefix_len: Some(wire::number(network.prefix_len().into())),
            })
            .collect();
        self
    }

    /// TLS connections that ask for one of these names.
    pub(super) fn asking_for(mut self, names: &[String]) -> Self {
        self.0.server_names = names.to_vec();
        self
    }

    /// The conditions, as a chain has them.
    pub(super) fn conditions(self) -> FilterChainMatch {
        self.0
    }

    fn transport(protocol: &str) -> Self {
        Self(FilterChainMatch {
            transport_protocol: protocol.to_owned(),
            ..FilterChainMatch::default()
        })
    }
}

/// One chain.
pub(super) struct Chain {
    pub(super) name: String,
    pub(super) matching: Option<Matching>,
    pub(super) filters: Vec<Filter>,
    pub(super) transport: Option<TransportSocket>,
    pub(super) metadata: Option<Metadata>,
}

impl From<Chain> for FilterChain {
    fn from(chain: Chain) -> Self {
        let Chain {
            name,
            matching,
            filters,
            transport,
            metadata,
        } = chain;
        Self {
            name,
            filter_chain_match: matching.map(|matching| matching.0),
            filters,
            transport_socket: transport,
            metadata,
            ..Self::default()
        }
    }
}
