//! The PROXY protocol header, versions 1 and 2 (haproxy's proxy-protocol.txt): who the client was before a load balancer
//! stood between.

use super::Seen;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The ends of the connection that the header speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1, line end included.
const LONGEST_LINE: usize = 107;

/// Whether bytes begin with a header: what it says (nothing for connections of the balancer itself) and its length.
pub fn proxy_protocol(bytes: &[u8]) -> Seen<(Option<Addresses>, usize)> {
    if begins(bytes, SIGNATURE) {
        return version_2(bytes);
    }
    if begins(bytes, b"PROXY ") {
        return version_1(bytes);
    }
    Seen::No
}

/// Whether one of the two is the beginning of the other.
fn begins(bytes: &[u8], wanted: &[u8]) -> bool {
    let known = bytes.len().min(wanted.len());
    bytes[..known] == wanted[..known]
}

fn version_1(bytes: &[u8]) -> Seen<(Option<Addresses>, usize)> {
    let line = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LONGEST_LINE {
            Seen::NeedMore
        } else {
            Seen::No
        };
    };
    let Ok(text) = std::str::from_utf8(&line[..end]) else {
        return Seen::No;
    };
    let mut words = text.split(' ').skip(1);
    match words.next() {
        Some("UNKNOWN") => Seen::Yes((None, end + 2)),
        Some(family @ ("TCP4" | "TCP6")) => match addresses(words, family == "TCP6") {
            Some(addresses) => Seen::Yes((Some(addresses), end + 2)),
            None => Seen::No,
        },
        _ => Seen::No,
    }
}

fn addresses<'a>(mut words: impl Iterator<Item = &'a str>, v6: bool) -> Option<Addresses> {
    let mut address = || {
        words
            .next()?
            .parse::<IpAddr>()
            .ok()
            .filter(|ip| ip.is_ipv6() == v6)
    };
    let (source, destination) = (address()?, address()?);
    let mut port = || {
        let word = words.next()?;
        let plain = word.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| word.parse().ok()).flatten()
    };
    let (source_port, destination_port) = (port()?, port()?);
    words.next().is_none().then(|| Addresses {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    })
}

fn version_2(bytes: &[u8]) -> Seen<(Option<Addresses>, usize)> {
    let Some(header) = bytes.first_chunk::<16>() else {
        return Seen::NeedMore;
    };
    let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
    let (command, family) = (header[12], header[13]);
    let Some(body) = bytes[16..].get(..length) else {
        return if command >> 4 == 2 {
            Seen::NeedMore
        } else {
            Seen::No
        };
    };
    let total = 16 + length;
    match (command, family) {
        // The balancer's own connections (health checks) stand for themselves.
        (0x20, _) => Seen::Yes((None, total)),
        (0x21, 0x11) => told(v4(body), total),
        (0x21, 0x21) => told(v6(body), total),
        // Other families carry nothing that we route by.
        (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => Seen::Yes((None, total)),
        _ => Seen::No,
    }
}

fn told(addresses: Option<Addresses>, total: usize) -> Seen<(Option<Addresses>, usize)> {
    match addresses {
        Some(addresses) => Seen::Yes((Some(addresses), total)),
        None => Seen::No,
    }
}

fn v4(body: &[u8]) -> Option<Addresses> {
    let ip = |at: usize| Some(Ipv4Addr::from(*body.get(at..)?.first_chunk::<4>()?).into());
    ends(ip(0)?, ip(4)?, body.get(8..)?)
}

fn v6(body: &[u8]) -> Option<Addresses> {
    let ip = |at: usize| Some(Ipv6Addr::from(*body.get(at..)?.first_chunk::<16>()?).into());
    ends(ip(0)?, ip(16)?, body.get(32..)?)
}

fn ends(source: IpAddr, destination: IpAddr, ports: &[u8]) -> Option<Addresses> {
    let ports = ports.first_chunk::<4>()?;
    Some(Addresses {
        source: SocketAddr::new(source, u16::from_be_bytes([ports[0], ports[1]])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([ports[2], ports[3]])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses(source: &str, destination: &str) -> Option<Addresses> {
        Some(Addresses {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        })
    }

    #[test]
    fn lines_of_version_1_are_read() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\nGET";
        let wanted = addresses("192.0.2.1:1234", "192.0.2.2:80");
        assert_eq!(proxy_protocol(line), Seen::Yes((wanted, 40)));
        assert_eq!(proxy_protocol(b"PROXY UNKNOWN\r\n"), Seen::Yes((None, 15)));
        assert_eq!(proxy_protocol(&line[..20]), Seen::NeedMore);
        let bad: [&[u8]; 4] = [
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 70000\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 2 3\r\n",
            b"GET / HTTP/1.1\r\n",
        ];
        for line in bad {
            assert_eq!(proxy_protocol(line), Seen::No);
        }
    }

    #[test]
    fn headers_of_version_2_are_read() {
        let body = [192, 0, 2, 1, 192, 0, 2, 2, 0x04, 0xd2, 0, 80];
        let header = [SIGNATURE, &[0x21, 0x11, 0, 12], &body].concat();
        let wanted = addresses("192.0.2.1:1234", "192.0.2.2:80");
        assert_eq!(proxy_protocol(&header), Seen::Yes((wanted, 28)));
        for length in 0..header.len() {
            assert_eq!(proxy_protocol(&header[..length]), Seen::NeedMore);
        }
        let local = [SIGNATURE, &[0x20, 0x00, 0, 0]].concat();
        assert_eq!(proxy_protocol(&local), Seen::Yes((None, 16)));
        let cut = [SIGNATURE, &[0x21, 0x11, 0, 4], &body[..4]].concat();
        assert_eq!(proxy_protocol(&cut), Seen::No);
    }

    proptest! {
        #[test]
        fn strangers_bytes_never_panic(mut tail in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = proxy_protocol(&tail);
            tail.splice(0..0, SIGNATURE.iter().copied());
            let _ = proxy_protocol(&tail);
        }
    }
}
