//! Documentation that stays true.

use super::{report, source};

const ARCHITECTURE_LINES: usize = 250;

#[test]
fn links_lead_somewhere() {
    let mut found = Vec::new();
    for page in source::markdown() {
        let path = source::top().join(&page.path);
        let folder = path.parent().expect("a page lies in a folder");
        for target in links(&page.text) {
            if !folder.join(target).exists() {
                found.push(format!("{}: {target}", page.path));
            }
        }
    }
    report("these links lead nowhere", &found);
}

#[test]
fn the_architecture_page_stays_short() {
    let pages = source::markdown();
    let page = pages
        .iter()
        .find(|page| page.path == "docs/architecture.md")
        .expect("there is one");
    let lines = page.text.lines().count();
    assert!(
        lines <= ARCHITECTURE_LINES,
        "docs/architecture.md has {lines} lines; shorten it to {ARCHITECTURE_LINES}"
    );
}

/// Targets of links to files.
fn links(text: &str) -> Vec<&str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target);
    let files = targets.map(|target| target.split('#').next().unwrap_or(target));
    files
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:")
        })
        .collect()
}

#[test]
fn finds_links_to_files_only() {
    let text = "[a](docs/a.md) [b](https://b.example/x) [c](#here) [d](d.md#part)";
    assert_eq!(links(text), ["docs/a.md", "d.md"]);
}
