use super::key::is_slip;
use super::*;
use crate::crd::tree::parse;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Outer {
    host_name: String,
    ports: Vec<u16>,
    inner: Option<Inner>,
    modes: BTreeMap<u16, Mode>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Inner {
    on: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Mode {
    Strict,
}

fn outer(text: &str) -> (Result<Outer, String>, Vec<String>) {
    let documents = parse(text).unwrap();
    let unknown = RefCell::default();
    let result = read(&documents[0], &unknown).map_err(|invalid: Invalid| {
        let Place {
            path,
            position: Position { line, column },
        } = invalid.place.clone().unwrap();
        format!("{line}:{column} {path}: {invalid}")
    });
    let unknown = unknown.into_inner().into_iter();
    (
        result,
        unknown
            .map(|Unknown { place, meant }| {
                let Place { path, position } = place;
                let meant = meant.map(|meant| format!(" for {meant}"));
                let meant = meant.unwrap_or_default();
                format!("{}:{} {path}{meant}", position.line, position.column)
            })
            .collect(),
    )
}

#[test]
fn forms_are_lenient() {
    let (read, unknown) =
        outer("host_name: a\nports: [\"80\", 81]\ninner: null\nmodes: {8080: STRICT}\n");
    let modes = BTreeMap::from([(8080, Mode::Strict)]);
    assert_eq!(
        read,
        Ok(Outer {
            host_name: "a".into(),
            ports: vec![80, 81],
            inner: None,
            modes
        })
    );
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn unknown_fields_are_noted_with_their_place() {
    let (read, unknown) = outer("hostname: a\ninner:\n  on: true\n  off: 1\n");
    assert!(read.is_ok());
    assert_eq!(unknown, ["1:1 hostname for hostName", "4:3 inner.off"]);
}

#[test]
fn a_slip_of_the_pen_is_told_from_another_name() {
    for (written, meant, want) in [
        ("weigth", "weight", true),
        ("mach", "match", true),
        ("subsett", "subset", true),
        ("wdight", "weight", true),
        ("egress", "ingress", false),
        ("tcp", "tls", false),
        ("of", "on", false),
        ("exponentialDelay", "fixedDelay", false),
    ] {
        assert_eq!(is_slip(written, meant), want, "{written} {meant}");
    }
}

#[test]
fn errors_name_the_value_that_caused_them() {
    for (text, want) in [
        (
            "hostName: 1",
            "1:11 hostName: expected text, found integer `1`; put it in quotes if it is meant as text",
        ),
        (
            "ports: [80, x]",
            "1:13 ports[1]: expected a number, found string \"x\"; write digits only",
        ),
        (
            "ports: 80",
            "1:8 ports: expected a list, found integer `80`; write each item on a line of its own that starts with `- `",
        ),
        (
            "inner: {on: yes}",
            "1:13 inner.on: expected true or false, found string \"yes\"; write it without quotes",
        ),
        (
            "modes: {1: LAX}",
            "1:12 modes.1: expected a known word, found string \"LAX\"; write one of STRICT",
        ),
        (
            "modes: {x: STRICT}",
            "1:9 modes: `x` is no port; write a number from 1 to 65535",
        ),
    ] {
        assert_eq!(outer(text).0, Err(want.to_owned()));
    }
    let (read, _) = outer("ports: [70000]");
    assert!(read.unwrap_err().starts_with("1:9 ports[0]: "));
}
