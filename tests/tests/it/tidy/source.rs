//! The project's files.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates of the workspace, by folder.
pub(super) const CRATES: [&str; 7] = [
    "xds-proto",
    "proxy",
    "control-plane",
    "injector",
    "cli",
    "bench",
    "tests",
];

/// A text file of the project.
pub(super) struct Source {
    /// Path from the top of the project, with `/`.
    pub(super) path: String,
    /// Its contents.
    pub(super) text: String,
}

impl Source {
    /// The file's name without `.rs`.
    pub(super) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.strip_suffix(".rs").unwrap_or(name)
    }

    /// Code before the tests at its end.
    pub(super) fn code(&self) -> &str {
        self.text
            .split_once("#[cfg(test)]")
            .map_or(self.text.as_str(), |(code, _)| code)
    }

    /// Whether the whole file is a test.
    pub(super) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.starts_with("tests/") || self.stem() == "tests"
    }
}

/// The top of the project.
pub(super) fn top() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir
        .parent()
        .expect("the crate lies in the project")
        .to_owned()
}

/// Every Rust file that people write.
pub(super) fn rust() -> Vec<Source> {
    let mut found = Vec::new();
    for name in CRATES {
        walk(&top().join(name), "rs", &mut found);
    }
    found
}

/// Every page of documentation.
pub(super) fn markdown() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["docs", "deploy"].into_iter().chain(CRATES) {
        walk(&top().join(folder), "md", &mut found);
    }
    for entry in fs::read_dir(top()).expect("the project is readable") {
        take(
            &entry.expect("the project is readable").path(),
            "md",
            &mut found,
        );
    }
    found
}

fn walk(folder: &Path, extension: &str, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the project is readable").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !is_foreign(&path) {
            walk(&path, extension, found);
        } else {
            take(&path, extension, found);
        }
    }
}

/// Folders whose files no one writes: builds and the code generated from `.proto` files.
fn is_foreign(folder: &Path) -> bool {
    folder.ends_with("target") || folder.ends_with("src/generated") || folder.ends_with("testdata")
}

fn take(path: &Path, extension: &str, found: &mut Vec<Source>) {
    if path.extension().is_some_and(|present| present == extension) {
        let text = fs::read_to_string(path).expect("sources are UTF-8");
        let path = path.strip_prefix(top()).expect("below the top");
        found.push(Source {
            path: path.to_string_lossy().replace('\\', "/"),
            text,
        });
    }
}
