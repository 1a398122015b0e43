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
    Json(Vec<Field>),
}

/// A field of a JSON line: its key as it is written, quotes and colon included.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    key: String,
    value: Value,
}

/// A value of a JSON line.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Format(Format),
    Literal(String),
    Object(Vec<Field>),
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

fn object(fields: &[(String, JsonField)]) -> Result<Vec<Field>, InvalidFormat> {
    let value = |field: &JsonField| match field {
        JsonField::Text(text) => Format::parse(text).map(Value::Format),
        JsonField::Literal(json) => Ok(Value::Literal(json.clone())),
        JsonField::Object(fields) => object(fields).map(Value::Object),
    };
    let compiled = |(key, field): &(String, JsonField)| {
        let mut text = String::new();
        quoted(&mut text, |text| text.push_str(key));
        text.push(':');
        let value = value(field)?;
        Ok(Field { key: text, value })
    };
    fields.iter().map(compiled).collect()
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

fn write_object(fields: &[Field], out: &mut String, fill: &dyn Fn(&Operator, &mut String)) {
    out.push('{');
    for (at, Field { key, value }) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(key);
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
    let start = out.len();
    let absent = match format.parts.as_slice() {
        [Part::Operator(operator)] if operator.is_number() => {
            fill(operator, out);
            out.len() == start
        }
        [Part::Operator(operator)] => {
            quoted(out, |out| fill(operator, out));
            &out[start..] == EMPTY
        }
        _ => {
            quoted(out, |out| write_text(format, out, fill));
            false
        }
    };
    if absent {
        out.truncate(start);
        out.push_str("null");
    }
}

/// JSON's empty string.
const EMPTY: &str = "\"\"";

/// Appends what `write` appends, as a JSON string. It is made one where it stands, so that a value takes no memory of its
/// own.
fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    let start = out.len();
    write(out);
    if out.as_bytes()[start..].iter().any(|byte| is_special(*byte)) {
        escape(out, start);
    }
    out.push('"');
}

/// Whether a byte may not stand for itself in a JSON string. Bytes of longer characters may.
fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Replaces the text from `start` on by its form within a JSON string: that is written after it, and moved over it.
fn escape(out: &mut String, start: usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let end = out.len();
    // Invariant: what is before `kept` has been written; special bytes are characters of their own
    let mut kept = start;
    for at in start..end {
        let byte = out.as_bytes()[at];
        if !is_special(byte) {
            continue;
        }
        out.extend_from_within(kept..at);
        kept = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(control >> 4)]));
                out.push(char::from(HEX[usize::from(control & 0xf)]));
            }
        }
    }
    out.extend_from_within(kept..end);
    out.drain(start..end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::apply::tests::allocations::counted;

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

    fn field(key: &str, format: &str) -> (String, JsonField) {
        (key.to_owned(), JsonField::Text(format.to_owned()))
    }

    #[test]
    fn every_character_survives_json() {
        let ascii: String = (0..=127).map(char::from).collect();
        let long = format!("{ascii}äß\u{2028}𝄞\u{fffd}{ascii}");
        let cases = ["\"", "\\", "a\u{1}", "\u{1f}b", "ü\"ü", "\r\n\t", &long];
        let fields = vec![
            field("q\"\n", "%ROUTE_NAME%"),
            field("b", "%ROUTE_NAME%\t|"),
        ];
        let line = Line::compile(&AccessLogFormat::Json(fields)).expect("valid");
        for value in cases {
            let mut out = String::from("before\n");
            line.write(&mut out, &|_, out| out.push_str(value));
            let json = out.strip_prefix("before\n").expect("what was there stays");
            assert_eq!(json.trim_end().lines().count(), 1, "{json:?}");
            let read: serde_json::Value = serde_json::from_str(json).expect("JSON");
            assert_eq!(read["q\"\n"], value);
            assert_eq!(read["b"], format!("{value}\t|"));
        }
    }

    #[test]
    fn a_json_line_allocates_nothing() {
        let fields = vec![
            field("code", "%RESPONSE_CODE%"),
            field("path", "%REQ(:PATH)%"),
            field("absent", "%ROUTE_NAME%"),
            field("both", "%PROTOCOL% \"%RESPONSE_CODE%\""),
        ];
        let line = Line::compile(&AccessLogFormat::Json(fields)).expect("valid");
        let mut out = String::with_capacity(1_024);
        let spent = counted(|| {
            line.write(&mut out, &|operator, out| {
                if *operator == Operator::ResponseCode {
                    out.push_str("200");
                } else if *operator != Operator::RouteName {
                    out.push_str("/a\"b\u{7}");
                }
            });
        });
        let line = concat!(
            r#"{"code":200,"path":"/a\"b\u0007","absent":null,"#,
            r#""both":"/a\"b\u0007 \"200\""}"#,
            "\n"
        );
        assert_eq!((&*out, spent), (line, 0));
    }
}
