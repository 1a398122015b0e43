//! Virtual addresses for services that declare none.
//!
//! An address is a hash of the service's name within the range, so that it is the same after a restart without any
//! state on disk. Where two names meet, the one that holds the address keeps it and the other one probes on.

use crate::model::service::{Allocate, Service};
use crate::model::{Name, Object};
use hashbrown::HashMap;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Addresses of a /16 that are handed out.
const PLACES: u32 = 255 * 254;

/// Who holds which address.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    held: HashMap<Ipv4Addr, Holder>,
    allocated: HashMap<(Object, Name), Ipv4Addr>,
    displaced: BTreeSet<Object>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    /// The object declares it.
    Declared(Object),
    /// It was allocated here.
    Allocated(Object, Name),
}

impl Addresses {
    /// The addresses of a service: its own, else the one it holds, else a new one.
    pub(super) fn claim(&mut self, service: &Service) -> Vec<IpNet> {
        self.declare(service);
        let base = match service.allocate {
            Allocate::No => return service.addresses.clone(),
            Allocate::ClusterIp => [10, 96],
            Allocate::ServiceEntry => [240, 240],
        };
        let key = (service.origin.clone(), service.host.clone());
        let free = |address: &Ipv4Addr| !self.held.contains_key(address);
        let kept = self.allocated.get(&key).copied();
        let Some(address) = kept.or_else(|| {
            (0..PLACES)
                .map(|step| candidate(base, service, step))
                .find(free)
        }) else {
            let [a, b] = base;
            tracing::error!(service = %service.origin, "no virtual address left in {a}.{b}.0.0/16; declare one");
            return Vec::new();
        };
        self.held
            .insert(address, Holder::Allocated(key.0.clone(), key.1.clone()));
        self.allocated.insert(key, address);
        vec![IpNet::from(IpAddr::V4(address))]
    }

    /// Gives back what `origin` holds for hosts that are not among `kept`.
    pub(super) fn release(&mut self, old: &[Arc<Service>], kept: &[Arc<Service>]) {
        for service in old {
            let stays = kept
                .iter()
                .any(|new| new.host == service.host && new.allocate == service.allocate);
            for address in declared(service) {
                let allocated = Holder::Allocated(service.origin.clone(), service.host.clone());
                if self.held.get(&address) == Some(&allocated) && !stays {
                    self.held.remove(&address);
                    self.allocated
                        .remove(&(service.origin.clone(), service.host.clone()));
                }
                let declared_again = kept.iter().any(|new| new.addresses == service.addresses);
                if self.held.get(&address) == Some(&Holder::Declared(service.origin.clone()))
                    && !declared_again
                {
                    self.held.remove(&address);
                }
            }
        }
    }

    /// Objects whose allocated address another object has declared for itself meanwhile: they need a new one.
    pub(super) fn take_displaced(&mut self) -> BTreeSet<Object> {
        std::mem::take(&mut self.displaced)
    }

    fn declare(&mut self, service: &Service) {
        for address in declared(service) {
            match self
                .held
                .insert(address, Holder::Declared(service.origin.clone()))
            {
                Some(Holder::Allocated(origin, host)) => {
                    self.allocated.remove(&(origin.clone(), host));
                    self.displaced.insert(origin);
                }
                Some(Holder::Declared(_)) | None => {}
            }
        }
    }
}

fn declared(service: &Service) -> impl Iterator<Item = Ipv4Addr> {
    service
        .addresses
        .iter()
        .filter_map(|network| match network {
            IpNet::V4(network) if network.prefix_len() == 32 => Some(network.addr()),
            IpNet::V4(_) | IpNet::V6(_) => None,
        })
}

/// The address at one step of the probing sequence; never .0 or .255 of a /24, and never in the first /24, where
/// clusters keep the API server's and the DNS server's.
fn candidate(base: [u8; 2], service: &Service, step: u32) -> Ipv4Addr {
    let key = [
        service.origin.namespace.as_bytes(),
        b"/",
        service.host.as_bytes(),
    ]
    .concat();
    let place = fnv1a(&key).wrapping_add(u64::from(step)) % u64::from(PLACES);
    let third = 1 + place / 254;
    let fourth = 1 + place % 254;
    let byte = |value: u64| u8::try_from(value).expect("both remainders are below 256");
    Ipv4Addr::new(base[0], base[1], byte(third), byte(fourth))
}

/// FNV-1a, 64 bit: must never change, since addresses hang on it.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of FNV are weak for short keys.
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests;
