//! Chains that were verified before: the signatures of authorities need no second look when a peer connects again. Only
//! a digest of what the peer showed is kept, and the time in which all of it is valid.
//!
//! Invariant: a verifier has one of these for as long as its trust roots and its configuration stay as they are, so what
//! was believed once is believed again at any moment within that time.

use super::Presented;
use crate::transport::tls::certificate::Parsed;
use aws_lc_rs::digest::{Context, SHA256};
use parking_lot::RwLock;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

/// How many chains a generation remembers. Both full ones together take about 300 KiB.
pub(super) const GENERATION: usize = 1024;

/// Verified chains. The lock is held for a look-up or two, or for one insertion, beside a handshake of about 500 µs.
#[derive(Debug, Default)]
pub(super) struct Believed(RwLock<Generations>);

/// When the young generation is full it becomes the old one, which is forgotten: a peer that comes again and again is
/// verified anew once in a while, however many others come, and the peers of up to two generations are not at all.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Shown, RangeInclusive<SystemTime>>,
    old: HashMap<Shown, RangeInclusive<SystemTime>>,
}

/// A digest of all certificates that a peer shows, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shown([u8; 32]);

impl Shown {
    /// What `leaf` and `intermediates` are remembered by.
    pub(super) fn of(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Self {
        let mut context = Context::new(&SHA256);
        for certificate in std::iter::once(leaf).chain(intermediates) {
            context.update(&(certificate.len() as u64).to_be_bytes());
            context.update(certificate);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }
}

impl Believed {
    /// Whether exactly this was verified before, and is valid `now`.
    pub(super) fn covers(&self, shown: &Shown, now: UnixTime) -> bool {
        let known = self.0.read();
        known
            .get(shown)
            .is_some_and(|valid| valid.contains(&moment(now)))
    }

    /// Remembers what was just verified. Not that of which the time cannot be told, nor what would not be found again: a
    /// chain may hold certificates that it does not need, and such a one may have expired.
    pub(super) fn remember(&self, shown: Shown, peer: &Presented<'_>) {
        let valid = common_validity(peer).filter(|valid| valid.contains(&moment(peer.now)));
        if let Some(valid) = valid {
            self.0.write().insert(shown, valid);
        }
    }
}

impl Generations {
    fn get(&self, shown: &Shown) -> Option<&RangeInclusive<SystemTime>> {
        self.young.get(shown).or_else(|| self.old.get(shown))
    }

    /// Workers may have verified the same at the same moment.
    fn insert(&mut self, shown: Shown, valid: RangeInclusive<SystemTime>) {
        if self.get(&shown).is_some() {
            return;
        }
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(shown, valid);
    }
}

fn moment(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

/// The time in which all of the certificates are valid. That of the authority at the end of the chain plays no part: it
/// is believed because the configuration names it, whatever its own certificate says, and verifying the whole chain does
/// not look at it either (of a trust anchor only the name, the key and the constraints on names are known).
fn common_validity(peer: &Presented<'_>) -> Option<RangeInclusive<SystemTime>> {
    let (mut from, mut until) = Parsed::from_der(peer.leaf).ok()?.validity().ok()?;
    for certificate in peer.intermediates {
        let (begin, end) = Parsed::from_der(certificate).ok()?.validity().ok()?;
        from = from.max(begin);
        until = until.min(end);
    }
    Some(from..=until)
}
