//! One line of an access log: text, or a JSON object. Both are compiled to the same: constant text with operators between.

use super::format::{Format, InvalidFormat, Operator, Part};
use super::json;
use crate::config::access_log::{AccessLogFormat, JsonField};

/// Envoy's default line.
const DEFAULT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

/// Bytes that constant text is copied in, where it is no longer: a fixed length costs less than to look how long it is.
const PIECE: usize = 16;

/// What a line says, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// All constant text in order, and a [`PIECE`] of nothing behind it.
    constant: Box<[u8]>,
    places: Box<[Place]>,
    /// Bytes of the constant text behind the last operator.
    rest: usize,
}

/// The place of a value.
#[derive(Clone, Debug)]
struct Place {
    /// Bytes of the constant text before it.
    before: usize,
    operator: Operator,
    form: Form,
}

/// How a value is written, and what stands where there is none.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// As it is; `-`.
    Text,
    /// As it is, for JSON; `null`.
    Number,
    /// A JSON string whose first quote is constant text; `null`.
    Quoted,
    /// A part of a JSON string; `-`.
    WithinQuotes,
}

impl Line {
    /// Compiles a configured format.
    ///
    /// # Errors
    /// When a format string is malformed or names an unknown operator.
    pub(crate) fn compile(format: &AccessLogFormat) -> Result<Self, InvalidFormat> {
        match format {
            AccessLogFormat::Default => Format::parse(DEFAULT).map(Self::from),
            AccessLogFormat::Text(text) => Format::parse(text).map(Self::from),
            AccessLogFormat::Json(fields) => {
                let mut draft = Draft::default();
                draft.object(fields)?;
                draft.constant.push(b'\n');
                Ok(draft.finish())
            }
        }
    }

    /// Appends the line; `fill` appends the value of an operator, or nothing when there is none. Whatever the encoding of
    /// values is, the line is UTF-8.
    pub(crate) fn write(&self, out: &mut Vec<u8>, fill: impl Fn(&Operator, &mut Vec<u8>)) {
        let start = out.len();
        let mut at = 0;
        for place in &self.places {
            self.constant(at, place.before, out);
            at += place.before;
            let value = out.len();
            fill(&place.operator, out);
            place.form.finish(out, value);
        }
        self.constant(at, self.rest, out);
        if !out[start..].is_ascii() {
            json::make_text(out, start);
        }
    }

    fn constant(&self, at: usize, length: usize, out: &mut Vec<u8>) {
        match self.constant[at..].first_chunk::<PIECE>() {
            Some(piece) if length <= PIECE => {
                out.extend_from_slice(piece);
                out.truncate(out.len() - (PIECE - length));
            }
            Some(_) | None => out.extend_from_slice(&self.constant[at..at + length]),
        }
    }
}

impl From<Format> for Line {
    /// A line of text.
    fn from(format: Format) -> Self {
        let mut draft = Draft::default();
        for part in format.parts {
            match part {
                Part::Literal(text) => draft.constant.extend_from_slice(text.as_bytes()),
                Part::Operator(operator) => draft.value(operator, Form::Text),
            }
        }
        draft.finish()
    }
}

impl Form {
    /// Gives the value that begins at `start` and may be empty its form.
    fn finish(self, out: &mut Vec<u8>, start: usize) {
        match (self, out.len() == start) {
            (Self::Text | Self::WithinQuotes, true) => out.push(b'-'),
            (Self::Number, true) => out.extend_from_slice(NULL),
            (Self::Quoted, true) => {
                out.pop();
                out.extend_from_slice(NULL);
            }
            (Self::Text | Self::Number, false) => {}
            (Self::WithinQuotes, false) => json::escape(out, start),
            (Self::Quoted, false) => {
                json::escape(out, start);
                out.push(b'"');
            }
        }
    }
}

const NULL: &[u8] = b"null";

/// A line that is being compiled.
#[derive(Default)]
struct Draft {
    constant: Vec<u8>,
    places: Vec<Place>,
    /// Where the constant text behind the last operator begins.
    rest: usize,
}

impl Draft {
    fn finish(mut self) -> Line {
        let rest = self.constant.len() - self.rest;
        self.constant.extend_from_slice(&[0; PIECE]);
        Line {
            constant: self.constant.into(),
            places: self.places.into(),
            rest,
        }
    }

    fn value(&mut self, operator: Operator, form: Form) {
        self.places.push(Place {
            before: self.constant.len() - self.rest,
            operator,
            form,
        });
        self.rest = self.constant.len();
    }

    fn object(&mut self, fields: &[(String, JsonField)]) -> Result<(), InvalidFormat> {
        self.constant.push(b'{');
        for (at, (key, field)) in fields.iter().enumerate() {
            if at > 0 {
                self.constant.push(b',');
            }
            self.constant.push(b'"');
            self.escaped(key);
            self.constant.extend_from_slice(b"\":");
            match field {
                JsonField::Text(text) => self.string(Format::parse(text)?),
                JsonField::Literal(json) => self.constant.extend_from_slice(json.as_bytes()),
                JsonField::Object(fields) => self.object(fields)?,
            }
        }
        self.constant.push(b'}');
        Ok(())
    }

    /// A lone operator keeps its type: numbers stay numbers, and what is absent is null.
    fn string(&mut self, Format { mut parts }: Format) {
        match (parts.pop(), parts.is_empty()) {
            (Some(Part::Operator(operator)), true) if operator.is_number() => {
                self.value(operator, Form::Number);
            }
            (Some(Part::Operator(operator)), true) => {
                self.constant.push(b'"');
                self.value(operator, Form::Quoted);
            }
            (last, _) => {
                self.constant.push(b'"');
                for part in parts.into_iter().chain(last) {
                    match part {
                        Part::Literal(text) => self.escaped(&text),
                        Part::Operator(operator) => self.value(operator, Form::WithinQuotes),
                    }
                }
                self.constant.push(b'"');
            }
        }
    }

    fn escaped(&mut self, text: &str) {
        let start = self.constant.len();
        self.constant.extend_from_slice(text.as_bytes());
        json::escape(&mut self.constant, start);
    }
}

#[cfg(test)]
mod tests;
