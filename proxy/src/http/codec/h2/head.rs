//! Heads between our form and that of the `h2` crate. Source: RFC 9113 section 8.

use ::http::uri::{Authority, PathAndQuery, Scheme as HttpScheme};
use ::http::{Method, Request, Response, Uri, request, response};

use crate::http::codec::h1::request::authority;
use crate::http::head::map::Place;
use crate::http::head::{KnownName, RequestHead, ResponseHead, Scheme, Version, map};

/// A request head that HTTP/2 allows and this proxy does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidRequest {
    /// `:authority` and `host` differ, or one is malformed.
    #[error("http2.invalid_authority")]
    Authority,
    /// No usable `:path`.
    #[error("http2.invalid_path")]
    Path,
    /// A field for one connection only.
    #[error("http2.connection_field")]
    ConnectionField,
}

/// Fills `head`, which must be empty.
pub(crate) fn read_request(
    parts: request::Parts,
    head: &mut RequestHead,
) -> Result<(), InvalidRequest> {
    head.method = parts.method;
    head.version = Version::Http2;
    if parts.uri.scheme() == Some(&HttpScheme::HTTPS) {
        head.scheme = Scheme::Https;
    }
    let host = parts
        .headers
        .get(::http::header::HOST)
        .map(|host| host.as_bytes());
    let named = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    if matches!((host, named), (Some(host), Some(named)) if !host.eq_ignore_ascii_case(named)) {
        return Err(InvalidRequest::Authority);
    }
    let name =
        authority(named.or(host).unwrap_or_default()).map_err(|_| InvalidRequest::Authority)?;
    head.set_authority(name);
    match parts.uri.path_and_query() {
        Some(path) if is_path(&head.method, path.as_str()) => head.set_path(path.as_str()),
        Some(_) => return Err(InvalidRequest::Path),
        None if head.method == Method::CONNECT => {}
        None => return Err(InvalidRequest::Path),
    }
    map::extend_from_map(&mut head.fields, parts.headers);
    if head.fields.has(KnownName::Connection) || head.fields.has(KnownName::TransferEncoding) {
        return Err(InvalidRequest::ConnectionField);
    }
    head.fields.remove_known(KnownName::Host);
    join_cookies(head);
    Ok(())
}

/// Whether HTTP/1 can say this path too: absolute, or `*` for OPTIONS, and in one piece (RFC 9113 section 8.3.1).
fn is_path(method: &Method, path: &str) -> bool {
    let form = path.starts_with('/') || path == "*" && *method == Method::OPTIONS;
    form && path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// HTTP/2 clients may split cookies; HTTP/1 wants one field (RFC 9113 section 8.2.3).
fn join_cookies(head: &mut RequestHead) {
    let key = KnownName::Cookie.into();
    if head.fields.get_all(&key).nth(1).is_none() {
        return;
    }
    let crumbs: Vec<_> = head.fields.get_all(&key).collect();
    let joined = crumbs.join(b"; ".as_slice());
    head.fields.set(&key, &joined);
}

/// The request as the `h2` crate wants it; `None` when path or authority do not fit a URI.
pub(crate) fn write_request(head: &RequestHead, place: Place) -> Option<Request<()>> {
    let texts = [head.authority(), head.path()];
    let (fields, [authority, path]) = map::to_map_and(&head.fields, texts, place);
    let mut uri = ::http::uri::Parts::default();
    uri.authority = Some(Authority::from_maybe_shared(authority).ok()?);
    if head.method != Method::CONNECT {
        uri.scheme = Some(match head.scheme {
            Scheme::Http => HttpScheme::HTTP,
            Scheme::Https => HttpScheme::HTTPS,
        });
        uri.path_and_query = Some(PathAndQuery::from_maybe_shared(path).ok()?);
    }
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.version_mut() = ::http::Version::HTTP_2;
    *request.headers_mut() = fields;
    Some(request)
}

/// Fills `head`, which must be empty.
pub(crate) fn read_response(parts: response::Parts, head: &mut ResponseHead) {
    head.status = parts.status;
    head.version = Version::Http2;
    map::extend_from_map(&mut head.fields, parts.headers);
    head.fields.remove_known(KnownName::Connection);
    head.fields.remove_known(KnownName::TransferEncoding);
}

/// The response as the `h2` crate wants it.
pub(crate) fn write_response(head: &ResponseHead, place: Place) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = head.status;
    *response.version_mut() = ::http::Version::HTTP_2;
    *response.headers_mut() = map::to_map_and(&head.fields, [], place).0;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: Request<()>) -> Result<RequestHead, InvalidRequest> {
        let mut head = RequestHead::default();
        read_request(request.into_parts().0, &mut head).map(|()| head)
    }

    #[test]
    fn cookies_become_one_field_and_host_the_authority() {
        let request = Request::get("http://a:80/x?y")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("host", "a:80");
        let head = read(request.body(()).expect("valid")).expect("accepted");
        assert_eq!((head.authority(), head.path()), ("a:80", "/x?y"));
        assert_eq!(
            head.fields.get_known(KnownName::Cookie),
            Some(b"a=1; b=2".as_slice())
        );
        assert_eq!(head.fields.len(), 1);
    }

    #[test]
    fn a_second_authority_and_connection_fields_are_refused() {
        let other = Request::get("http://a/")
            .header("host", "b")
            .body(())
            .expect("valid");
        assert_eq!(read(other).map(|_| ()), Err(InvalidRequest::Authority));
        let framed = Request::get("http://a/")
            .header("transfer-encoding", "chunked")
            .body(())
            .expect("valid");
        assert_eq!(
            read(framed).map(|_| ()),
            Err(InvalidRequest::ConnectionField)
        );
    }

    #[test]
    fn a_path_is_absolute_or_the_server_itself() {
        for (method, path, good) in [
            (Method::GET, "/a?b", true),
            (Method::OPTIONS, "*", true),
            (Method::GET, "*", false),
            (Method::GET, "a", false),
            (Method::GET, "/a b", false),
            (Method::GET, "/a#b", false),
            (Method::GET, "/a\u{7f}", false),
        ] {
            assert_eq!(is_path(&method, path), good, "{method} {path:?}");
        }
    }

    #[test]
    fn a_request_survives_both_ways() {
        let mut head = RequestHead::new(Method::POST, "a.example:8080", "/x?y=z");
        head.fields.append_raw(b"X-Tenant", b"t");
        let request = write_request(&head, Place::First).expect("fits");
        let again = read(request).expect("accepted");
        assert_eq!(
            (again.authority(), again.path()),
            (head.authority(), head.path())
        );
        assert_eq!(again.fields.len(), 1);
    }
}
