//! Matching the alternative names of a certificate, as Envoy's `match_typed_subject_alt_names` describes it.

use super::certificate::Names;
use regex::Regex;
use std::fmt;
use std::net::IpAddr;

/// Which kind of name a matcher looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SanKind {
    /// Any kind.
    Any,
    /// DNS names; an exact matcher also accepts a certificate's `*.` name that covers it.
    Dns,
    /// URIs, SPIFFE identities among them.
    Uri,
    /// E-mail addresses.
    Email,
    /// IP addresses in text form.
    Ip,
}

/// How a text is compared.
#[derive(Debug, Clone)]
pub enum TextMatch {
    /// Equal.
    Exact(Box<str>),
    /// Starts with.
    Prefix(Box<str>),
    /// Ends with.
    Suffix(Box<str>),
    /// Contains.
    Contains(Box<str>),
    /// The whole text matches; made by [`TextMatch::regex`], which anchors the pattern at both ends.
    Regex(Regex),
}

impl TextMatch {
    /// A pattern that must match the whole text.
    ///
    /// # Errors
    /// If it is no regular expression.
    pub fn regex(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self::Regex(Regex::new(&format!("^(?:{pattern})$"))?))
    }
}

/// One condition on the names of a certificate; a certificate passes if any name meets any condition.
#[derive(Debug, Clone)]
pub struct SanMatcher {
    /// The names it looks at.
    pub kind: SanKind,
    /// How it compares them.
    pub text: TextMatch,
    /// Upper and lower case are the same.
    pub ignore_case: bool,
}

impl SanMatcher {
    /// A URI that must be exactly this, as a mesh pins an identity.
    pub fn exact_uri(uri: &str) -> Self {
        Self {
            kind: SanKind::Uri,
            text: TextMatch::Exact(uri.into()),
            ignore_case: false,
        }
    }

    /// Whether any name in the certificate meets the condition.
    pub(crate) fn matches(&self, names: &Names) -> bool {
        match self.kind {
            SanKind::Uri => self.any(&names.uris),
            SanKind::Dns => self.any_dns(&names.dns),
            SanKind::Email => self.any(&names.emails),
            SanKind::Ip => self.any_ip(&names.ips),
            SanKind::Any => {
                self.any(&names.uris)
                    || self.any_dns(&names.dns)
                    || self.any(&names.emails)
                    || self.any_ip(&names.ips)
            }
        }
    }

    fn any(&self, texts: &[Box<str>]) -> bool {
        texts.iter().any(|text| self.text_matches(text))
    }

    fn any_dns(&self, names: &[Box<str>]) -> bool {
        names.iter().any(|name| {
            let TextMatch::Exact(wanted) = &self.text else {
                return self.text_matches(name);
            };
            dns_matches(name, wanted)
        })
    }

    fn any_ip(&self, ips: &[IpAddr]) -> bool {
        ips.iter().any(|ip| match (&self.text, ip) {
            (TextMatch::Exact(wanted), ip) => wanted.parse() == Ok(*ip),
            (_, ip) => self.text_matches(&ip.to_string()),
        })
    }

    fn text_matches(&self, text: &str) -> bool {
        if self.ignore_case {
            return self.lower_matches(&text.to_ascii_lowercase());
        }
        match &self.text {
            TextMatch::Exact(wanted) => text == &**wanted,
            TextMatch::Prefix(wanted) => text.starts_with(&**wanted),
            TextMatch::Suffix(wanted) => text.ends_with(&**wanted),
            TextMatch::Contains(wanted) => text.contains(&**wanted),
            TextMatch::Regex(regex) => regex.is_match(text),
        }
    }

    fn lower_matches(&self, text: &str) -> bool {
        match &self.text {
            TextMatch::Exact(wanted) => text == wanted.to_ascii_lowercase(),
            TextMatch::Prefix(wanted) => text.starts_with(&wanted.to_ascii_lowercase()),
            TextMatch::Suffix(wanted) => text.ends_with(&wanted.to_ascii_lowercase()),
            TextMatch::Contains(wanted) => text.contains(&wanted.to_ascii_lowercase()),
            TextMatch::Regex(regex) => regex.is_match(text),
        }
    }
}

/// Whether a name of a certificate, possibly `*.domain`, covers a host name (RFC 6125 section 6.4.3: the star stands
/// for exactly one leftmost label).
fn dns_matches(name: &str, host: &str) -> bool {
    if let Some(domain) = name.strip_prefix("*.") {
        return host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain));
    }
    name.eq_ignore_ascii_case(host)
}

impl fmt::Display for SanMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            TextMatch::Exact(text) => write!(f, "{text}"),
            TextMatch::Prefix(text) => write!(f, "{text}*"),
            TextMatch::Suffix(text) => write!(f, "*{text}"),
            TextMatch::Contains(text) => write!(f, "*{text}*"),
            TextMatch::Regex(regex) => write!(f, "~{regex}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(kind: SanKind, text: TextMatch) -> SanMatcher {
        SanMatcher {
            kind,
            text,
            ignore_case: false,
        }
    }

    fn names() -> Names {
        Names {
            uris: vec!["spiffe://cluster.local/ns/a/sa/b".into()],
            dns: vec!["*.example.com".into()],
            emails: vec!["ops@example.com".into()],
            ips: vec!["10.0.0.1".parse().unwrap()],
        }
    }

    #[test]
    fn names_are_compared_by_kind_and_text() {
        let exact = |text: &str| TextMatch::Exact(text.into());
        let table = [
            (
                SanKind::Uri,
                exact("spiffe://cluster.local/ns/a/sa/b"),
                true,
            ),
            (
                SanKind::Uri,
                exact("spiffe://cluster.local/ns/a/sa/bb"),
                false,
            ),
            (
                SanKind::Uri,
                TextMatch::Prefix("spiffe://cluster.local/".into()),
                true,
            ),
            (SanKind::Dns, TextMatch::Prefix("spiffe://".into()), false),
            (SanKind::Any, TextMatch::Suffix("/sa/b".into()), true),
            (SanKind::Uri, TextMatch::Contains("/ns/a/".into()), true),
            (
                SanKind::Uri,
                TextMatch::regex("spiffe://.*/sa/(a|b)").unwrap(),
                true,
            ),
            (SanKind::Uri, TextMatch::regex("cluster").unwrap(), false),
            (SanKind::Dns, exact("a.example.com"), true),
            (SanKind::Dns, exact("a.b.example.com"), false),
            (SanKind::Dns, exact("example.com"), false),
            (SanKind::Ip, exact("10.0.0.1"), true),
            (SanKind::Ip, exact("10.0.0.2"), false),
            (SanKind::Email, exact("ops@example.com"), true),
        ];
        for (kind, text, wanted) in table {
            let matcher = matcher(kind, text);
            assert_eq!(matcher.matches(&names()), wanted, "{kind:?} {matcher}");
        }
    }

    #[test]
    fn case_may_be_ignored() {
        let mut wanted = SanMatcher::exact_uri("SPIFFE://cluster.local/ns/a/sa/B");
        assert!(!wanted.matches(&names()));
        wanted.ignore_case = true;
        assert!(wanted.matches(&names()));
    }
}
