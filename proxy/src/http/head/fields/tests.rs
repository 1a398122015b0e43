use super::*;

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in list {
        fields.append_raw(name.as_bytes(), value.as_bytes());
    }
    fields
}

fn text(fields: &Fields) -> String {
    let line = |(name, value): (FieldName<'_>, &[u8])| {
        format!(
            "{}={};",
            String::from_utf8_lossy(name.as_bytes()),
            String::from_utf8_lossy(value)
        )
    };
    fields.iter().map(line).collect()
}

#[test]
fn set_replaces_in_place_and_keeps_the_received_case() {
    let mut all = fields(&[("X-A", "1"), ("User-Agent", "curl"), ("x-a", "2")]);
    all.set(&HeaderKey::parse("x-a").expect("token"), b"3");
    all.set_known(KnownName::UserAgent, b"me");
    all.set_number(KnownName::ContentLength, 1204);
    assert_eq!(text(&all), "X-A=3;User-Agent=me;content-length=1204;");
}

#[test]
fn removes_every_value_of_a_name() {
    let mut all = fields(&[("cookie", "a"), ("Cookie", "b"), ("x-b", "c")]);
    assert!(all.remove(&KnownName::Cookie.into()));
    assert!(!all.remove_known(KnownName::Cookie));
    assert_eq!(text(&all), "x-b=c;");
}

#[test]
fn lines_that_stand_as_received_and_edited_ones_come_out_in_order() {
    let head = b"GET / HTTP/1.1\r\nA: 1\r\nvia:2\r\nB: 3 \r\nCookie: 4\r\nx-c: 5\r\nx-d: 6\r\n\r\n";
    let mut all = Fields::default();
    let mut received = all.receive();
    let part = |text: &str| {
        let found = head
            .windows(text.len())
            .position(|part| part == text.as_bytes());
        Span::new(found.expect("a part of the head"), text.len())
    };
    for (name, value, plain) in [
        ("A", "1", true),
        ("via", "2", false),
        ("B", "3", false),
        ("Cookie", "4", true),
        ("x-c", "5", true),
        ("x-d", "6", true),
    ] {
        received.append(Part {
            known: KnownName::find(name.as_bytes()),
            name: part(name),
            value: part(value),
            plain,
        });
    }
    received.complete(head);
    all.set_known(KnownName::Cookie, b"7");
    all.set_known(KnownName::Server, b"8");
    let mut out = Vec::new();
    all.write_lines(&mut out, Some(KnownName::Via));
    let expected = "A: 1\r\nB: 3\r\nCookie: 7\r\nx-c: 5\r\nx-d: 6\r\nserver: 8\r\n";
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

#[test]
fn a_name_that_went_can_come_back() {
    let mut all = fields(&[("via", "1"), ("x-b", "2")]);
    assert!(all.retain(|name, _| name.known.is_none()));
    assert!(!all.has(KnownName::Via));
    all.set_known(KnownName::Via, b"3");
    assert!(all.remove_known(KnownName::Via) && !all.remove_known(KnownName::Via));
    all.append_to_list(KnownName::Via, b"4");
    assert_eq!(text(&all), "x-b=2;via=4;");
}

#[test]
fn appends_to_a_list_in_one_field() {
    let mut all = fields(&[("X-Forwarded-For", "10.0.0.1")]);
    all.append_to_list(KnownName::XForwardedFor, b"10.0.0.2");
    all.append_to_list(KnownName::Via, b"envoy");
    assert_eq!(text(&all), "X-Forwarded-For=10.0.0.1,10.0.0.2;via=envoy;");
}

#[test]
fn of_a_head_that_is_not_complete_nothing_stays() {
    let mut all = Fields::default();
    let mut received = all.receive();
    received.append(Part {
        known: Some(KnownName::Via),
        name: Span::new(0, 3),
        value: Span::new(5, 1),
        plain: true,
    });
    drop(received);
    assert!(all.is_empty() && !all.has(KnownName::Via));
}

#[test]
fn only_one_field_of_a_name_has_its_value() {
    let mut all = fields(&[("content-length", "1"), ("via", "2")]);
    assert_eq!(all.only(KnownName::ContentLength), Some(b"1".as_slice()));
    all.append_raw(b"Content-Length", b"2");
    assert_eq!(all.only(KnownName::ContentLength), None);
    all.remove_known(KnownName::ContentLength);
    assert_eq!(all.only(KnownName::ContentLength), None);
}
