//! A part of the loopback network: 127.N.0.0/16 belongs to one demo, 127.N.P.0/24 to one of its pods.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use anyhow::Context;

use super::PodAddresses;

/// The port whose owner owns the network.
const CLAIM: u16 = 15014;
/// Where the sidecar takes requests as a forward proxy.
const PROXY_PORT: u16 = 3128;
/// First pod's part of the address.
const FIRST_POD: u8 = 16;
/// First service's part of the address.
const FIRST_SERVICE: u8 = 10;
/// Services that a pod can have addresses for.
pub(in crate::demo) const MAX_SERVICES: u8 = 240;

/// The part of one demo, as long as it lives.
#[derive(Debug)]
pub(in crate::demo) struct Loopback {
    network: u8,
    _claim: TcpListener,
}

impl Loopback {
    /// Takes the first part that no other demo has.
    pub(super) fn claim() -> anyhow::Result<Self> {
        (64..=250)
            .find_map(|network| {
                let claim = TcpListener::bind((Ipv4Addr::new(127, network, 0, 2), CLAIM)).ok()?;
                Some(Self {
                    network,
                    _claim: claim,
                })
            })
            .with_context(|| {
                format!("none of the networks 127.64.0.0/16 to 127.250.0.0/16 is free: something listens on port {CLAIM} of every address, or the loopback interface is down")
            })
    }

    fn at(&self, third: u8, fourth: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.network, third, fourth)
    }

    pub(super) fn control_plane(&self) -> Ipv4Addr {
        self.at(0, 1)
    }

    pub(super) fn pod(&self, index: u8, has_sidecar: bool) -> PodAddresses {
        let here = |last| self.at(index.saturating_add(FIRST_POD), last);
        // without a sidecar the application itself is what others dial
        let application = if has_sidecar { here(2) } else { here(1) };
        PodAddresses {
            pod: here(1),
            listen: application,
            application,
            interfaces: here(1),
            proxy: has_sidecar.then(|| SocketAddrV4::new(here(3), PROXY_PORT)),
        }
    }

    pub(super) fn service(&self, pod: u8, service: u8) -> Ipv4Addr {
        self.at(
            pod.saturating_add(FIRST_POD),
            service.saturating_add(FIRST_SERVICE),
        )
    }
}
