//! Cluster names `outbound|80|v1|host` and their SNI twins `outbound_.80_.v1_.host`.

use std::fmt;
use std::str::FromStr;

use super::{InvalidName, parse_port};

const FORM: &str = "`outbound|PORT|SUBSET|HOST` or `inbound|PORT||`";
const SNI_FORM: &str = "`outbound_.PORT_.SUBSET_.HOST`";

/// Which way traffic flows, seen from the workload that the sidecar belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Into the workload.
    Inbound,
    /// Out of the workload.
    Outbound,
}

impl Direction {
    /// The word used in names, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a cluster that stands for one service port, whole or one of its subsets.
///
/// Form follows Istio: `outbound|80|v1|reviews.default.svc.cluster.local`, inbound `inbound|8080||`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName {
    /// Direction of the traffic.
    pub direction: Direction,
    /// Service port (outbound) or port of the workload (inbound).
    pub port: u16,
    /// Subset of a DestinationRule; `None` is the whole service.
    pub subset: Option<String>,
    /// Fully qualified host; empty for inbound clusters.
    pub host: String,
}

impl ClusterName {
    /// Names the cluster of `host:port`, narrowed to `subset` when given.
    pub fn outbound(port: u16, subset: Option<&str>, host: &str) -> Self {
        let subset = subset
            .filter(|subset| !subset.is_empty())
            .map(str::to_owned);
        Self {
            direction: Direction::Outbound,
            port,
            subset,
            host: host.to_owned(),
        }
    }

    /// Names the cluster that delivers to the workload's own `port`.
    pub fn inbound(port: u16) -> Self {
        Self {
            direction: Direction::Inbound,
            port,
            subset: None,
            host: String::new(),
        }
    }

    /// The server name that a sidecar sends in its TLS hello when it connects to this cluster.
    pub fn to_sni(&self) -> String {
        format!(
            "{}_.{}_.{}_.{}",
            self.direction,
            self.port,
            self.subset_str(),
            self.host
        )
    }

    /// Reads a server name back into the cluster it stands for.
    ///
    /// # Errors
    /// Any text that [`Self::to_sni`] does not print.
    pub fn from_sni(sni: &str) -> Result<Self, InvalidName> {
        Self::from_parts(sni, sni.splitn(4, "_.")).map_err(|why| InvalidName {
            what: "SNI",
            form: SNI_FORM,
            text: sni.to_owned(),
            why,
        })
    }

    /// The subset as printed: empty for the whole service.
    pub fn subset_str(&self) -> &str {
        self.subset.as_deref().unwrap_or("")
    }

    fn from_parts<'a>(
        text: &str,
        mut parts: impl Iterator<Item = &'a str>,
    ) -> Result<Self, &'static str> {
        let (Some(direction), Some(port), Some(subset), Some(host)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("it does not have four parts");
        };
        let direction = match direction {
            "outbound" => Direction::Outbound,
            "inbound" => Direction::Inbound,
            _ => return Err("the direction is neither `inbound` nor `outbound`"),
        };
        let port = parse_port(port).ok_or("the port is not a number from 0 to 65535")?;
        if subset.contains("_.")
            || host.contains('|')
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err("subset or host has a character that no name may have");
        }
        if direction == Direction::Outbound && host.is_empty() {
            return Err("an outbound name needs a host");
        }
        let subset = (!subset.is_empty()).then(|| subset.to_owned());
        Ok(Self {
            direction,
            port,
            subset,
            host: host.to_owned(),
        })
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}|{}|{}|{}",
            self.direction,
            self.port,
            self.subset_str(),
            self.host
        )
    }
}

impl FromStr for ClusterName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::from_parts(text, text.splitn(4, '|')).map_err(|why| InvalidName {
            what: "cluster",
            form: FORM,
            text: text.to_owned(),
            why,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_both_directions() {
        let reviews = ClusterName::outbound(9080, Some("v1"), "reviews.default.svc.cluster.local");
        let cases = [
            (
                reviews,
                "outbound|9080|v1|reviews.default.svc.cluster.local",
            ),
            (ClusterName::outbound(80, None, "a.b"), "outbound|80||a.b"),
            (ClusterName::inbound(8080), "inbound|8080||"),
        ];
        for (name, text) in cases {
            assert_eq!(name.to_string(), text);
            assert_eq!(text.parse(), Ok(name));
        }
    }

    #[test]
    fn sni_is_the_twin_of_the_name() {
        let whole = ClusterName::outbound(80, None, "a.b");
        assert_eq!(whole.to_sni(), "outbound_.80_._.a.b");
        assert_eq!(ClusterName::from_sni("outbound_.80_._.a.b"), Ok(whole));
        let subset = ClusterName::outbound(80, Some("v1"), "a.b");
        assert_eq!(ClusterName::from_sni("outbound_.80_.v1_.a.b"), Ok(subset));
    }

    #[test]
    fn an_empty_subset_is_no_subset() {
        assert_eq!(
            ClusterName::outbound(80, Some(""), "a"),
            ClusterName::outbound(80, None, "a")
        );
    }

    #[test]
    fn refuses_what_it_would_not_print() {
        for text in [
            "",
            "outbound",
            "outbound|80|v1",
            "outbound|080||h",
            "outbound|+80||h",
            "outbound|65536||h",
            "outbound|80||",
            "sideways|80||h",
            "outbound|80||a|b",
            "outbound|80||a b",
            "Outbound|80||h",
        ] {
            let refused = text.parse::<ClusterName>().expect_err(text);
            assert!(
                refused.to_string().contains("outbound|PORT|SUBSET|HOST"),
                "{refused}"
            );
        }
        assert!(ClusterName::from_sni("reviews.default.svc.cluster.local").is_err());
    }
}
