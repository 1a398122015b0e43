//! Files stop at 500 lines, functions at 80.

use super::functions::functions;
use super::{Complaint, report, source};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 80;

/// Files and functions that may be longer, each with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

#[test]
fn files_stop_at_500_lines() {
    let long = source::rust().into_iter().filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > FILE_LINES).then(|| format!("{}: {lines} lines", file.path))
    });
    report("split these files", &without_exceptions(long));
}

#[test]
fn functions_stop_at_80_lines() {
    let mut long = Vec::new();
    for file in source::rust() {
        for function in functions(&file.text)
            .into_iter()
            .filter(|function| function.lines > FUNCTION_LINES)
        {
            long.push(format!(
                "{}:{} {}: {} lines",
                file.path, function.line, function.name, function.lines
            ));
        }
    }
    report(
        "split these functions",
        &without_exceptions(long.into_iter()),
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

fn without_exceptions(complaints: impl Iterator<Item = Complaint>) -> Vec<Complaint> {
    let excepted =
        |complaint: &Complaint| EXCEPTIONS.iter().any(|(name, _)| complaint.contains(name));
    complaints
        .filter(|complaint| !excepted(complaint))
        .collect()
}
