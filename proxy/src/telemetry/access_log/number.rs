//! Numbers and addresses as text, without the formatting machinery, which costs more than the rest of a line.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Digits of the greatest number.
const LONGEST: usize = 20;

/// The text of each octet with a dot behind it, at a fixed length: copying that much costs less than looking how much it is.
static OCTETS: [[u8; 4]; 256] = octets();

/// Appends a number.
pub(crate) fn decimal(value: impl Into<u64>, out: &mut Vec<u8>) {
    let value = value.into();
    match value {
        // many numbers of a line are counts of next to nothing
        0..10 => out.push(digit(value)),
        10.. => padded(value, 1, out),
    }
}

/// Appends whole milliseconds.
pub(crate) fn milliseconds(time: Duration, out: &mut Vec<u8>) {
    decimal(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), out);
}

/// Appends a number with at least so many digits, 20 at most.
pub(crate) fn padded(value: impl Into<u64>, width: usize, out: &mut Vec<u8>) {
    let mut value = value.into();
    let mut digits = [b'0'; LONGEST];
    let mut start = LONGEST;
    while value > 0 {
        start -= 1;
        digits[start] = digit(value % 10);
        value /= 10;
    }
    out.extend_from_slice(&digits[start.min(LONGEST - width.min(LONGEST))..]);
}

fn digit(value: u64) -> u8 {
    b'0' + value as u8
}

/// Appends an address and its port.
pub(crate) fn socket(address: SocketAddr, out: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(_) => {
            ip(address.ip(), out);
            out.push(b':');
            decimal(address.port(), out);
        }
        IpAddr::V6(_) => shown(address, out),
    }
}

/// Appends an address.
pub(crate) fn ip(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for octet in address.octets() {
                let text = &OCTETS[usize::from(octet)];
                out.extend_from_slice(text);
                out.truncate(out.len() - text.len() + length(octet));
            }
            out.pop();
        }
        IpAddr::V6(_) => shown(address, out),
    }
}

/// Bytes of an octet with its dot.
const fn length(octet: u8) -> usize {
    2 + (octet >= 10) as usize + (octet >= 100) as usize
}

const fn octets() -> [[u8; 4]; 256] {
    let mut all = [[0; 4]; 256];
    let mut octet = 0;
    while octet < all.len() {
        let length = length(octet as u8);
        all[octet][length - 1] = b'.';
        let (mut at, mut value) = (length - 1, octet);
        while at > 0 {
            at -= 1;
            all[octet][at] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        octet += 1;
    }
    all
}

fn shown(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("digits are ASCII")
    }

    #[test]
    fn writes_what_formatting_would() {
        for value in [0, 7, 9, 10, 99, 100, 305, 1_000, u64::MAX] {
            for width in [1, 3, 9] {
                let text = written(|out| padded(value, width, out));
                assert_eq!(text, format!("{value:0width$}"));
            }
            assert_eq!(written(|out| decimal(value, out)), value.to_string());
        }
        for address in ["1.20.255.0:80", "[::1]:8080", "[::ffff:1.2.3.4]:1"] {
            let address: SocketAddr = address.parse().expect("an address");
            assert_eq!(written(|out| socket(address, out)), address.to_string());
        }
    }

    #[test]
    fn writes_every_octet() {
        for octet in 0..=255 {
            let address = IpAddr::from([octet, 255 - octet, octet, 7]);
            assert_eq!(written(|out| ip(address, out)), address.to_string());
        }
    }
}
