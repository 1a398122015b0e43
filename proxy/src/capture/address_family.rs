//! IPv4 or IPv6, and the two fixed addresses that capture knows in each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressFamily {
    V4,
    V6,
}

impl AddressFamily {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn of(range: &IpNet) -> Self {
        match range {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    /// The address that the proxy dials the application from, which is never captured: `127.0.0.6` or `::6`.
    pub(crate) fn passthrough_source(self) -> IpNet {
        match self {
            Self::V4 => IpNet::from(IpAddr::from(Ipv4Addr::new(127, 0, 0, 6))),
            Self::V6 => IpNet::from(IpAddr::from(PASSTHROUGH_V6)),
        }
    }
}

/// The IPv6 counterpart of `127.0.0.6`. Unlike that, it has to be added to the loopback interface.
pub(crate) const PASSTHROUGH_V6: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6);
