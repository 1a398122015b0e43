//! Between [`Fields`] and the `http` crate's map, which the `h2` crate speaks.

use ::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use super::fields::{FieldName, Fields};
use super::name::KnownName;

/// The fields as a map whose values are slices of one shared copy of the buffer.
///
/// Names that HTTP/2 forbids (RFC 9113 section 8.2.2) must be gone already. A field that `http` refuses was never let
/// in by a codec.
pub fn to_map(fields: &Fields) -> HeaderMap {
    let shared = Bytes::copy_from_slice(fields.buffer());
    let mut map = HeaderMap::with_capacity(fields.len() + 4);
    for (name, value) in fields.spans() {
        let known = name.known;
        let Some(name) = http_name(&name) else {
            continue;
        };
        let Ok(mut value) = HeaderValue::from_maybe_shared(shared.slice(value.range())) else {
            continue;
        };
        value.set_sensitive(known.is_some_and(is_seldom_repeated));
        map.append(name, value);
    }
    map
}

/// Whether nearly every message has another value: in HPACK's table (RFC 7541 section 7.1.3) it would only push out what
/// comes again.
fn is_seldom_repeated(known: KnownName) -> bool {
    use KnownName::{
        ContentLength, Traceparent, XB3Spanid, XB3Traceid, XEnvoyUpstreamServiceTime, XRequestId,
    };
    matches!(
        known,
        ContentLength
            | Traceparent
            | XB3Spanid
            | XB3Traceid
            | XEnvoyUpstreamServiceTime
            | XRequestId
    )
}

/// Appends all fields of `map`.
pub fn extend_from_map(fields: &mut Fields, map: &HeaderMap) {
    for (name, value) in map {
        fields.append_raw(name.as_str().as_bytes(), value.as_bytes());
    }
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
        extend_from_map(&mut back, &map);
        let all: Vec<_> = back
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect();
        assert_eq!(all.len(), 3);
        assert!(all.contains(&(b"x-tenant".to_vec(), b"a".to_vec())));
        assert!(all.contains(&(b"set-cookie".to_vec(), b"c=2".to_vec())));
    }
}
