//! Join tokens: how a workload proves its service account where no Kubernetes API can vouch for it.
//!
//! A token is a JWT (RFC 7519) signed with ES256, audience `istio-ca`, subject
//! `system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT`, the form of a Kubernetes projected token. Owns
//! the signing key; refuses to know what a caller may do.

mod create;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::KeyPair;
use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError};
pub use create::Create;

/// Audience of every join token, the one that Istio's sidecars ask for.
pub const AUDIENCE: &str = "istio-ca";
/// How long a token lives when nobody says otherwise.
pub const DEFAULT_TTL: Duration = Duration::from_secs(3600);
/// File of the signing key (PKCS#8 PEM) in the data directory.
pub const KEY_FILE: &str = "token-signing-key.pem";

const ISSUER: &str = "tulle";
const SUBJECT_PREFIX: &str = "system:serviceaccount:";
const NAME_LIMIT: usize = 253;

/// A service account, proven by a token or about to be written into one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceAccount {
    namespace: String,
    name: String,
}

/// The pair that signs and verifies join tokens.
pub struct TokenKey {
    signing: EncodingKey,
    verifying: DecodingKey,
    kid: String,
}

/// A token could not be made or is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The key file exists and is no P-256 private key.
    #[error(
        "{KEY_FILE} is not a P-256 private key in PKCS#8 PEM ({0}); restore it from a backup, or move it away to start with a new one (tokens in use stop working)"
    )]
    BrokenKey(String),
    /// The key file can't be read or written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The name can't be a Kubernetes namespace or service account.
    #[error(
        "{what} {name:?} is not a Kubernetes name: use lower case letters, digits, '-' and '.'"
    )]
    InvalidName {
        /// `namespace` or `service account`.
        what: &'static str,
        /// The name as given.
        name: String,
    },
    /// A lifetime of zero or past the end of time.
    #[error("a token can't live for {0:?}; use a duration such as 1h")]
    InvalidTtl(Duration),
    /// Wrong signature, audience or time, or not a token at all.
    #[error(
        "join token refused: {0}; mint a new one with `tulle token create` and the --data-dir of this control plane"
    )]
    Refused(String),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    iat: u64,
    exp: u64,
}

#[derive(Deserialize)]
struct Subject {
    sub: String,
}

impl ServiceAccount {
    /// Checks both names by Kubernetes' rules for object names.
    pub fn new(namespace: &str, name: &str) -> Result<Self, TokenError> {
        check_name("namespace", namespace)?;
        check_name("service account", name)?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name within the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn from_subject(subject: &str) -> Result<Self, TokenError> {
        let parts = subject
            .strip_prefix(SUBJECT_PREFIX)
            .and_then(|rest| rest.split_once(':'));
        let (namespace, name) = parts.ok_or_else(|| {
            TokenError::Refused(format!("subject {subject:?} is not a service account"))
        })?;
        Self::new(namespace, name)
    }
}

impl TokenKey {
    /// Opens the key of `dir`, making one when there is none. A broken file is an error, never replaced.
    pub fn open(dir: &DataDir) -> Result<Self, TokenError> {
        let pem = match dir.read(KEY_FILE)? {
            Some(pem) => pem,
            None => dir.create_or_read(KEY_FILE, &generate().serialize_pem())?,
        };
        Self::from_pem(&pem)
    }

    /// A key that is gone when the process ends.
    pub fn temporary() -> Self {
        Self::from_pem(&generate().serialize_pem()).expect("a key that was just generated parses")
    }

