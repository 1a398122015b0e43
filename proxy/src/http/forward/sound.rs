//! Whether a rewritten request can be sent: rewrites may be made of what the client sent, so their outcome is checked.

use ::http::{Method, StatusCode};

use crate::http::codec::h1::request::authority;
use crate::http::head::RequestHead;
use crate::http::local_reply::LocalReply;

/// Refuses a request of which the rewrites of `route` made one that would not be understood, or be understood as more
/// than one.
pub(super) fn check(request: &RequestHead, route: &str) -> Result<(), LocalReply> {
    let path = request.path();
    let form = path.starts_with('/') || path == "*" && request.method == Method::OPTIONS;
    if !form || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(refusal(route, "path"));
    }
    if request.authority().is_empty() || authority(request.authority().as_bytes()).is_err() {
        return Err(refusal(route, "authority"));
    }
    Ok(())
}

fn refusal(route: &str, part: &str) -> LocalReply {
    let mut reply = LocalReply::new(StatusCode::INTERNAL_SERVER_ERROR, "", "");
    reply.body =
        format!("route \"{route}\" makes an invalid {part}; check its rewrites and header edits")
            .into();
    let name = route.replace(|c: char| c.is_ascii_whitespace(), "_");
    reply.details = format!("invalid_rewritten_{part}{{{name}}}").into();
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_path_is_absolute_and_in_one_piece() {
        for (path, good) in [
            ("/", true),
            ("/a?b=c", true),
            ("", false),
            ("a", false),
            ("*", false),
            ("/a b", false),
            ("/a HTTP/1.1\r\nx: y", false),
            ("/a\u{7f}", false),
        ] {
            let request = RequestHead::new(Method::GET, "a.example", path);
            assert_eq!(check(&request, "r").is_ok(), good, "{path:?}");
        }
        let request = RequestHead::new(Method::OPTIONS, "a.example", "*");
        assert!(check(&request, "r").is_ok());
    }

    #[test]
    fn a_rewritten_authority_is_a_host_and_the_refusal_names_the_route() {
        for (authority, good) in [
            ("a.example:80", true),
            ("[::1]:80", true),
            ("", false),
            ("a b", false),
            ("a/b", false),
            ("a\r\nx: y", false),
        ] {
            let request = RequestHead::new(Method::GET, authority, "/");
            assert_eq!(check(&request, "r").is_ok(), good, "{authority:?}");
        }
        let request = RequestHead::new(Method::GET, "a b", "/");
        let reply = check(&request, "to reviews").expect_err("the authority holds a space");
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(reply.details, "invalid_rewritten_authority{to_reviews}");
        assert!(String::from_utf8_lossy(&reply.body).contains("\"to reviews\""));
    }
}
