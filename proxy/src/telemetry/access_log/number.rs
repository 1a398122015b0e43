//! Numbers and addresses as text, without the formatting machinery, which costs more than the rest of a line.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// Digits of the greatest number.
const LONGEST: usize = 39;

/// Appends a number.
pub(crate) fn decimal(value: impl Into<u128>, out: &mut String) {
    let value = value.into();
    match u32::try_from(value) {
        // most numbers of a line are small
        Ok(value) if value < 1_000 => {
            if value >= 100 {
                out.push(digit(value / 100));
            }
            if value >= 10 {
                out.push(digit(value / 10 % 10));
            }
            out.push(digit(value % 10));
        }
        Ok(_) | Err(_) => padded(value, 1, out),
    }
}

fn digit(value: u32) -> char {
    char::from(b'0' + value as u8)
}

/// Appends a number with at least so many digits.
pub(crate) fn padded(value: impl Into<u128>, width: usize, out: &mut String) {
    let value = value.into();
    let mut digits = [b'0'; LONGEST];
    let mut start = LONGEST;
    // numbers of 128 bits are divided slowly
    match u64::try_from(value) {
        Ok(mut value) => {
            while value > 0 {
                start -= 1;
                digits[start] = b'0' + (value % 10) as u8;
                value /= 10;
            }
        }
        Err(_) => {
            return shown(format_args!("{value:0width$}"), out);
        }
    }
    let start = start.min(LONGEST - width.min(LONGEST));
    out.push_str(std::str::from_utf8(&digits[start..]).expect("digits are ASCII"));
}

/// Appends an address and its port.
pub(crate) fn socket(address: SocketAddr, out: &mut String) {
    match address.ip() {
        IpAddr::V4(_) => {
            ip(address.ip(), out);
            out.push(':');
            decimal(address.port(), out);
        }
        IpAddr::V6(_) => shown(address, out),
    }
}

/// Appends an address.
pub(crate) fn ip(address: IpAddr, out: &mut String) {
    match address {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push('.');
                }
                decimal(octet, out);
            }
        }
        IpAddr::V6(_) => shown(address, out),
    }
}

fn shown(value: impl std::fmt::Display, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_formatting_would() {
        for value in [
            0,
            7,
            10,
            99,
            100,
            305,
            1_000,
            u128::from(u64::MAX),
            u128::MAX,
        ] {
            for width in [1, 3, 9] {
                let mut out = String::new();
                padded(value, width, &mut out);
                assert_eq!(out, format!("{value:0width$}"));
            }
            let mut out = String::new();
            decimal(value, &mut out);
            assert_eq!(out, value.to_string());
        }
        for address in ["1.20.255.0:80", "[::1]:8080", "[::ffff:1.2.3.4]:1"] {
            let address: SocketAddr = address.parse().expect("an address");
            let (mut out, mut alone) = (String::new(), String::new());
            socket(address, &mut out);
            ip(address.ip(), &mut alone);
            assert_eq!(
                (out, alone),
                (address.to_string(), address.ip().to_string())
            );
        }
    }
}
