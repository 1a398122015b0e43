//! Listener names: the two virtual listeners and `ADDRESS_PORT`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{InvalidName, parse_port};

/// The name of a listener as Istio's control plane gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListenerName {
    /// `virtualOutbound`: receives all captured outbound traffic on 15001.
    VirtualOutbound,
    /// `virtualInbound`: receives all captured inbound traffic on 15006.
    VirtualInbound,
    /// `ADDRESS_PORT`, such as `0.0.0.0_80`, `10.0.0.7_3306` or `2001:db8::1_80`.
    Address(SocketAddr),
}

impl ListenerName {
    /// Text of [`Self::VirtualOutbound`].
    pub const VIRTUAL_OUTBOUND: &'static str = "virtualOutbound";
    /// Text of [`Self::VirtualInbound`].
    pub const VIRTUAL_INBOUND: &'static str = "virtualInbound";

    /// Names the listener of one address and port.
    pub const fn address(ip: IpAddr, port: u16) -> Self {
        Self::Address(SocketAddr::new(ip, port))
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VirtualOutbound => f.write_str(Self::VIRTUAL_OUTBOUND),
            Self::VirtualInbound => f.write_str(Self::VIRTUAL_INBOUND),
            Self::Address(address) => write!(f, "{}_{}", address.ip(), address.port()),
        }
    }
}

impl FromStr for ListenerName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text {
            Self::VIRTUAL_OUTBOUND => Ok(Self::VirtualOutbound),
            Self::VIRTUAL_INBOUND => Ok(Self::VirtualInbound),
            _ => parse_address(text).map_err(|why| InvalidName {
                what: "listener",
                form: "`virtualOutbound`, `virtualInbound` or `ADDRESS_PORT`",
                text: text.to_owned(),
                why,
            }),
        }
    }
}

fn parse_address(text: &str) -> Result<ListenerName, &'static str> {
    let (ip, port) = text
        .rsplit_once('_')
        .ok_or("it has no `_PORT` at its end")?;
    let port = parse_port(port).ok_or("the port is not a number from 0 to 65535")?;
    let parsed: IpAddr = ip.parse().map_err(|_| "the address is not an IP address")?;
    if parsed.to_string() != ip {
        return Err("the address is not in its canonical form");
    }
    Ok(ListenerName::address(parsed, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_all_forms() {
        for text in [
            "virtualOutbound",
            "virtualInbound",
            "0.0.0.0_80",
            "10.0.0.7_3306",
            "::_80",
            "2001:db8::1_443",
        ] {
            assert_eq!(text.parse::<ListenerName>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn refuses_hosts_and_other_spellings_of_an_address() {
        for text in [
            "",
            "_",
            "_80",
            "host_80",
            "0.0.0.0",
            "0.0.0.0_080",
            "0:0:0:0:0:0:0:0_80",
            "[::]_80",
        ] {
            assert!(text.parse::<ListenerName>().is_err(), "{text}");
        }
    }
}
