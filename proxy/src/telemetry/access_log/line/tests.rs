use super::*;
use crate::xds::apply::tests::allocations::counted;

fn text(text: &str) -> JsonField {
    JsonField::Text(text.to_owned())
}

fn field(key: &str, format: &str) -> (String, JsonField) {
    (key.to_owned(), text(format))
}

fn json(fields: Vec<(String, JsonField)>) -> Line {
    Line::compile(&AccessLogFormat::Json(fields)).expect("valid")
}

fn written(line: &Line, fill: impl Fn(&Operator, &mut Vec<u8>)) -> String {
    let mut out = b"before\n".to_vec();
    line.write(&mut out, fill);
    let out = String::from_utf8(out).expect("UTF-8");
    let line = out.strip_prefix("before\n").expect("what was there stays");
    line.to_owned()
}

/// The status is 200; nothing else is known.
fn status(operator: &Operator, out: &mut Vec<u8>) {
    if *operator == Operator::ResponseCode {
        out.extend_from_slice(b"200");
    }
}

#[test]
fn text_keeps_constants_of_every_length() {
    for length in [0, 1, 15, 16, 17, 100] {
        let constant = "ä".repeat(length);
        let format = format!("{constant}%RESPONSE_CODE%{constant}%ROUTE_NAME%{constant}");
        let line = Line::compile(&AccessLogFormat::Text(format)).expect("valid");
        let expected = format!("{constant}200{constant}-{constant}");
        assert_eq!(written(&line, status), expected);
    }
}

#[test]
fn a_text_line_is_utf8_whatever_values_are() {
    let format = AccessLogFormat::Text("é%ROUTE_NAME%%ROUTE_NAME%\n".to_owned());
    let line = Line::compile(&format).expect("valid");
    let line = written(&line, |_, out| out.extend_from_slice(b"a\xff"));
    assert_eq!(line, "éa\u{fffd}a\u{fffd}\n");
}

#[test]
fn json_keeps_types_and_escapes() {
    let within = vec![("x".to_owned(), JsonField::Literal("true".to_owned()))];
    let line = json(vec![
        field("code", "%RESPONSE_CODE%"),
        field("duration", "%DURATION%"),
        field("route", "%ROUTE_NAME%"),
        field("both", "a\"%RESPONSE_CODE%%ROUTE_NAME%"),
        field("empty", ""),
        ("none".to_owned(), JsonField::Object(Vec::new())),
        ("in".to_owned(), JsonField::Object(within)),
    ]);
    let expected = concat!(
        r#"{"code":200,"duration":null,"route":null,"both":"a\"200-","empty":"","none":{},"in":{"x":true}}"#,
        "\n"
    );
    assert_eq!(written(&line, status), expected);
}

#[test]
fn every_character_survives_json() {
    let ascii: String = (0..=127).map(char::from).collect();
    let long = format!("{ascii}äß\u{2028}𝄞\u{fffd}{ascii}");
    let cases = ["\"", "\\", "a\u{1}", "\u{1f}b", "ü\"ü", "\r\n\t", &long];
    let line = json(vec![
        field("q\"\n", "%ROUTE_NAME%"),
        field("b", "%ROUTE_NAME%\t|"),
    ]);
    for value in cases {
        let json = written(&line, |_, out| out.extend_from_slice(value.as_bytes()));
        assert_eq!(json.trim_end().lines().count(), 1, "{json:?}");
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read["q\"\n"], value);
        assert_eq!(read["b"], format!("{value}\t|"));
    }
}

#[test]
fn a_json_line_allocates_nothing() {
    let line = json(vec![
        field("code", "%RESPONSE_CODE%"),
        field("path", "%REQ(:PATH)%"),
        field("absent", "%ROUTE_NAME%"),
        field("both", "%PROTOCOL% \"%RESPONSE_CODE%\""),
    ]);
    let mut out = Vec::with_capacity(1_024);
    let spent = counted(|| {
        line.write(&mut out, |operator, out| {
            status(operator, out);
            if !matches!(operator, Operator::ResponseCode | Operator::RouteName) {
                out.extend_from_slice(b"/a\"b\x07");
            }
        });
    });
    let line = concat!(
        r#"{"code":200,"path":"/a\"b\u0007","absent":null,"#,
        r#""both":"/a\"b\u0007 \"200\""}"#,
        "\n"
    );
    assert_eq!((&*String::from_utf8_lossy(&out), spent), (line, 0));
}
