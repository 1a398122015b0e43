//! Route configuration names: `80`, `host:80`, `inbound|8080||`.

use std::fmt;
use std::str::FromStr;

use super::{ClusterName, Direction, InvalidName, parse_port};

/// The name of a route configuration as Istio's control plane gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RouteName {
    /// All HTTP services of one port: `80`.
    Port(u16),
    /// One service of a port whose protocol is sniffed: `host:80`.
    HostPort {
        /// Fully qualified host.
        host: String,
        /// Service port.
        port: u16,
    },
    /// The routes of one inbound port: `inbound|8080||`.
    Inbound(ClusterName),
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "{port}"),
            Self::HostPort { host, port } => write!(f, "{host}:{port}"),
            Self::Inbound(cluster) => cluster.fmt(f),
        }
    }
}

impl FromStr for RouteName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        parse(text).map_err(|why| InvalidName {
            what: "route",
            form: "`PORT`, `HOST:PORT` or `inbound|PORT||`",
            text: text.to_owned(),
            why,
        })
    }
}

fn parse(text: &str) -> Result<RouteName, &'static str> {
    if let Some(port) = parse_port(text) {
        return Ok(RouteName::Port(port));
    }
    if text.contains('|') {
        return match text.parse::<ClusterName>() {
            Ok(cluster) if cluster.direction == Direction::Inbound => {
                Ok(RouteName::Inbound(cluster))
            }
            Ok(_) => Err("an outbound cluster name is no route name"),
            Err(_) => Err("the part with `|` is not an inbound cluster name"),
        };
    }
    let (host, port) = text
        .rsplit_once(':')
        .ok_or("it is neither a port nor has a `:PORT` at its end")?;
    let port = parse_port(port).ok_or("the port is not a number from 0 to 65535")?;
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("the host is empty or has a character that no host has");
    }
    Ok(RouteName::HostPort {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_all_forms() {
        let host_port = RouteName::HostPort {
            host: "db.default.svc.cluster.local".into(),
            port: 3306,
        };
        let cases = [
            (RouteName::Port(80), "80"),
            (host_port, "db.default.svc.cluster.local:3306"),
            (
                RouteName::Inbound(ClusterName::inbound(8080)),
                "inbound|8080||",
            ),
        ];
        for (name, text) in cases {
            assert_eq!(name.to_string(), text);
            assert_eq!(text.parse(), Ok(name));
        }
    }

    #[test]
    fn refuses_what_is_no_route() {
        for text in [
            "",
            "080",
            "host",
            ":80",
            "a b:80",
            "outbound|80||h",
            "inbound|x||",
            "host:99999",
        ] {
            assert!(text.parse::<RouteName>().is_err(), "{text}");
        }
    }
}
