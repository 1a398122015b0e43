use proptest::prelude::*;

use super::super::fuzz;
use super::*;
use crate::http::head::KnownName;

fn parse(text: &[u8]) -> Result<Option<(RequestHead, ParsedRequest)>, InvalidHead> {
    let mut head = RequestHead::default();
    let parsed = parse_request(text, &mut head, HeadLimits::default())?;
    Ok(parsed.map(|parsed| (head, parsed)))
}

fn accepted(text: &str) -> (RequestHead, ParsedRequest) {
    parse(text.as_bytes()).expect("valid").expect("complete")
}

#[test]
fn a_refused_head_keeps_what_was_read_for_the_access_log() {
    let mut head = RequestHead::default();
    head.fields.append_raw(b"left", b"over");
    let limits = HeadLimits {
        bytes: 100,
        fields: 2,
    };
    for (text, expected, fields) in [
        ("a: b\r\nc : d\r\n\r\n", InvalidHead::Syntax, 1),
        ("a: b\r\nc: d\r\ne: f\r\n", InvalidHead::TooManyFields, 2),
        (
            "a: b\r\nhost: x\r\n\r\n",
            InvalidHead::TransferEncodingInHttp10,
            1,
        ),
        (
            &format!("a: b\r\nc: {}", "d".repeat(90)),
            InvalidHead::TooLarge,
            1,
        ),
        (
            &format!("a: b\r\nc: {}\r\n\r\n", "d".repeat(90)),
            InvalidHead::TooLarge,
            2,
        ),
    ] {
        let mut text = format!("PUT / HTTP/1.0\r\n{text}");
        if expected == InvalidHead::TransferEncodingInHttp10 {
            text = text.replace("host: x", "transfer-encoding: chunked");
        }
        let parsed = parse_request(text.as_bytes(), &mut head, limits);
        assert_eq!(parsed, Err(expected), "{text:?}");
        assert_eq!(
            (head.method.as_str(), head.version),
            ("PUT", Version::Http10)
        );
        let first = head.fields.iter().next().expect("a field");
        assert_eq!(
            (first.0.as_bytes(), first.1),
            (&b"a"[..], &b"b"[..]),
            "{text:?}"
        );
        assert_eq!(head.fields.len(), fields, "{text:?}");
    }
    let begun = parse_request(b"PUT / HTTP/1.0\r\na: b\r\n", &mut head, limits);
    assert_eq!(
        (begun, head.fields.len()),
        (Ok(None), 0),
        "it is read again"
    );
}

#[test]
fn connection_names_32_fields_at_most() {
    let head = |names: usize| {
        let names: Vec<String> = (0..names).map(|number| format!("X-{number}")).collect();
        let names = names.join(", ");
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx-31: a\r\nconnection: close, te,,\r\nconnection: {names}\r\n\r\n"
        )
    };
    let (read, parsed) = accepted(&head(32));
    assert!(read.fields.is_empty() && !parsed.keep_alive);
    let parsed = parse(head(33).as_bytes()).map(|parsed| parsed.is_some());
    assert_eq!(parsed, Err(InvalidHead::Syntax));
}

#[test]
fn reads_every_form_of_target() {
    for (text, method, authority, path) in [
        ("GET /a?b HTTP/1.1\r\nhost: x\r\n\r\n", "GET", "x", "/a?b"),
        (
            "GET http://y:80/a?b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET",
            "y:80",
            "/a?b",
        ),
        ("GET http://y HTTP/1.1\r\nhost: y\r\n\r\n", "GET", "y", "/"),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", "OPTIONS", "x", "*"),
        (
            "CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n",
            "CONNECT",
            "x:443",
            "",
        ),
        ("GET / HTTP/1.0\r\n\r\n", "GET", "", "/"),
        (
            "GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
            "GET",
            "[::1]:80",
            "/",
        ),
    ] {
        let (head, parsed) = accepted(text);
        assert_eq!(
            (head.method.as_str(), head.authority(), head.path()),
            (method, authority, path),
            "{text:?}"
        );
        assert_eq!(parsed.len, text.len());
    }
}

fn refused(text: &str, expected: InvalidHead) {
    let parsed = parse(text.as_bytes()).map(|_| ());
    assert_eq!(parsed, Err(expected), "{text:?}");
}

