//! The addresses of the demo: a bridge with a network namespace for each pod, or a part of the loopback network.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};

use super::isolation::Isolation;

pub(super) mod bridge;
mod loopback;

pub(super) use loopback::MAX_SERVICES;

/// Where everything is.
#[derive(Debug)]
pub(super) enum Network {
    Bridge,
    Loopback(loopback::Loopback),
}

/// Where the parts of one pod are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PodAddresses {
    /// The pod's, which others are told.
    pub(super) pod: Ipv4Addr,
    /// Where the application is to listen.
    pub(super) listen: Ipv4Addr,
    /// Where the kubelet finds the application.
    pub(super) application: Ipv4Addr,
    /// Where the sidecar's own interfaces are found.
    pub(super) interfaces: Ipv4Addr,
    /// The forward proxy that the sidecar is to the application, where nothing is captured.
    pub(super) proxy: Option<SocketAddrV4>,
}

impl Network {
    pub(super) async fn make(isolation: Isolation) -> anyhow::Result<Self> {
        match isolation {
            Isolation::Root | Isolation::User => {
                bridge::make().await?;
                Ok(Self::Bridge)
            }
            Isolation::Ports => Ok(Self::Loopback(loopback::Loopback::claim()?)),
        }
    }

    /// Address of the control plane.
    pub(super) fn control_plane(&self) -> Ipv4Addr {
        match self {
            Self::Bridge => bridge::GATEWAY,
            Self::Loopback(loopback) => loopback.control_plane(),
        }
    }

    /// Addresses of the pod with this index, from 0, which may have a sidecar.
    pub(super) fn pod(&self, index: u8, has_sidecar: bool) -> PodAddresses {
        match self {
            Self::Bridge => PodAddresses {
                pod: bridge::pod_address(index),
                listen: Ipv4Addr::UNSPECIFIED,
                application: Ipv4Addr::LOCALHOST,
                interfaces: Ipv4Addr::LOCALHOST,
                proxy: None,
            },
            Self::Loopback(loopback) => loopback.pod(index, has_sidecar),
        }
    }

    /// Where the pod with this index finds a service; `None` where it is found by its own address.
    pub(super) fn service(&self, pod: u8, service: u8) -> Option<Ipv4Addr> {
        match self {
            Self::Bridge => None,
            Self::Loopback(loopback) => Some(loopback.service(pod, service)),
        }
    }
}
