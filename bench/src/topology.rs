//! What lies between client and backend.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use crate::ads::Control;
use crate::certificate::Certificate;
use crate::exchange::Protocol;

/// The path of a scenario. The first proxy takes plaintext and the last one sends it: only what is between them differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    OneHop,
    TwoHopsPlain,
    /// Mutual TLS between the two.
    TwoHopsTls {
        between: Between,
        sessions: Sessions,
    },
}

/// What HTTP sidecars speak with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// What the application speaks, as Istio does by default.
    Kept,
    Http2,
}

/// Whether TLS sessions may be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// As each peer does by default.
    Default,
    /// Every connection makes a full handshake.
    Full,
}

/// What the proxies do besides forwarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Features {
    /// Metrics on, access log off.
    Metrics,
    /// Neither.
    Nothing,
    /// Metrics and access log.
    Logged,
    /// Metrics, access log and authorization rules that look at method, path and source.
    Everything,
    /// Metrics, access log and the filters that Istio puts into every chain.
    Istio,
    /// Those metrics of Envoy's own that Istio lets through, access log off.
    IstioMetrics,
}

/// One side of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) protocol: Protocol,
    pub(crate) transport: Transport,
}

/// What lies below the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    MutualTls(Sessions),
}

/// One proxy of a chain.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    /// `A` is next to the client, `B` next to the backend.
    pub(crate) name: &'static str,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) upstream: SocketAddr,
    pub(crate) accepts: Side,
    pub(crate) sends: Side,
    pub(crate) features: Features,
    pub(crate) certificate: Certificate,
    /// Services in the configuration besides the one that is used.
    pub(crate) services: usize,
    /// Who sends everything but the way to itself; none: it is all in the file.
    pub(crate) control: Option<Control>,
}

/// A service that a configuration knows and nobody calls.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) host: String,
    /// Addresses and ports.
    pub(crate) endpoints: Vec<String>,
}

/// Endpoints of each service that nobody calls.
pub(crate) const ENDPOINTS: usize = 10;

impl Service {
    /// The service with this number.
    pub(crate) fn numbered(at: usize) -> Service {
        Service {
            name: format!("service-{at}"),
            host: format!("service-{at}.default.svc.cluster.local"),
            endpoints: (1..=ENDPOINTS)
                .map(|of| format!("10.{}.{}.{of}:8080", at / 250, at % 250))
                .collect(),
        }
    }
}

impl Hop {
    /// A configuration with words for what differs between two starts of the same thing.
    pub(crate) fn without_places(&self, text: &str, folder: &Path) -> String {
        let mut text = text.replace(&*folder.to_string_lossy(), "(folder)");
        let places = [
            (Some(self.listen), "(listen)"),
            (Some(self.admin), "(admin)"),
            (Some(self.upstream), "(upstream)"),
            (self.control.map(|control| control.at), "(control)"),
        ];
        for (at, word) in places {
            if let Some(at) = at {
                text = text.replace(&at.port().to_string(), word);
            }
        }
        text
    }

    /// The services besides the one that is used.
    pub(crate) fn others(&self) -> impl Iterator<Item = Service> {
        (0..self.services).map(Service::numbered)
    }
}

/// All that a chain's hops have in common.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) topology: Topology,
    pub(crate) protocol: Protocol,
    pub(crate) features: Features,
    pub(crate) services: usize,
}

impl Chain {
    /// The hops from the client to `backend`, on free ports.
    pub(crate) fn hops(
        &self,
        backend: SocketAddr,
        certificate: &Certificate,
    ) -> anyhow::Result<Vec<Hop>> {
        let plain = |protocol| Side {
            protocol,
            transport: Transport::Plain,
        };
        let middle = match self.topology {
            Topology::OneHop => None,
            Topology::TwoHopsPlain => Some(plain(self.protocol)),
            Topology::TwoHopsTls { between, sessions } => Some(Side {
                protocol: self.between(between),
                transport: Transport::MutualTls(sessions),
            }),
        };
        let ports = free_ports()?;
        let hop = |name, [listen, admin]: [SocketAddr; 2], upstream, accepts, sends| Hop {
            name,
            listen,
            admin,
            upstream,
            accepts,
            sends,
            features: self.features,
            certificate: certificate.clone(),
            services: self.services,
            control: None,
        };
        let outer = plain(self.protocol);
        let Some(middle) = middle else {
            return Ok(vec![hop("A", ports[0], backend, outer, outer)]);
        };
        let last = hop("B", ports[1], backend, middle, outer);
        Ok(vec![hop("A", ports[0], last.listen, outer, middle), last])
    }

    fn between(&self, between: Between) -> Protocol {
        match (between, self.protocol) {
            (Between::Http2, Protocol::Http1) => Protocol::Http2,
            (Between::Kept | Between::Http2, protocol) => protocol,
        }
    }
}

/// Two ports for each of two hops, all of them free at the same time.
fn free_ports() -> anyhow::Result<[[SocketAddr; 2]; 2]> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let held = [[bind()?, bind()?], [bind()?, bind()?]];
    let [[a, b], [c, d]] = held
        .each_ref()
        .map(|pair| pair.each_ref().map(TcpListener::local_addr));
    Ok([[a?, b?], [c?, d?]])
}
