//! Between [`Fields`] and the `http` crate's map, which the `h2` crate speaks.

mod spare;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use super::fields::{FieldName, Fields};
use super::name::KnownName;

/// The fields as a map whose values are slices of one shared copy of the buffer.
///
/// Names that HTTP/2 forbids (RFC 9113 section 8.2.2) must be gone already. A field that `http` refuses was never let
/// in by a codec.
pub fn to_map(fields: &Fields) -> HeaderMap {
    to_map_and(fields, [], Place::Later).0
}

/// Where a message stands among those of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The receiver knows no names yet but those that everybody knows.
    First,
    /// Somewhere behind.
    Later,
}

/// Like [`to_map`], with `texts` in the same shared copy.
pub(crate) fn to_map_and<const N: usize>(
    fields: &Fields,
    texts: [&str; N],
    place: Place,
) -> (HeaderMap, [Bytes; N]) {
    let len = texts.iter().map(|text| text.len()).sum::<usize>();
    // Stays an allocation, as does the count of its references that comes with the first slice: the `h2` crate keeps the
    // slices until it has encoded them, and those in HPACK's table for longer.
    let mut copy = Vec::with_capacity(fields.buffer().len() + len);
    copy.extend_from_slice(fields.buffer());
    for text in texts {
        copy.extend_from_slice(text.as_bytes());
    }
    let shared = Bytes::from(copy);
    let mut end = fields.buffer().len();
    let texts = texts.map(|text| {
        let start = end;
        end += text.len();
        shared.slice(start..end)
    });
    (from_shared(fields, &shared, place), texts)
}

/// `shared` begins with the buffer of `fields`.
fn from_shared(fields: &Fields, shared: &Bytes, place: Place) -> HeaderMap {
    let mut map = spare::take(fields.len());
    for (name, value) in fields.spans() {
        let known = name.known;
        let Some(name) = http_name(&name) else {
            continue;
        };
        let Ok(mut value) = HeaderValue::from_maybe_shared(shared.slice(value.range())) else {
            continue;
        };
        let keep_out = known.is_some_and(|known| stays_out(known, value.as_bytes(), place));
        value.set_sensitive(keep_out);
        map.append(name, value);
    }
    map
}

/// Whether a value stays out of HPACK's table (RFC 7541 section 7.1.3): nearly every message has another one, which would
/// only push out what comes again. The first message lets them in all the same, so that the table has their names, and
/// single digits do come again.
fn stays_out(known: KnownName, value: &[u8], place: Place) -> bool {
    use KnownName::{
        ContentLength, Traceparent, XB3Spanid, XB3Traceid, XEnvoyUpstreamServiceTime, XRequestId,
    };
    let differs = matches!(
        known,
        Traceparent | XB3Spanid | XB3Traceid | XEnvoyUpstreamServiceTime | XRequestId
    );
    // The name of a length is in the table that everybody has.
    known == ContentLength || differs && place == Place::Later && value.len() > 1
}

/// Appends all fields of `map`, whose memory goes to the next map.
pub fn extend_from_map(fields: &mut Fields, map: HeaderMap) {
    for (name, value) in &map {
        fields.append_raw(name.as_str().as_bytes(), value.as_bytes());
    }
    spare::give_back(map);
}

fn http_name(name: &FieldName<'_>) -> Option<HeaderName> {
    match name.known {
        Some(known) => Some(known.http_name()),
        None => HeaderName::from_bytes(name.as_bytes()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_round_trip_keeps_names_lower_case_and_all_values() {
        let mut fields = Fields::default();
        fields.append_raw(b"X-Tenant", b"a");
        fields.append_raw(b"Set-Cookie", b"b=1");
        fields.append_raw(b"set-cookie", b"c=2");
        let map = to_map(&fields);
        let mut back = Fields::default();
        extend_from_map(&mut back, map);
        let all: Vec<_> = back
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect();
        assert_eq!(all.len(), 3);
        assert!(all.contains(&(b"x-tenant".to_vec(), b"a".to_vec())));
        assert!(all.contains(&(b"set-cookie".to_vec(), b"c=2".to_vec())));
    }
}
