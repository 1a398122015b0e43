//! Requests put together from pieces of which it is known whether they are sound: with sound ones only, all proxies send
//! on the same; with any other, ours refuses.

use proptest::prelude::*;
use proptest::sample::select;

use super::reader::Meaning;

/// A request and what it means, if it means anything.
#[derive(Debug)]
pub(super) struct Generated {
    pub(super) bytes: Vec<u8>,
    pub(super) meaning: Option<Meaning>,
}

/// Pieces that RFC 9112 allows and that the others take, too, and pieces that it does not allow.
struct Pieces {
    sound: &'static [&'static str],
    broken: &'static [&'static str],
}

const METHODS: Pieces = Pieces {
    sound: &["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"],
    broken: &["", "G(T", "GE T", "GET\t", "GET\0", "\u{e4}"],
};
const TARGETS: Pieces = Pieces {
    sound: &["/", "/a", "/a?b=c&d", "/%20", "/a/./b", "/?", "/a;b=c"],
    broken: &[
        "", "a", "/a b", "/#", "/\x7f", "/\r", "/\0", "//\u{e4}", "http://", "http:/a",
    ],
};
const VERSIONS: Pieces = Pieces {
    sound: &["HTTP/1.1"],
    broken: &[
        "",
        "HTTP/1.1 ",
        "HTTP/1.10",
        "HTTP/11",
        "HTTP/3.1",
        "Http/1.1",
        "HTTP/1.1\r",
    ],
};
const HOSTS: Pieces = Pieces {
    sound: &[
        "host: a\r\n",
        "Host:b.example:80\r\n",
        "HOST:  C-1.example \r\n",
    ],
    broken: &[
        "",
        "host: a\r\nhost: a\r\n",
        "host: a\nx: y\r\n",
        "host : a\r\n",
        "host: a b\r\n",
        "host: a/b\r\n",
        "host: a?b\r\n",
        "host: a@b\r\n",
        "host: a:b\r\n",
        "host: \r\n",
        "host\r\n",
        " host: a\r\n",
    ],
};
const FIELDS: Pieces = Pieces {
    sound: &[
        "",
        "x-one: 1\r\n",
        "X-Two:2\r\nx-two: 3\r\n",
        "x-three:\r\n",
        "x-four: \u{e4} \"(,)/:;<=>?@[]{}\r\n",
        "content-length-: 7\r\n",
        "x-transfer-encoding: chunked\r\n",
    ],
    broken: &[
        "x : 1\r\n",
        "x\t: 1\r\n",
        "x y: 1\r\n",
        "x: 1\r\n 2\r\n",
        "x: 1\r\n\t2\r\n",
        "x: \x001\r\n",
        "x: 1\r2\r\n",
        "x: 1\n2: 3\r\n",
        "x: \x7f\r\n",
        "x\r\n",
        ": 1\r\n",
        "x[]: 1\r\n",
        "\"x\": 1\r\n",
    ],
};
/// Framing and the body `hello`, or none.
const BODIES: Pieces = Pieces {
    sound: &[
        "\r\n",
        "content-length: 0\r\n\r\n",
        "content-length: 5\r\n\r\nhello",
        "Content-Length:005\r\nx: y\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding:Chunked\r\n\r\n2\r\nhe\r\n03;a=b\r\nllo\r\n00\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n",
    ],
    broken: &[
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "content-length: 5\r\ncontent-length: 4\r\n\r\nhello",
        "content-length: 5, 4\r\n\r\nhello",
        "content-length: 5a\r\n\r\nhello",
        "content-length: 5.0\r\n\r\nhello",
        "content-length: - 5\r\n\r\nhello",
        "content-length: \u{665}\r\n\r\nhello",
        "transfer-encoding: chunked,\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
        "transfer-encoding: \x0cchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\r0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\n\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5g\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5;\0\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n x: y\r\n\r\n",
    ],
};

/// A request of which every piece is sound, or one, or two, are not.
pub(super) fn request() -> impl Strategy<Value = Generated> {
    let all = [&METHODS, &TARGETS, &VERSIONS, &HOSTS, &FIELDS, &BODIES];
    let sound = all.map(|pieces| select(pieces.sound));
    let broken = all.map(|pieces| select(pieces.broken));
    let swapped = prop::collection::vec(0..all.len(), 0..3);
    (sound, broken, swapped).prop_map(|(sound, broken, swapped)| {
        let mut pieces = sound;
        for at in &swapped {
            pieces[*at] = broken[*at];
        }
        let [method, target, version, host, fields, body] = pieces;
        let text = format!("{method} {target} {version}\r\n{host}{fields}{body}");
        Generated {
            bytes: text.into_bytes(),
            meaning: swapped.is_empty().then(|| Meaning {
                method: method.to_owned(),
                target: target.to_owned(),
                host: host_of(host),
                body: if body.contains("llo") { "hello" } else { "" }.into(),
            }),
        }
    })
}

/// The host of a sound line.
fn host_of(line: &str) -> String {
    let (_, value) = line.split_once(':').expect("a sound line");
    let (name, _) = value.trim().split_once(':').unwrap_or((value.trim(), ""));
    name.to_ascii_lowercase()
}
