//! SPDX licence expressions: `AND`, `OR`, `WITH`, parentheses, and the older `/`.

/// Whether `expression` can be satisfied with the licences in `allowed`.
pub(super) fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let outcome = any(&mut rest, allowed);
    outcome.unwrap_or(false) && rest.is_empty()
}

/// `A OR B …`
fn any(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut outcome = all(words, allowed)?;
    while take(words, "OR") {
        outcome |= all(words, allowed)?;
    }
    Some(outcome)
}

/// `A AND B …`
fn all(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut outcome = one(words, allowed)?;
    while take(words, "AND") {
        outcome &= one(words, allowed)?;
    }
    Some(outcome)
}

/// A licence, with its exception, or an expression in parentheses.
fn one(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    if take(words, "(") {
        let outcome = any(words, allowed)?;
        return take(words, ")").then_some(outcome);
    }
    let (licence, rest) = words.split_first()?;
    *words = rest;
    if !take(words, "WITH") {
        return Some(allowed.iter().any(|known| known == licence));
    }
    let (exception, rest) = words.split_first()?;
    *words = rest;
    Some(
        allowed
            .iter()
            .any(|known| *known == format!("{licence} WITH {exception}")),
    )
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[test]
fn reads_expressions() {
    let allowed: Vec<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
        .map(str::to_owned)
        .to_vec();
    for yes in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT",
        "ISC AND (GPL-3.0 OR MIT)",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(satisfied(yes, &allowed), "{yes}");
    }
    for no in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "(MIT",
        "MIT MIT",
        "ISC AND (GPL-3.0 OR MPL-2.0)",
    ] {
        assert!(!satisfied(no, &allowed), "{no}");
    }
}
