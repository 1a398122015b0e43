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
    /// What Tulle does worse than a rival or than it shall, and what was not measured, in words.
    losing: Vec<String>,
}

/// The text.
pub(crate) fn render(report: &Report) -> anyhow::Result<String> {
    let summary = summary::lines(report);
    let whole = Whole {
        report,
        summary: &summary,
        losing: summary::losing(report),
    };
    Ok(serde_json::to_string(&whole)? + "\n")
}
