//! Configured edits of requests and responses.

use std::borrow::Cow;

use ::http::StatusCode;

use super::connection::Exchange;
use super::head::Fields;
use super::head::HeaderKey;
use super::route::headers::{Append, EditName, HeaderEdits, HeaderValueEdit};
use crate::telemetry::access_log::format::Format;

/// Edits the request.
pub(crate) fn request(exchange: &mut Exchange<'_>, edits: &HeaderEdits) {
    for name in &edits.remove {
        exchange.request.fields.remove(name);
    }
    for edit in &edits.add {
        let value = value(exchange, edit);
        if value.is_empty() && !edit.keep_empty {
            continue;
        }
        match &edit.name {
            EditName::Field(name) => write(
                &mut exchange.request.fields,
                name,
                value.as_bytes(),
                edit.append,
            ),
            EditName::Authority => exchange.request.set_authority(&value),
            EditName::Path => exchange.request.set_path(&value),
            EditName::Method => {
                if let Ok(method) = value.parse() {
                    exchange.request.method = method;
                }
            }
            EditName::Scheme | EditName::Status => {}
        }
    }
}

/// Edits the response.
pub(crate) fn response(exchange: &mut Exchange<'_>, edits: &HeaderEdits) {
    for name in &edits.remove {
        exchange.response.fields.remove(name);
    }
    for edit in &edits.add {
        let value = value(exchange, edit);
        if value.is_empty() && !edit.keep_empty {
            continue;
        }
        match &edit.name {
            EditName::Field(name) => write(
                &mut exchange.response.fields,
                name,
                value.as_bytes(),
                edit.append,
            ),
            EditName::Status => {
                if let Ok(status) = StatusCode::from_bytes(value.as_bytes()) {
                    exchange.response.status = status;
                }
            }
            EditName::Authority | EditName::Path | EditName::Method | EditName::Scheme => {}
        }
    }
}

fn value<'a>(exchange: &Exchange<'_>, edit: &'a HeaderValueEdit) -> Cow<'a, str> {
    if !edit.has_operators {
        return Cow::Borrowed(&edit.value);
    }
    // The conversion from the wire has parsed it once; what it let through parses again.
    let Ok(format) = Format::parse(&edit.value) else {
        return Cow::Borrowed("");
    };
    let mut text = super::log::filled_in(format, exchange);
    // A value must not bring a line end of its own.
    text.retain(|c| c != '\r' && c != '\n' && c != '\0');
    Cow::Owned(text)
}

fn write(fields: &mut Fields, name: &HeaderKey, value: &[u8], append: Append) {
    match (append, fields.get(name).is_some()) {
        (Append::AppendOrAdd, _) | (Append::AddIfAbsent, false) => fields.append(name, value),
        (Append::OverwriteOrAdd, _) | (Append::OverwriteIfExists, true) => fields.set(name, value),
        (Append::AddIfAbsent, true) | (Append::OverwriteIfExists, false) => {}
    }
}