    /// Signs a token for `account` that expires `ttl` from now (whole seconds, at least one).
    pub fn mint(&self, account: &ServiceAccount, ttl: Duration) -> Result<String, TokenError> {
        let iat = unix_now();
        let exp = iat.checked_add(ttl.as_secs()).filter(|exp| *exp > iat);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: format!("{SUBJECT_PREFIX}{}:{}", account.namespace, account.name),
            aud: vec![AUDIENCE.to_owned()],
            iat,
            exp: exp.ok_or(TokenError::InvalidTtl(ttl))?,
        };
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.signing)
            .map_err(|e| TokenError::Refused(e.to_string()))
    }

    /// Whose token this is: checks signature, audience, issuer and expiry (60 s of leeway).
    pub fn verify(&self, token: &str) -> Result<ServiceAccount, TokenError> {
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "sub", "aud", "iss"]);
        let claims = jsonwebtoken::decode::<Subject>(token, &self.verifying, &rules)
            .map_err(|e| TokenError::Refused(e.to_string()))?
            .claims;
        ServiceAccount::from_subject(&claims.sub)
    }

    fn from_pem(pem: &str) -> Result<Self, TokenError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(|e| TokenError::BrokenKey(e.to_string()))?;
        let public = pair.public_key_raw();
        Ok(Self {
            signing: EncodingKey::from_ec_der(pair.serialized_der()),
            verifying: DecodingKey::from_ec_der(public),
            kid: URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, public).as_ref()[..12]),
        })
    }
}

fn generate() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
        .expect("P-256 keys can always be generated")
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

fn check_name(what: &'static str, name: &str) -> Result<(), TokenError> {
    let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = name.as_bytes();
    let ok = bytes.len() <= NAME_LIMIT
        && bytes.first().is_some_and(|c| edge(*c))
        && bytes.last().is_some_and(|c| edge(*c))
        && bytes.iter().all(|c| edge(*c) || *c == b'-' || *c == b'.');
    if ok {
        Ok(())
    } else {
        Err(TokenError::InvalidName {
            what,
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> ServiceAccount {
        ServiceAccount::new("default", "reviews").unwrap()
    }

    #[test]
    fn a_minted_token_names_its_service_account() {
        let key = TokenKey::temporary();
        let token = key.mint(&account(), DEFAULT_TTL).unwrap();
        assert_eq!(key.verify(&token).unwrap(), account());
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!((header.alg, header.kid), (Algorithm::ES256, Some(key.kid)));
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let token = TokenKey::temporary().mint(&account(), DEFAULT_TTL).unwrap();
        let error = TokenKey::temporary()
            .verify(&token)
            .unwrap_err()
            .to_string();
        assert!(error.contains("tulle token create"), "{error}");
    }

    #[test]
    fn expired_foreign_and_malformed_tokens_are_refused() {
        let key = TokenKey::temporary();
        let sign = |aud: &str, sub: &str, exp: u64| {
            let claims = Claims {
                iss: ISSUER.into(),
                sub: sub.into(),
                aud: vec![aud.into()],
                iat: 0,
                exp,
            };
            jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key.signing).unwrap()
        };
        let later = unix_now() + 600;
        let sub = "system:serviceaccount:default:reviews";
        assert!(key.verify(&sign(AUDIENCE, sub, later)).is_ok());
        assert!(key.verify(&sign(AUDIENCE, sub, unix_now() - 600)).is_err());
        assert!(key.verify(&sign("vault", sub, later)).is_err());
        assert!(key.verify(&sign(AUDIENCE, "user:reviews", later)).is_err());
        assert!(
            key.verify(&sign(AUDIENCE, "system:serviceaccount:a:b:c", later))
                .is_err()
        );
        assert!(key.verify("no.token").is_err());
    }

    #[test]
    fn names_and_lifetimes_are_checked() {
        assert!(ServiceAccount::new("a:b", "c").is_err());
        assert!(ServiceAccount::new("default", "").is_err());
        assert!(ServiceAccount::new("default", "../x").is_err());
        assert!(
            TokenKey::temporary()
                .mint(&account(), Duration::ZERO)
                .is_err()
        );
        assert!(
            TokenKey::temporary()
                .mint(&account(), Duration::MAX)
                .is_err()
        );
    }

    #[test]
    fn the_key_is_kept_and_a_broken_one_is_not_replaced() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(tmp.path()).unwrap();
        let token = TokenKey::open(&dir)
            .unwrap()
            .mint(&account(), DEFAULT_TTL)
            .unwrap();
        assert!(TokenKey::open(&dir).unwrap().verify(&token).is_ok());
        std::fs::write(dir.path_of(KEY_FILE), "garbage").unwrap();
        assert!(matches!(
            TokenKey::open(&dir),
            Err(TokenError::BrokenKey(_))
        ));
        assert_eq!(dir.read(KEY_FILE).unwrap().unwrap(), "garbage");
    }
}
