//! One line of an access log: text, or a JSON object.

use super::format::{Format, InvalidFormat, Operator, Part};
use crate::config::access_log::{AccessLogFormat, JsonField};

/// Envoy's default line.
const DEFAULT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

/// What a line says, compiled.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    Text(Format),
    Json(Vec<(String, Value)>),
}

/// A value of a JSON line.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Format(Format),
    Literal(String),
    Object(Vec<(String, Value)>),
}

impl Line {
    /// Compiles a configured format.
    ///
    /// # Errors
    /// When a format string is malformed or names an unknown operator.
    pub(crate) fn compile(format: &AccessLogFormat) -> Result<Self, InvalidFormat> {
        match format {
            AccessLogFormat::Default => Ok(Self::Text(Format::parse(DEFAULT)?)),
            AccessLogFormat::Text(text) => Ok(Self::Text(Format::parse(text)?)),
            AccessLogFormat::Json(fields) => Ok(Self::Json(object(fields)?)),
        }
    }

    /// Appends the line; `fill` appends the value of an operator, or nothing when there is none.
    pub(crate) fn write(&self, out: &mut String, fill: &dyn Fn(&Operator, &mut String)) {
        match self {
            Self::Text(format) => write_text(format, out, fill),
            Self::Json(fields) => {
                write_object(fields, out, fill);
                out.push('\n');
            }
        }
    }
}

fn object(fields: &[(String, JsonField)]) -> Result<Vec<(String, Value)>, InvalidFormat> {
    let value = |field: &JsonField| match field {
        JsonField::Text(text) => Format::parse(text).map(Value::Format),
        JsonField::Literal(json) => Ok(Value::Literal(json.clone())),
        JsonField::Object(fields) => object(fields).map(Value::Object),
    };
    fields
        .iter()
        .map(|(key, field)| Ok((key.clone(), value(field)?)))
        .collect()
}

/// Appends text; an operator without a value is `-`.
pub(crate) fn write_text(format: &Format, out: &mut String, fill: &dyn Fn(&Operator, &mut String)) {
    for part in &format.parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Operator(operator) => {
                let before = out.len();
                fill(operator, out);
                if out.len() == before {
                    out.push('-');
                }
            }
        }
    }
}

fn write_object(
    fields: &[(String, Value)],
    out: &mut String,
    fill: &dyn Fn(&Operator, &mut String),
) {
    out.push('{');
    for (at, (key, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        quote(key, out);
        out.push(':');
        match value {
            Value::Literal(json) => out.push_str(json),
            Value::Object(fields) => write_object(fields, out, fill),
            Value::Format(format) => write_value(format, out, fill),
        }
    }
    out.push('}');
}

/// A lone operator keeps its type: numbers stay numbers, and what is absent is null.
fn write_value(format: &Format, out: &mut String, fill: &dyn Fn(&Operator, &mut String)) {
    let mut text = String::new();
    match format.parts.as_slice() {
        [Part::Operator(operator)] => {
            fill(operator, &mut text);
            match text.as_str() {
                "" => out.push_str("null"),
                number if operator.is_number() => out.push_str(number),
                text => quote(text, out),
            }
        }
        _ => {
            write_text(format, &mut text, fill);
            quote(&text, out);
        }
    }
}

/// Appends a JSON string.
fn quote(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            // Writing to a string cannot fail.
            c if c < ' ' => drop(write!(out, "\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_types_and_escapes() {
        let text = |text: &str| JsonField::Text(text.to_owned());
        let fields = vec![
            ("code".to_owned(), text("%RESPONSE_CODE%")),
            ("route".to_owned(), text("%ROUTE_NAME%")),
            ("both".to_owned(), text("a\"%RESPONSE_CODE%")),
            (
                "in".to_owned(),
                JsonField::Object(vec![(
                    "x".to_owned(),
                    JsonField::Literal("true".to_owned()),
                )]),
            ),
        ];
        let line = Line::compile(&AccessLogFormat::Json(fields)).expect("valid");
        let mut out = String::new();
        line.write(&mut out, &|operator, out| {
            if *operator == Operator::ResponseCode {
                out.push_str("200");
            }
        });
        assert_eq!(
            out,
            "{\"code\":200,\"route\":null,\"both\":\"a\\\"200\",\"in\":{\"x\":true}}\n"
        );
    }
}
