//! The report for programs: everything in the page, and how each figure stands to its bounds.

use serde::Serialize;

use super::summary::Line;
use super::{Report, summary};

/// The report and its summary.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a Report,
    summary: &'a [Line],
    /// What Tulle does worse than a rival or than it shall, in words.
    losing: Vec<String>,
}

/// The text.
pub(crate) fn render(report: &Report) -> anyhow::Result<String> {
    let summary = summary::lines(report);
    let losing = summary.iter().filter_map(Line::loss).collect();
    let whole = Whole {
        report,
        summary: &summary,
        losing,
    };
    Ok(serde_json::to_string(&whole)? + "\n")
}
