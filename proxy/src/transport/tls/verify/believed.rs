//! Chains that were verified before: the signatures of authorities need no second look when a peer connects again. Only
//! a digest of what the peer showed is kept, and the time in which all of it is valid.
//!
//! Invariant: a verifier has one of these for as long as its trust roots and its configuration stay as they are, so what
//! was believed once is believed again at any moment within that time.

use crate::transport::tls::certificate::Parsed;
use arc_swap::ArcSwap;
use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::SystemTime;

/// How many chains are remembered; with the next one it begins anew.
const REMEMBERED: usize = 256;

/// Verified chains, read without a lock.
#[derive(Debug, Default)]
pub(super) struct Believed(ArcSwap<HashMap<Shown, RangeInclusive<SystemTime>>>);

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
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(now.as_secs());
        let known = self.0.load();
        known.get(shown).is_some_and(|valid| valid.contains(&now))
    }

    /// Remembers what was just verified; nothing of which the time cannot be told.
    pub(super) fn remember(
        &self,
        shown: Shown,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) {
        let Some(valid) = common_validity(leaf, intermediates) else {
            return;
        };
        self.0.rcu(|known| {
            let mut more = if known.len() < REMEMBERED {
                HashMap::clone(known)
            } else {
                HashMap::new()
            };
            more.insert(shown, valid.clone());
            Arc::new(more)
        });
    }
}

/// The time in which all of the certificates are valid.
fn common_validity(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Option<RangeInclusive<SystemTime>> {
    let (mut from, mut until) = Parsed::from_der(leaf).ok()?.validity().ok()?;
    for certificate in intermediates {
        let (begin, end) = Parsed::from_der(certificate).ok()?.validity().ok()?;
        from = from.max(begin);
        until = until.min(end);
    }
    Some(from..=until)
}
