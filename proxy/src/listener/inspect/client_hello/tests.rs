use super::*;
use proptest::prelude::*;
use std::sync::Arc;

/// What a real TLS client sends first.
fn real(host: &str, protocols: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let name = rustls_pki_types::ServerName::try_from(host.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// The same handshake message in records of at most `size` bytes.
fn in_records_of(size: usize, bytes: &[u8]) -> Vec<u8> {
    bytes[5..]
        .chunks(size)
        .flat_map(|chunk| {
            let length = u16::try_from(chunk.len()).unwrap().to_be_bytes();
            [&[22, 3, 1, length[0], length[1]], chunk].concat()
        })
        .collect()
}

#[test]
fn server_name_and_protocols_are_read() {
    let host = "outbound_.80_.v1_.Reviews.default.svc.cluster.local";
    let bytes = real(host, &["istio-http/1.1", "istio"]);
    let wanted = ClientHello {
        server_name: Some(host.to_ascii_lowercase().into()),
        protocols: vec![b"istio-http/1.1"[..].into(), b"istio"[..].into()],
    };
    assert_eq!(client_hello(&bytes), Seen::Yes(wanted.clone()));
    for size in [1, 4, 100] {
        let bytes = in_records_of(size, &bytes);
        assert_eq!(client_hello(&bytes), Seen::Yes(wanted.clone()), "{size}");
    }
}

#[test]
fn every_beginning_asks_for_more() {
    let bytes = real("a.example.com", &["h2"]);
    for length in 0..bytes.len() {
        assert_eq!(client_hello(&bytes[..length]), Seen::NeedMore, "{length}");
    }
}

#[test]
fn other_protocols_are_told_apart_by_their_first_byte() {
    let others: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n",
        b"\x00",
        b"\x16\x02",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff\x01",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    ];
    for bytes in others {
        assert_eq!(client_hello(bytes), Seen::No, "{bytes:?}");
    }
}

#[test]
fn a_message_whose_lengths_disagree_is_no_client_hello() {
    let good = real("a.example.com", &["h2"]);
    let mut shorter = good.clone();
    // The length of the extensions no longer fits the message.
    shorter[8] = shorter[8].wrapping_sub(1);
    assert_eq!(client_hello(&shorter), Seen::No);
}

proptest! {
    #[test]
    fn strangers_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = client_hello(&bytes);
    }

    #[test]
    fn damaged_hellos_never_panic(at in 0usize..200, byte: u8) {
        let mut bytes = real("a.example.com", &["h2"]);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = client_hello(&bytes);
    }
}
