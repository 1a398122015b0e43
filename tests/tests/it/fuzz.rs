//! The fuzz targets, for a moment.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use tulle_tests::fuzz;

/// Texts and bytes from which the inputs of the targets are damaged.
const NAMES: &[&[u8]] = &[
    b"outbound|80|v1|reviews.default.svc.cluster.local",
    b"outbound_.80_.v1_.reviews.default.svc.cluster.local",
    b"spiffe://cluster.local/ns/default/sa/reviews",
    b"sidecar~10.0.0.7~reviews-v1.default~default.svc.cluster.local",
    b"2001:db8::1_443",
    b"1m30.5s",
];

const MESSAGES: &[&[u8]] = &[
    b"sidecar~10.0.0.7~reviews-v1.default~default.svc.cluster.local",
    b"\x0a\x0eoutbound|80||a\x12\x03abc",
    b"\x0a\x0e\x0a\x04NAME\x12\x06\x1a\x04pods\x0a\x0f\x0a\x06LABELS\x12\x05\x2a\x03\x0a\x01a",
];

const REQUESTS: &[&[u8]] = &[
    b"GET /a?b=c HTTP/1.1\r\nHost: a.example:80\r\nX-One: 1\r\n\r\n",
    b"POST http://a.example/a HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\n\r\nabc",
    b"PUT / HTTP/1.1\r\nhost: [::1]:80\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"\r\nGET / HTTP/1.0\r\nconnection: keep-alive, x\r\nx: y\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nte: trailers\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n",
];

const RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nServer: a\r\n\r\nabc",
    b"HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 404 \r\n\r\ngone",
    b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
];

const CHUNKS: &[&[u8]] = &[
    b"3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
    b"00\r\nGrpc-Status: 0\r\nx: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"fffffffffffffff\r\nabc",
];

const PROXY_HEADERS: &[&[u8]] = &[
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\nGET / HTTP/1.1\r\n",
    b"PROXY TCP6 2001:db8::1 2001:db8::2 1234 80\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x04\xd2\0\x50rest",
];

const RECORDS: &[&[u8]] = fuzz::tls::SEEDS;

/// A ClientHello with a server name and two application protocols.
const HELLOS: &[&[u8]] = &[
    b"\x16\x03\x01\0\x4d\x01\0\0\x49\x03\x03................................\0\0\x02\x13\x01\x01\0\
      \0\x1e\0\0\0\x0c\0\x0a\0\0\x07a.local\0\x10\0\x0a\0\x08\x02h2\x04http",
    b"\x16\x03\x01\0\x02\x01\0\x16\x03\x01\0\x2b\0\x29\x03\x03................................\
      \0\0\x02\x13\x01\x01\0",
];

/// Any bytes, or a seed with some bytes replaced, doubled or taken out.
fn input(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..6_u8, any::<u8>());
    let edits = prop::collection::vec(edit, 0..4);
    let damaged = (prop::sample::select(seeds), edits).prop_map(|(seed, edits)| {
        let mut bytes = seed.to_vec();
        for (at, kind, byte) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, bytes[at]),
                2 => bytes.insert(at, byte),
                3 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes[at] = b"\r\n\0 \t:,;\"_-\x7f\x80"[usize::from(byte) % 13],
            }
        }
        bytes
    });
    prop_oneof![3 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// A target, and inputs from which others are made.
struct Target {
    /// What its program does.
    calls: &'static str,
    run: fn(&[u8]),
    seeds: &'static [&'static [u8]],
}

/// A target with the words for it, which cannot differ.
macro_rules! target {
    ($run:path, $seeds:ident) => {
        Target {
            calls: concat!("tulle_tests::", stringify!($run), "(data)"),
            run: $run,
            seeds: $seeds,
        }
    };
}

const TARGETS: &[Target] = &[
    target!(fuzz::names, NAMES),
    target!(fuzz::node, MESSAGES),
    target!(fuzz::xds, MESSAGES),
    target!(fuzz::http1::request, REQUESTS),
    target!(fuzz::http1::response, RESPONSES),
    target!(fuzz::http1::chunked, CHUNKS),
    target!(fuzz::client_hello, HELLOS),
    target!(fuzz::http, REQUESTS),
    target!(fuzz::proxy_protocol, PROXY_HEADERS),
    target!(fuzz::tls::records, RECORDS),
];

/// Nothing here compiles the programs of `tests/fuzz`, which need a fuzzer: so they are one call each, of what is compiled here.
#[test]
fn the_programs_of_the_fuzzer_call_the_targets_that_are_tried_here() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let read = |name: &str| std::fs::read_to_string(home.join(name)).unwrap();
    let (manifest, page) = (read("Cargo.toml"), read("README.md"));
    let mut called = BTreeSet::new();
    for file in std::fs::read_dir(home.join("fuzz_targets")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let text = read(&format!("fuzz_targets/{file}"));
        let mut lines = text.lines().rev();
        let call = lines.next().and_then(|line| {
            line.strip_prefix("libfuzzer_sys::fuzz_target!(|data: &[u8]| ")?
                .strip_suffix(");")
        });
        let call = call.unwrap_or_else(|| panic!("{file} ends with something else than a call"));
        called.insert(call.to_owned());
        let name = file.strip_suffix(".rs").unwrap();
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{file}\"")),
            "{file}"
        );
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not in README.md"
        );
    }
    let tried = TARGETS.iter().map(|target| target.calls.to_owned());
    assert_eq!(called, tried.collect());
}

#[test]
fn every_seed_holds_as_it_is() {
    for target in TARGETS {
        target.seeds.iter().for_each(|seed| (target.run)(seed));
    }
    for hello in HELLOS {
        let seen = tulle_proxy::listener::inspect::client_hello(hello);
        let told = matches!(seen, tulle_proxy::listener::inspect::Seen::Yes(_));
        assert!(told, "a seed tells nothing: {seen:?}");
    }
}

proptest! {
    #[test]
    fn names_hold(data in input(NAMES)) {
        fuzz::names(&data);
    }

    #[test]
    fn nodes_hold(data in input(MESSAGES)) {
        fuzz::node(&data);
    }

    #[test]
    fn xds_holds(data in input(MESSAGES)) {
        fuzz::xds(&data);
    }

    #[test]
    fn http1_requests_hold(data in input(REQUESTS)) {
        fuzz::http1::request(&data);
    }

    #[test]
    fn http1_responses_hold(data in input(RESPONSES)) {
        fuzz::http1::response(&data);
    }

    #[test]
    fn http1_chunks_hold(data in input(CHUNKS)) {
        fuzz::http1::chunked(&data);
    }

    #[test]
    fn client_hellos_hold(data in input(HELLOS)) {
        fuzz::client_hello(&data);
    }

    #[test]
    fn first_lines_of_http_hold(data in input(REQUESTS)) {
        fuzz::http(&data);
    }

    #[test]
    fn proxy_protocol_headers_hold(data in input(PROXY_HEADERS)) {
        fuzz::proxy_protocol(&data);
    }

    #[test]
    fn tls_records_hold(data in input(RECORDS)) {
        fuzz::tls::records(&data);
    }
}
