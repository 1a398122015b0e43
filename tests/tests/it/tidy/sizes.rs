//! Files stop at 500 lines, functions at 80.

use super::functions::functions;
use super::{report, source};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 80;

/// Functions that may be longer: file, name, reason. An entry that is no longer needed fails the test.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("proxy/src/cluster/config/proto.rs", "read", CONVERSION),
    ("proxy/src/http/config/proto.rs", "read", CONVERSION),
    (
        "injector/src/decide/tests.rs",
        "namespace_and_pod_decide_as_istios_webhooks_do",
        "one row for each case of the table",
    ),
];

const CONVERSION: &str = "one statement for each field of the wire message";

#[test]
fn files_stop_at_500_lines() {
    let long = source::rust().into_iter().filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > FILE_LINES).then(|| format!("{}: {lines} lines", file.path))
    });
    report("split these files", &long.collect::<Vec<_>>());
}

#[test]
fn functions_stop_at_80_lines() {
    let mut long = Vec::new();
    let mut needed = Vec::new();
    for file in source::rust() {
        for function in functions(&file.text)
            .into_iter()
            .filter(|function| function.lines > FUNCTION_LINES)
        {
            let excepted = |(path, name, _): &&(&str, &str, &str)| {
                *path == file.path && *name == function.name
            };
            match EXCEPTIONS.iter().find(excepted) {
                Some(exception) => needed.push(exception),
                None => long.push(format!(
                    "{}:{} {}: {} lines",
                    file.path, function.line, function.name, function.lines
                )),
            }
        }
    }
    report("split these functions", &long);
    let stale = EXCEPTIONS
        .iter()
        .filter(|exception| !needed.contains(exception));
    let stale: Vec<_> = stale
        .map(|(path, name, _)| format!("{path} {name}"))
        .collect();
    report(
        "take these out of the exceptions, they are short enough",
        &stale,
    );
}

#[test]
fn lib_files_have_no_logic() {
    let logic = |line: &&str| {
        let line = line.trim_start();
        [
            "fn ",
            "pub fn ",
            "pub(crate) fn ",
            "impl ",
            "pub async fn ",
            "async fn ",
        ]
        .iter()
        .any(|word| line.starts_with(word))
    };
    let files = source::rust()
        .into_iter()
        .filter(|file| file.path.ends_with("/src/lib.rs"));
    let busy = files
        .filter(|file| file.text.lines().any(|line| logic(&line)))
        .map(|file| file.path);
    report("move the logic out of lib.rs", &busy.collect::<Vec<_>>());
}
