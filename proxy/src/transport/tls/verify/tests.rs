use super::believed::GENERATION;
use super::*;
use crate::secret::TrustRoots;
use crate::transport::tls::config::TlsParams;
use crate::transport::tls::params;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::time::Duration;

/// In 2026, in seconds since 1970: the first of January, of July and of December.
const JANUARY: u64 = 1_767_225_600;
const JULY: u64 = 1_782_864_000;
const DECEMBER: u64 = 1_796_083_200;

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// Valid from January to the first of `month`.
fn until(month: u8, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, month, 1);
    params.is_ca = is_ca;
    params
}

fn leaf(issuer: &Issuer<'static, KeyPair>) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let params = until(12, IsCa::NoCa);
    params.signed_by(&key, issuer).unwrap().der().clone()
}

fn verifier(roots: &str) -> Verifier {
    let roots = TrustRoots::from_pem(roots.as_bytes()).unwrap();
    let provider = params::provider(&TlsParams::default());
    let algorithms = provider.signature_verification_algorithms;
    Verifier::of_clients(ValidationContext::trusting(roots), algorithms, true)
}

/// What the verifier says of a chain at a moment in seconds since 1970.
fn judge(verifier: &Verifier, chain: &[CertificateDer<'static>], now: u64) -> Result<(), Error> {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    let verdict = verifier.verify_client_cert(&chain[0], &chain[1..], now);
    verdict.map(drop)
}

fn remembers(verifier: &Verifier, chain: &[CertificateDer<'static>], now: u64) -> bool {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    let shown = Shown::of(&chain[0], &chain[1..]);
    verifier.believed.covers(&shown, now)
}

#[test]
fn a_chain_that_passed_before_still_expires_and_is_still_not_valid_too_early() {
    let (issuer, roots) = authority();
    let (verifier, chain) = (verifier(&roots), [leaf(&issuer)]);
    for _ in 0..2 {
        assert_eq!(judge(&verifier, &chain, JANUARY), Ok(()));
        assert_eq!(judge(&verifier, &chain, DECEMBER), Ok(()));
        assert!(remembers(&verifier, &chain, JULY));
        for (now, why) in [
            (JANUARY - 1, CertificateError::NotValidYet),
            (DECEMBER + 1, CertificateError::Expired),
        ] {
            let refused = judge(&verifier, &chain, now);
            assert_eq!(refused, Err(Error::InvalidCertificate(why)));
        }
    }
}

#[test]
fn what_passed_is_remembered_no_longer_than_its_shortest_certificate_lasts() {
    let (issuer, roots) = authority();
    let key = KeyPair::generate().unwrap();
    let params = until(7, IsCa::Ca(BasicConstraints::Unconstrained));
    let intermediate = params.signed_by(&key, &issuer).unwrap().der().clone();
    let below = Issuer::new(params, key);
    let (verifier, chain) = (verifier(&roots), [leaf(&below), intermediate]);
    assert_eq!(judge(&verifier, &chain, JULY), Ok(()));
    assert!(remembers(&verifier, &chain, JULY));
    assert!(!remembers(&verifier, &chain, JULY + 1));
    assert!(judge(&verifier, &chain, JULY + 1).is_err());
}

#[test]
fn what_passed_once_lets_nothing_else_pass() {
    let ((issuer, roots), (other, _)) = (authority(), authority());
    let (verifier, chain) = (verifier(&roots), [leaf(&issuer)]);
    assert_eq!(judge(&verifier, &chain, JULY), Ok(()));
    let stranger = [leaf(&other)];
    let mut forged = chain[0].to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = [CertificateDer::from(forged)];
    for chain in [&stranger, &forged] {
        assert!(judge(&verifier, chain, JULY).is_err());
        assert!(!remembers(&verifier, chain, JULY));
        assert!(judge(&verifier, chain, JULY).is_err());
    }
    let longer = [chain[0].clone(), stranger[0].clone()];
    assert!(!remembers(&verifier, &longer, JULY));
}

#[test]
fn nothing_is_remembered_where_more_than_time_decides() {
    let (issuer, roots) = authority();
    let (mut verifier, chain) = (verifier(&roots), [leaf(&issuer)]);
    verifier.context.allow_expired = true;
    assert_eq!(judge(&verifier, &chain, DECEMBER + 1), Ok(()));
    assert!(!remembers(&verifier, &chain, JULY));
}

#[test]
fn a_chain_with_an_expired_certificate_that_it_does_not_need_displaces_nothing() {
    let (issuer, roots) = authority();
    let key = KeyPair::generate().unwrap();
    let expired = until(7, IsCa::NoCa).self_signed(&key).unwrap();
    let (verifier, needed) = (verifier(&roots), [leaf(&issuer)]);
    let chain = [needed[0].clone(), expired.der().clone()];
    assert_eq!(judge(&verifier, &chain, JULY + 1), Ok(()));
    assert!(!remembers(&verifier, &chain, JULY));
    assert_eq!(judge(&verifier, &needed, JULY + 1), Ok(()));
    assert!(remembers(&verifier, &needed, JULY + 1));
}

/// Has `count` other chains remembered, as if they had passed.
fn remember_others(verifier: &Verifier, leaf: &CertificateDer<'static>, count: usize) {
    let peer = Presented {
        leaf,
        intermediates: &[],
        now: UnixTime::since_unix_epoch(Duration::from_secs(JULY)),
    };
    for other in 0..count {
        let intermediate = CertificateDer::from(other.to_be_bytes().to_vec());
        let shown = Shown::of(leaf, &[intermediate]);
        verifier.believed.remember(shown, &peer);
    }
}

#[test]
fn a_verifier_remembers_two_generations_of_chains_and_no_more() {
    let (issuer, roots) = authority();
    let (verifier, first) = (verifier(&roots), [leaf(&issuer)]);
    assert_eq!(judge(&verifier, &first, JULY), Ok(()));
    remember_others(&verifier, &first[0], 2 * GENERATION - 1);
    assert!(remembers(&verifier, &first, JULY));
    remember_others(&verifier, &first[0], 2 * GENERATION);
    assert!(!remembers(&verifier, &first, JULY));
    assert_eq!(judge(&verifier, &first, JULY), Ok(()));
    assert!(remembers(&verifier, &first, JULY));
}

#[test]
fn what_is_remembered_again_displaces_nothing() {
    let (issuer, roots) = authority();
    let (verifier, first) = (verifier(&roots), [leaf(&issuer)]);
    assert_eq!(judge(&verifier, &first, JULY), Ok(()));
    for _ in 0..3 {
        remember_others(&verifier, &first[0], GENERATION);
    }
    assert!(remembers(&verifier, &first, JULY));
}
