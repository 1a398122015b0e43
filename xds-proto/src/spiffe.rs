//! SPIFFE identities: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`.
//!
//! Follows the SPIFFE-ID specification: lower-case scheme and trust domain, no user, port, query or fragment, no
//! percent-encoding, no empty or dot segment, at most 2048 bytes.

use std::fmt;
use std::str::FromStr;

const SCHEME: &str = "spiffe://";
const MAX_BYTES: usize = 2048;
const MAX_TRUST_DOMAIN_BYTES: usize = 255;

/// A text that is not a SPIFFE identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SPIFFE id: {why}")]
pub struct InvalidSpiffeId {
    text: String,
    why: &'static str,
}

/// Any SPIFFE identity, whatever the form of its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeUri {
    text: String,
    trust_domain_end: usize,
}

impl SpiffeUri {
    /// The trust domain.
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..self.trust_domain_end]
    }

    /// The path, with its leading `/`; empty for the identity of the trust domain itself.
    pub fn path(&self) -> &str {
        &self.text[self.trust_domain_end..]
    }

    /// The whole identity.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SpiffeUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for SpiffeUri {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        match check(text) {
            Ok(trust_domain_end) => Ok(Self {
                text: text.to_owned(),
                trust_domain_end,
            }),
            Err(why) => Err(InvalidSpiffeId {
                text: text.to_owned(),
                why,
            }),
        }
    }
}

/// Checks a whole identity; gives the end of its trust domain.
fn check(text: &str) -> Result<usize, &'static str> {
    if text.len() > MAX_BYTES {
        return Err("it is longer than 2048 bytes");
    }
    let rest = text
        .strip_prefix(SCHEME)
        .ok_or("it does not start with `spiffe://`")?;
    let (trust_domain, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    check_trust_domain(trust_domain)?;
    if let Some(segments) = path.strip_prefix('/') {
        segments.split('/').try_for_each(check_segment)?;
    }
    Ok(SCHEME.len() + trust_domain.len())
}

fn check_trust_domain(text: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    if text.is_empty() || text.len() > MAX_TRUST_DOMAIN_BYTES {
        return Err("the trust domain must have 1 to 255 characters");
    }
    if !text.bytes().all(allowed) {
        return Err("the trust domain may only have lower-case letters, digits, `.`, `-` and `_`");
    }
    Ok(())
}

fn check_segment(text: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if matches!(text, "" | "." | "..") {
        return Err("the path has an empty, `.` or `..` segment");
    }
    if !text.bytes().all(allowed) {
        return Err("the path may only have letters, digits, `.`, `-` and `_`");
    }
    Ok(())
}

/// The identity of a workload: the service account it runs as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    trust_domain: String,
    namespace: String,
    service_account: String,
}

impl SpiffeId {
    /// The identity of a service account.
    ///
    /// # Errors
    /// A part that is empty or has a character that a SPIFFE id cannot have.
    pub fn new(
        trust_domain: &str,
        namespace: &str,
        service_account: &str,
    ) -> Result<Self, InvalidSpiffeId> {
        format!("{SCHEME}{trust_domain}/ns/{namespace}/sa/{service_account}").parse()
    }

    /// The trust domain.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// The namespace of the service account.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the service account.
    pub fn service_account(&self) -> &str {
        &self.service_account
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trust_domain,
            namespace,
            service_account,
        } = self;
        write!(
            f,
            "{SCHEME}{trust_domain}/ns/{namespace}/sa/{service_account}"
        )
    }
}

impl TryFrom<&SpiffeUri> for SpiffeId {
    type Error = InvalidSpiffeId;

    fn try_from(uri: &SpiffeUri) -> Result<Self, InvalidSpiffeId> {
        let parts: Vec<&str> = uri.path().split('/').collect();
        let ["", "ns", namespace, "sa", service_account] = parts[..] else {
            let why = "the path is not `/ns/NAMESPACE/sa/SERVICE_ACCOUNT`";
            return Err(InvalidSpiffeId {
                text: uri.text.clone(),
                why,
            });
        };
        Ok(Self {
            trust_domain: uri.trust_domain().to_owned(),
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
        })
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        Self::try_from(&text.parse::<SpiffeUri>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses() {
        let text = "spiffe://cluster.local/ns/default/sa/reviews";
        let id: SpiffeId = text.parse().expect("an identity");
        assert_eq!(
            (id.trust_domain(), id.namespace(), id.service_account()),
            ("cluster.local", "default", "reviews")
        );
        assert_eq!(id.to_string(), text);
        assert_eq!(SpiffeId::new("cluster.local", "default", "reviews"), Ok(id));
    }

    #[test]
    fn other_paths_are_uris_but_not_workloads() {
        for text in [
            "spiffe://td",
            "spiffe://td/a",
            "spiffe://td/ns/x/sa/y/z",
            "spiffe://td/ns/x/SA/y",
        ] {
            assert_eq!(text.parse::<SpiffeUri>().expect(text).as_str(), text);
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
        let uri: SpiffeUri = "spiffe://td/a/b".parse().expect("a SPIFFE id");
        assert_eq!((uri.trust_domain(), uri.path()), ("td", "/a/b"));
    }

    #[test]
    fn refuses_what_the_specification_forbids() {
        for text in [
            "",
            "spiffe://",
            "http://td/a",
            "SPIFFE://td/a",
            "spiffe://TD/a",
            "spiffe://td:80/a",
            "spiffe://user@td/a",
            "spiffe://td/",
            "spiffe://td/a/",
            "spiffe://td//a",
            "spiffe://td/./a",
            "spiffe://td/../a",
            "spiffe://td/a?b",
            "spiffe://td/a#b",
            "spiffe://td/a%20b",
            "spiffe://td/ä",
        ] {
            assert!(text.parse::<SpiffeUri>().is_err(), "{text}");
        }
        assert!(
            format!("spiffe://td/{}", "a".repeat(2048))
                .parse::<SpiffeUri>()
                .is_err()
        );
        assert!(
            format!("spiffe://{}/a", "a".repeat(256))
                .parse::<SpiffeUri>()
                .is_err()
        );
    }

    #[test]
    fn parts_cannot_smuggle_a_path() {
        assert!(SpiffeId::new("td", "a/sa/root", "b").is_err());
        assert!(SpiffeId::new("td/ns/x/sa/y", "a", "b").is_err());
        assert!(SpiffeId::new("td", "", "b").is_err());
    }
}