#[test]
fn refuses_targets_and_hosts_that_are_none() {
    use InvalidHead::*;
    for (text, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: u@a\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: a:b\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: a:80:80\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: :80\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: ::1\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: [a]\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: [::1\r\n\r\n", Host),
        ("GET / HTTP/1.1\r\nhost: [::1]a\r\n\r\n", Host),
        ("GET a HTTP/1.1\r\nhost: a\r\n\r\n", Target),
        ("GET * HTTP/1.1\r\nhost: a\r\n\r\n", Target),
        ("GET ftp://a/ HTTP/1.1\r\nhost: a\r\n\r\n", Target),
        ("GET http:///x HTTP/1.1\r\nhost: a\r\n\r\n", Target),
        ("GET http://u@b/x HTTP/1.1\r\nhost: a\r\n\r\n", Target),
        ("GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n", Target),
        ("GET /\u{e4} HTTP/1.1\r\nhost: a\r\n\r\n", Target),
    ] {
        refused(text, expected);
    }
}

#[test]
fn refuses_what_two_readers_could_take_differently() {
    use InvalidHead::*;
    for (text, expected) in [
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            TwoFramings,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
            ContentLength,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 1\r\n\r\n",
            ContentLength,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\n",
            ContentLength,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: \r\n\r\n",
            ContentLength,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\n",
            ContentLength,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
            TransferEncoding,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n",
            TransferEncoding,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            TransferEncoding,
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
            TransferEncoding,
        ),
        (
            "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
            TransferEncodingInHttp10,
        ),
        ("GET / HTTP/1.1\nhost: a\r\n\r\n", BareLineFeed),
        ("GET / HTTP/1.1\r\nhost: a\n\r\n", BareLineFeed),
        ("GET / HTTP/1.1\r\nhost: a\r\n\n", BareLineFeed),
        ("GET / HTTP/1.1\r\nhost: a\r\nb: c\rd: e\r\n\r\n", Syntax),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", Syntax),
        ("GET / HTTP/1.1\r\nhost: a\r\n b: c\r\n\r\n", Syntax),
        ("GET / HTTP/1.1\r\n host: a\r\n\r\n", Syntax),
        ("GET / HTTP/1.1\r\nhost: a\r\nb: \0\r\n\r\n", Syntax),
        ("GET / HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n", Syntax),
        ("GET / HTTP/1.1\r\nhost: a\r\nb\r\n\r\n", Syntax),
        ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", Syntax),
        ("GET / HTTP/1.2\r\nhost: a\r\n\r\n", Syntax),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", Syntax),
        ("GET / \r\nhost: a\r\n\r\n", Syntax),
        ("G@T / HTTP/1.1\r\nhost: a\r\n\r\n", Syntax),
    ] {
        refused(text, expected);
    }
}

#[test]
fn framing_and_persistence_follow_the_fields() {
    for (fields, framing, keep_alive) in [
        ("", Framing::Empty, true),
        ("content-length: 0\r\n", Framing::Empty, true),
        ("Content-Length: 12\r\n", Framing::Length(12), true),
        ("Transfer-Encoding: Chunked\r\n", Framing::Chunked, true),
        ("connection: close\r\n", Framing::Empty, false),
        ("connection: x, Close\r\n", Framing::Empty, false),
    ] {
        let (_, parsed) = accepted(&format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"));
        assert_eq!(
            (parsed.framing, parsed.keep_alive),
            (framing, keep_alive),
            "{fields:?}"
        );
    }
    assert!(!accepted("GET / HTTP/1.0\r\n\r\n").1.keep_alive);
    assert!(
        accepted("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            .1
            .keep_alive
    );
}

#[test]
fn fields_for_this_hop_go_no_further() {
    let (head, parsed) = accepted(
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: x-mine, content-length\r\nkeep-alive: 1\r\nX-Mine: 1\r\nte: gzip\r\n\
         upgrade: h2c\r\nproxy-connection: x\r\ncontent-length: 2\r\nx-kept: 1\r\n\r\n",
    );
    let names: Vec<_> = head
        .fields
        .iter()
        .map(|(name, _)| name.as_bytes())
        .collect();
    assert_eq!(names, [b"content-length".as_slice(), b"x-kept"]);
    assert!(!parsed.upgrade);
    let (head, parsed) = accepted(
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nte: trailers\r\n\r\n",
    );
    assert!(
        parsed.upgrade && head.fields.has(KnownName::Upgrade) && head.fields.has(KnownName::Te)
    );
}

#[test]
fn a_head_over_the_limits_is_refused_before_it_ends() {
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(61 * 1024));
    assert_eq!(
        parse(long.as_bytes()).map(|_| ()),
        Err(InvalidHead::TooLarge)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "x: y\r\n".repeat(100)
    );
    assert_eq!(
        parse(many.as_bytes()).map(|_| ()),
        Err(InvalidHead::TooManyFields)
    );
}

#[test]
fn every_prefix_of_a_head_asks_for_more() {
    let text = "GET /a HTTP/1.1\r\nHost: a\r\nx-y: z\r\n\r\n";
    for end in 0..text.len() {
        assert!(
            parse(&text.as_bytes()[..end]).expect("prefix").is_none(),
            "{end}"
        );
    }
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>) {
        fuzz::request(&bytes);
    }

    #[test]
    fn what_is_accepted_survives_writing_and_reading(
        method in "(GET|POST|PATCH|X-[A-Z]{1,9})",
        path in "/[a-z0-9/?=&%.]{0,30}",
        fields in proptest::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,20}", "[ -~]{0,30}"), 0..12),
        length in 0_u64..3,
    ) {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!("{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n{lines}\r\n");
        fuzz::request(text.as_bytes());
    }
}
