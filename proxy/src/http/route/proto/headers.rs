//! Edits of header fields.

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;

use crate::config::wire::{Read, bad, each, flag, known, nonempty, required};
use crate::http::route::{Append, HeaderEdits, HeaderValueEdit, headers::EditName};
use crate::matcher::proto as matcher;

pub(super) fn edits(
    path: &str,
    add: Vec<core::HeaderValueOption>,
    remove: Vec<String>,
) -> Read<HeaderEdits> {
    let remove = each(&format!("{path}_to_remove"), remove, |name| {
        matcher::key("", &name)
    })?;
    Ok(HeaderEdits {
        remove,
        add: each(&format!("{path}_to_add"), add, one)?,
    })
}

/// The edits of two levels in the order of their application: a later one overwrites an earlier one, so that by default
/// the outermost level wins.
pub(super) fn in_order(
    own: HeaderEdits,
    outer: &HeaderEdits,
    most_specific_wins: bool,
) -> HeaderEdits {
    if most_specific_wins {
        let mut all = outer.clone();
        all.extend(&own);
        return all;
    }
    let mut all = own;
    all.extend(outer);
    all
}

fn one(option: core::HeaderValueOption) -> Read<HeaderValueEdit> {
    let core::HeaderValueOption {
        header,
        append,
        append_action,
        keep_empty_value,
    } = option;
    let core::HeaderValue {
        key,
        value,
        raw_value,
    } = required("header", header)?;
    let value = if raw_value.is_empty() {
        value
    } else {
        String::from_utf8(raw_value).map_err(bad("header.raw_value"))?
    };
    let append = match flag(append) {
        Some(true) => Append::AppendOrAdd,
        Some(false) => Append::OverwriteOrAdd,
        None => match known("append_action", append_action)? {
            HeaderAppendAction::AppendIfExistsOrAdd => Append::AppendOrAdd,
            HeaderAppendAction::AddIfAbsent => Append::AddIfAbsent,
            HeaderAppendAction::OverwriteIfExistsOrAdd => Append::OverwriteOrAdd,
            HeaderAppendAction::OverwriteIfExists => Append::OverwriteIfExists,
        },
    };
    Ok(HeaderValueEdit {
        name: name(&nonempty("header.key", key)?)?,
        has_operators: value.contains('%'),
        value: value.into(),
        append,
        keep_empty: keep_empty_value,
    })
}

fn name(key: &str) -> Read<EditName> {
    Ok(match key {
        ":authority" | "host" | "Host" => EditName::Authority,
        ":path" => EditName::Path,
        ":method" => EditName::Method,
        ":scheme" => EditName::Scheme,
        ":status" => EditName::Status,
        field => EditName::Field(matcher::key("header.key", field)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adds(name: &str) -> HeaderEdits {
        let header = core::HeaderValue {
            key: name.to_owned(),
            value: "v".to_owned(),
            ..Default::default()
        };
        let option = core::HeaderValueOption {
            header: Some(header),
            ..Default::default()
        };
        edits("headers", vec![option], Vec::new()).unwrap()
    }

    #[test]
    fn the_last_edit_is_the_outermost_unless_the_most_specific_wins() {
        let order = |most_specific_wins| {
            let all = in_order(adds("x-own"), &adds("x-outer"), most_specific_wins);
            let names = all.add.iter().map(|edit| format!("{:?}", edit.name));
            names.collect::<Vec<_>>().join(" ")
        };
        assert!(
            order(false).ends_with("Field(\"x-outer\")"),
            "{}",
            order(false)
        );
        assert!(order(true).ends_with("Field(\"x-own\")"), "{}", order(true));
    }
}
