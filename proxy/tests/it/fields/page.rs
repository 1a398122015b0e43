//! `docs/xds-fields.md`, as the walk found it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::walk::{Fate, Row};

const HEAD: &str = "# xDS fields

Each message is taken apart field by field in a `proto` module beside the type that it becomes. A field is honoured, or it is
listed here as *not honoured* (named once in the log and in `/config_dump` when somebody sets it), or it *refuses* its resource
when it is set, or set so: the update is answered with a NACK and what served before keeps serving. Nothing that guards traffic
is ever not honoured. The last word is *without meaning*: fields, or values, from which nothing follows here, with the reason.

Fields that are not listed are honoured. A test sets each field of each message and looks at what comes of it; the same test
writes this page (`BLESS=1`, see `proxy/tests/it/fields.rs`).
";

/// Compares the page with what was found.
pub(super) fn check(rows: &[Row]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/xds-fields.md");
    let page = page(rows);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the page can be read");
    assert!(
        written == page,
        "docs/xds-fields.md is not what the code does; run this test with BLESS=1"
    );
}

fn page(rows: &[Row]) -> String {
    let mut page = HEAD.to_owned();
    let mut messages: Vec<&str> = Vec::new();
    let mut by_message: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let name = row.message.full_name();
        if !by_message.contains_key(name) {
            messages.push(name);
        }
        by_message.entry(name).or_default().push(row);
    }
    for message in messages {
        let lines = lines(&by_message[message]);
        if lines.is_empty() {
            continue;
        }
        let title = message.strip_prefix("envoy.").unwrap_or(message);
        let _ = write!(
            page,
            "\n## {title}\n\n| field | what happens | instead, or why |\n| --- | --- | --- |\n"
        );
        for line in lines {
            page.push_str(&line);
        }
    }
    page
}

/// The lines of one message, in the order of its fields.
fn lines(rows: &[&Row]) -> Vec<String> {
    let mut fields: Vec<&str> = Vec::new();
    for row in rows {
        if !fields.contains(&&*row.field) {
            fields.push(&row.field);
        }
    }
    let lines = fields.into_iter().flat_map(|field| {
        let places: Vec<&Row> = rows
            .iter()
            .filter(|row| row.field == field)
            .copied()
            .collect();
        field_lines(field, &places)
    });
    lines.collect()
}

fn field_lines(field: &str, rows: &[&Row]) -> Vec<String> {
    let counts = |fate: &Fate| matches!(fate, Fate::Honoured | Fate::Named(_));
    // Refused somewhere only: the value did not suit that place.
    let suits = rows.iter().any(|row| counts(&row.fate));
    let mut said: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let line = match &row.fate {
            Fate::Named(instead) => ("not honoured", &**instead),
            Fate::Refused(reason) if !suits => ("refused", &**reason),
            Fate::Meaningless(reason) => ("without meaning", *reason),
            Fate::Refused(_) | Fate::Honoured | Fate::Dropped => continue,
        };
        let place = row.place.split('.').next().unwrap_or_default();
        said.entry(line).or_default().insert(place);
    }
    let everywhere = said.len() == 1 && !rows.iter().any(|row| row.fate == Fate::Honoured);
    let line = |((what, why), places): ((&str, &str), BTreeSet<&str>)| {
        let places: Vec<_> = places.into_iter().collect();
        let within = match everywhere {
            true => String::new(),
            false => format!(" (in {})", places.join(", ")),
        };
        let why = why.replace('|', "\\|");
        format!("| `{field}` | {what}{within} | {why} |\n")
    };
    said.into_iter().map(line).collect()
}
