//! The first bytes of a connection: what is told by them stays told, and others are told the same.

use std::fmt::Debug;

use rustls::server::Acceptor;
use tulle_proxy::listener::inspect::{self, Addresses, ClientHello, Seen};

/// Beginnings of a long input that are tried.
const MOST_CUTS: usize = 256;

/// A ClientHello of TLS, against the TLS library that a server would use.
pub fn client_hello(data: &[u8]) {
    let Seen::Yes(hello) = told_for_good(data, inspect::client_hello) else {
        return;
    };
    assert_eq!(
        inspect::client_hello(&write_hello(&hello)),
        Seen::Yes(hello.clone())
    );
    let mut acceptor = Acceptor::default();
    if acceptor.read_tls(&mut &*data).is_err() {
        return;
    }
    let Ok(Some(accepted)) = acceptor.accept() else {
        return;
    };
    let theirs = accepted.client_hello();
    if let Some(name) = theirs.server_name() {
        let ours = hello.server_name.as_deref();
        assert!(
            ours.is_some_and(|ours| ours.eq_ignore_ascii_case(name)),
            "{ours:?} is {name:?} to others"
        );
    }
    let protocols: Vec<&[u8]> = theirs.alpn().into_iter().flatten().collect();
    let ours: Vec<&[u8]> = hello.protocols.iter().map(|one| &**one).collect();
    assert_eq!(ours, protocols);
}

/// The first line of HTTP/1 or the preface of HTTP/2.
pub fn http(data: &[u8]) {
    if let Seen::Yes(version) = told_for_good(data, inspect::http) {
        let line = data
            .split(|byte| *byte == b'\n')
            .find(|line| line.len() > 1);
        let line = line.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let end: &[u8] = match version {
            inspect::HttpVersion::Http10 => b" HTTP/1.0",
            inspect::HttpVersion::Http11 => b" HTTP/1.1",
            inspect::HttpVersion::H2c => b"PRI * HTTP/2.0",
        };
        assert!(line.is_some_and(|line| line.ends_with(end)), "{version:?}");
    }
}

/// A header of the PROXY protocol.
pub fn proxy_protocol(data: &[u8]) {
    let Seen::Yes((addresses, length)) = told_for_good(data, inspect::proxy_protocol) else {
        return;
    };
    assert!((15..=data.len()).contains(&length), "{length}");
    assert_eq!(
        inspect::proxy_protocol(&data[..length - 1]),
        Seen::NeedMore,
        "the header had not ended"
    );
    if let Some(addresses) = addresses {
        let text = write_addresses(&addresses);
        let again = inspect::proxy_protocol(text.as_bytes());
        assert_eq!(again, Seen::Yes((Some(addresses), text.len())));
    }
}

/// What `look` tells by all of `data`; by less it tells the same, or that it needs more.
fn told_for_good<T: PartialEq + Debug>(data: &[u8], look: fn(&[u8]) -> Seen<T>) -> Seen<T> {
    let whole = look(data);
    for end in (0..data.len()).step_by(data.len() / MOST_CUTS + 1) {
        let early = look(&data[..end]);
        assert!(
            early == Seen::NeedMore || early == whole,
            "{early:?} after {end} bytes, {whole:?} in the end"
        );
    }
    whole
}

/// The smallest ClientHello that asks for the same.
fn write_hello(hello: &ClientHello) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(name) = &hello.server_name {
        let entry = [&[0], prefixed(name.as_bytes()).as_slice()].concat();
        extensions.extend([0, 0]);
        extensions.extend(prefixed(&prefixed(&entry)));
    }
    if !hello.protocols.is_empty() {
        let one = |name: &[u8]| [&[u8::try_from(name.len()).expect("read")], name].concat();
        let all = hello.protocols.iter().flat_map(|name| one(name));
        let all: Vec<u8> = all.collect();
        extensions.extend([0, 16]);
        extensions.extend(prefixed(&prefixed(&all)));
    }
    let mut body = vec![3, 3];
    body.extend([0; 32]);
    body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    body.extend(prefixed(&extensions));
    let message = [&[1, 0], prefixed(&body).as_slice()].concat();
    let record = |fragment: &[u8]| [&[22, 3, 1], prefixed(fragment).as_slice()].concat();
    message.chunks(1 << 14).flat_map(record).collect()
}

/// `bytes` behind their length in two bytes.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("as long as what was read");
    [&length.to_be_bytes(), bytes].concat()
}

fn write_addresses(addresses: &Addresses) -> String {
    let Addresses {
        source,
        destination,
    } = addresses;
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    )
}
