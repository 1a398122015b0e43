//! Words that stand for unfinished or unclear work.

use super::{report, source};

/// Written in two parts, so that this file does not contain them.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
];

/// Module names that say nothing about what the module owns.
const VAGUE: [&str; 10] = [
    "util", "utils", "common", "misc", "types", "helpers", "manager", "impl", "base", "prelude",
];

#[test]
fn nothing_is_left_unfinished() {
    let mut found = Vec::new();
    for file in source::rust().into_iter().chain(source::markdown()) {
        for (number, line) in file.text.lines().enumerate() {
            found.extend(
                UNFINISHED
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("{}:{} {word}", file.path, number + 1)),
            );
        }
    }
    report("finish these", &found);
}

#[test]
fn modules_say_what_they_own() {
    let mut found = Vec::new();
    for file in source::rust() {
        let folders = file
            .path
            .split('/')
            .map(|part| part.strip_suffix(".rs").unwrap_or(part));
        found.extend(
            folders
                .filter(|part| VAGUE.contains(part))
                .map(|part| format!("{}: `{part}`", file.path)),
        );
    }
    report("rename these modules after what they own", &found);
}

#[test]
fn modules_are_files_beside_their_folders() {
    let found: Vec<_> = source::rust()
        .into_iter()
        .filter(|file| file.stem() == "mod")
        .map(|file| file.path)
        .collect();
    report("use foo.rs and foo/ instead of foo/mod.rs", &found);
}

#[test]
fn modules_say_what_they_are() {
    let undocumented = |text: &str| {
        !text.trim_start().starts_with("//!") && !text.trim_start().starts_with("#![doc")
    };
    let found: Vec<_> = source::rust()
        .into_iter()
        .filter(|file| !file.is_test() && undocumented(&file.text))
        .map(|file| file.path)
        .collect();
    report(
        "begin these files with a `//!` line that says what they are",
        &found,
    );
}
