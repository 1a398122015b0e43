//! Normal forms of request paths, so that routes and policies see what the upstream will see.
//! Source: RFC 3986 section 6.2.2 and Envoy's path normalization.

use super::config::{EscapedSlashes, PathRules};

/// What becomes of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Normal {
    /// It was normal.
    Unchanged,
    /// Forward this.
    Changed(String),
    /// Send the client there.
    Redirect(String),
    /// Answer 400.
    Refused,
}

/// The normal form of `target`, a path with an optional query.
pub(crate) fn normalize(target: &str, rules: PathRules) -> Normal {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    if !path.starts_with('/') {
        return Normal::Unchanged;
    }
    let escaped = has_escaped_slash(path);
    if escaped && rules.escaped_slashes == EscapedSlashes::Reject {
        return Normal::Refused;
    }
    let unescape = escaped && rules.escaped_slashes != EscapedSlashes::Keep;
    let mut normal = if unescape {
        unescape_slashes(path)
    } else {
        path.to_owned()
    };
    if rules.normalize {
        let Some(decoded) = decode_unreserved(&normal) else {
            return Normal::Refused;
        };
        let Some(plain) = remove_dot_segments(&decoded) else {
            return Normal::Refused;
        };
        normal = plain;
    }
    if rules.merge_slashes {
        while normal.contains("//") {
            normal = normal.replace("//", "/");
        }
    }
    if normal == path {
        return Normal::Unchanged;
    }
    normal.push_str(query);
    if unescape && rules.escaped_slashes == EscapedSlashes::UnescapeAndRedirect {
        Normal::Redirect(normal)
    } else {
        Normal::Changed(normal)
    }
}

fn has_escaped_slash(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|part| part.eq_ignore_ascii_case(b"%2f") || part.eq_ignore_ascii_case(b"%5c"))
}

fn unescape_slashes(path: &str) -> String {
    path.replace("%2F", "/")
        .replace("%2f", "/")
        .replace("%5C", "\\")
        .replace("%5c", "\\")
}

/// Percent-encoded letters, digits and `-._~` as themselves, other escapes in upper case, `\` as `/`; `None` when an
/// escape is malformed or hides a zero byte.
fn decode_unreserved(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['%', '\\']) {
        out.push_str(&rest[..at]);
        if rest.as_bytes()[at] == b'\\' {
            out.push('/');
            rest = &rest[at + 1..];
            continue;
        }
        let digits = rest
            .get(at + 1..at + 3)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|byte| *byte != 0)?;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            _ => {
                out.push('%');
                out.push_str(&digits.to_ascii_uppercase());
            }
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Some(out)
}

/// RFC 3986 section 5.2.4; `None` when `..` leads above the root.
fn remove_dot_segments(path: &str) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop()?;
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    Some(format!("/{}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        let rules = PathRules {
            normalize: true,
            merge_slashes: true,
            escaped_slashes: EscapedSlashes::UnescapeAndForward,
        };
        for (path, expected) in [
            ("/a/./b/../c?x=../y", Normal::Changed("/a/c?x=../y".into())),
            ("/a//b", Normal::Changed("/a/b".into())),
            ("/%61%2e%2E/b", Normal::Changed("/a../b".into())),
            ("/a%2fb", Normal::Changed("/a/b".into())),
            ("/a/..", Normal::Changed("/".into())),
            ("/a%3a", Normal::Changed("/a%3A".into())),
            ("/a\\b", Normal::Changed("/a/b".into())),
            ("/../a", Normal::Refused),
            ("/%zz", Normal::Refused),
            ("/a%00", Normal::Refused),
            ("/a/b?c", Normal::Unchanged),
            ("*", Normal::Unchanged),
        ] {
            assert_eq!(normalize(path, rules), expected, "{path}");
        }
    }

    #[test]
    fn an_escaped_slash_can_be_refused_or_redirected() {
        let rules = |escaped_slashes| PathRules {
            escaped_slashes,
            ..PathRules::default()
        };
        assert_eq!(
            normalize("/a%2Fb", rules(EscapedSlashes::Reject)),
            Normal::Refused
        );
        assert_eq!(
            normalize("/a%2Fb", rules(EscapedSlashes::Keep)),
            Normal::Unchanged
        );
        let redirect = normalize("/a%2Fb?c", rules(EscapedSlashes::UnescapeAndRedirect));
        assert_eq!(redirect, Normal::Redirect("/a/b?c".into()));
    }
}
