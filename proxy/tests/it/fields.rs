//! No field of the wire is dropped in silence. Every field of every message that is read is set, one at a time, on a
//! message that is otherwise good: then what the proxy runs must differ, or the field must be named as not honoured, or
//! the message must be refused. The few fields that mean nothing here stand in a table with the reason.
//!
//! What comes out is `docs/xds-fields.md`; `BLESS=1` writes it anew.

mod cases;
mod meaningless;
mod page;
mod read;
mod samples;
mod values;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use walk::Row;

/// What becomes of each field in each place. A field may count in one of several samples only: that one speaks for it.
fn rows() -> Vec<Row> {
    let all: Vec<Row> = cases::all().iter().flat_map(walk::every_field).collect();
    let mut best: BTreeMap<(String, String), usize> = BTreeMap::new();
    let rank = |row: &Row| (row.is_dropped(), row.is_meaningless());
    for (at, row) in all.iter().enumerate() {
        let first = best.entry((row.key(), row.place.clone())).or_insert(at);
        if rank(row) < rank(&all[*first]) {
            *first = at;
        }
    }
    let kept: BTreeSet<_> = best.into_values().collect();
    let kept = all
        .into_iter()
        .enumerate()
        .filter(|(at, _)| kept.contains(at));
    kept.map(|(_, row)| row).collect()
}

#[test]
fn every_field_of_the_wire_is_honoured_or_named_or_refused() {
    let rows = rows();
    let dropped = rows.iter().filter(|row| row.is_dropped());
    let dropped: Vec<_> = dropped.map(ToString::to_string).collect();
    assert!(
        dropped.is_empty(),
        "honour these {} fields, name them or refuse them:\n{}",
        dropped.len(),
        dropped.join("\n")
    );
    let seen: BTreeSet<_> = rows.iter().map(Row::key).collect();
    let stale = meaningless::FIELDS.iter().map(|(field, _)| *field);
    let stale: Vec<_> = stale.filter(|field| !seen.contains(*field)).collect();
    assert!(
        stale.is_empty(),
        "no message that is read has these: {stale:?}"
    );
    page::check(&rows);
}
