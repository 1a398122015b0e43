//! Which listener a connection belongs to, by the destination it was meant for. The accept side and `/explain` both ask
//! here.

use super::Listener;
use hashbrown::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Listeners, or what stands for them, by the addresses that they stand for.
#[derive(Debug)]
pub(crate) struct Placement<T> {
    by_address: HashMap<SocketAddr, Standing<T>>,
}

#[derive(Debug)]
struct Standing<T> {
    value: T,
    /// An IPv6 wildcard that takes IPv4 too.
    ipv4_compat: bool,
}

/// Why a connection belongs to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because {
    /// The listener has exactly the destination's address.
    Address,
    /// The listener has the destination's port on every address.
    Port,
    /// The listener accepted it, and no other stands for its destination.
    Accepted,
}

impl<T> Default for Placement<T> {
    fn default() -> Self {
        Self {
            by_address: HashMap::new(),
        }
    }
}

impl<T: Clone> Placement<T> {
    /// All listeners, each with what stands for it; of several at one address the last one stays.
    pub(crate) fn new<'a>(all: impl IntoIterator<Item = (&'a Listener, T)>) -> Self {
        let by_address = all.into_iter().flat_map(|(listener, value)| {
            listener.addresses.iter().map(move |address| {
                let standing = Standing {
                    value: value.clone(),
                    ipv4_compat: address.ipv4_compat,
                };
                (address.addr, standing)
            })
        });
        Self {
            by_address: by_address.collect(),
        }
    }
}

impl<T> Placement<T> {
    /// The listener for connections to this destination: the one of exactly this address, else the one of the port on any
    /// address.
    pub(crate) fn find(&self, destination: SocketAddr) -> Option<(&T, Because)> {
        let any = |ip: IpAddr| {
            self.by_address
                .get(&SocketAddr::new(ip, destination.port()))
        };
        if let Some(exact) = self.by_address.get(&destination) {
            return Some((&exact.value, Because::Address));
        }
        let every_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let wild = match destination.ip() {
            IpAddr::V4(_) => any(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
                .or_else(|| any(every_v6).filter(|standing| standing.ipv4_compat)),
            IpAddr::V6(_) => any(every_v6),
        };
        wild.map(|standing| (&standing.value, Because::Port))
    }

    /// The listener that a connection goes on to after `accepted` took it: another one only where that one hands over by
    /// original destination.
    pub(crate) fn hand_over(
        &self,
        accepted: &Listener,
        destination: SocketAddr,
    ) -> Option<(&T, Because)> {
        accepted
            .use_original_dst
            .then(|| self.find(destination))
            .flatten()
    }
}
