//! The report as one page that needs nothing else.

use super::table::{RIVALS, metrics, ratio, remarks, spread};
use super::{Compared, Entry, Outcome, Report, SHOWN, plot, summary};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:.5rem 0;font-variant-numeric:tabular-nums}th,td{padding:.2rem .6rem;text-align:right;\
border-bottom:1px solid #ddd;white-space:nowrap}td:first-child,th:first-child{text-align:left}pre{overflow:auto;background:#f6f6f6;\
padding:.6rem;max-height:30rem}.bad{color:#b00020;font-weight:600}svg text{font-size:13px}svg .own{fill:#0b7285}\
svg .peer{fill:#adb5bd}svg line{stroke:#222}div.wide{overflow-x:auto}";

/// The whole page.
pub(crate) fn render(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tulle beside its peers</title><style>{STYLE}</style>\
         <h1>Tulle beside its peers</h1><p><code>{}</code></p>",
        escape(&report.settings.command)
    );
    page.push_str(&facts(report));
    page.push_str(&summary(report));
    for compared in &report.scenarios {
        page.push_str(&section(compared));
    }
    page.push_str(&configs(report));
    page.push_str("</html>\n");
    page
}

/// Text that is no markup.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn facts(report: &Report) -> String {
    let machine = &report.machine;
    let mut rows = vec![
        ("kernel", machine.kernel.clone()),
        (
            "processor",
            format!("{}, {} cores", machine.processor, machine.cores),
        ),
        ("pinning", machine.pinning.clone()),
        ("congestion control", machine.congestion_control.clone()),
        ("load average at the start", machine.load_average.clone()),
        (
            "runs",
            format!(
                "{} rounds of {} s for each row, peers in turns",
                report.settings.rounds, report.settings.seconds
            ),
        ),
    ];
    rows.extend(
        report
            .peers
            .iter()
            .map(|peer| (peer.peer.as_str(), peer.version.clone())),
    );
    let rows = rows.iter().map(|(name, value)| {
        format!(
            "<tr><td>{}</td><td>{}</td></tr>",
            escape(name),
            escape(value)
        )
    });
    format!(
        "<table>{}</table><p>Cells are medians [least–greatest]. A ratio is the median of the first column divided by the \
         peer's; only ratios within this run mean anything. CPU is that of all proxies on the path.</p>",
        rows.collect::<String>()
    )
}

fn summary(report: &Report) -> String {
    let lines = summary::lines(report);
    let rows = lines.iter().map(|line| {
        let named = [
            line.entry.clone(),
            line.metric.title().to_owned(),
            line.value.clone(),
        ];
        let cells = named.into_iter().chain(line.ratio_texts());
        let cells = cells.map(|cell| format!("<td>{}</td>", escape(&cell)));
        format!(
            "<tr><td><a href=\"#{0}\">{0}</a></td>{1}<td class=\"{2}\">{3}</td></tr>",
            line.scenario,
            cells.collect::<String>(),
            if line.misses() { "bad" } else { "note" },
            escape(&line.bounds())
        )
    });
    let titles = RIVALS.map(|peer| format!("<th>× {peer}</th>")).concat();
    let losses: String = summary::losing(report)
        .iter()
        .map(|loss| format!("<li>{}</li>", escape(loss)))
        .collect();
    format!(
        "<h2>Summary</h2><div class=\"wide\"><table><tr><th>scenario</th><th></th><th></th><th></th>{titles}<th>shall be</th></tr>{}\
         </table></div><h2>Losing cases</h2><ul>{losses}</ul>",
        rows.collect::<String>()
    )
}

/// Every configuration once.
fn configs(report: &Report) -> String {
    let configs = report.configs.iter().enumerate().map(|(at, text)| {
        format!(
            "<details id=\"config-{at}\"><summary>{at}</summary><pre>{}</pre></details>",
            escape(text)
        )
    });
    format!(
        "<h2>Configurations</h2><p>Each is cut after {SHOWN} characters. Of what an xDS server sends there is one sample of each \
         kind, without fields that are not set.</p>{}",
        configs.collect::<String>()
    )
}

fn section(compared: &Compared) -> String {
    let mut text = format!(
        "<h2 id=\"{0}\">{0}</h2><p>{1}</p>",
        compared.name,
        escape(compared.what)
    );
    if let Some(metric) = compared.main() {
        text.push_str(&format!(
            "<h3>{}</h3>{}",
            escape(metric.title()),
            plot::bars(compared, metric)
        ));
    }
    let metrics = metrics(compared);
    let titles = metrics
        .iter()
        .map(|metric| format!("<th>{}</th>", escape(metric.title())));
    let ratios = RIVALS.map(|peer| format!("<th>× {peer}</th>")).concat();
    text.push_str(&format!(
        "<div class=\"wide\"><table><tr><th></th>{}{ratios}</tr>",
        titles.collect::<String>()
    ));
    for entry in &compared.entries {
        let cells = metrics
            .iter()
            .map(|metric| entry.figures.get(metric).map_or("–".to_owned(), spread));
        let cells = cells.chain(RIVALS.map(|peer| ratio(compared, entry, peer)));
        let cells: String = cells.map(|cell| format!("<td>{cell}</td>")).collect();
        text.push_str(&format!("<tr><td>{}</td>{cells}</tr>", escape(&entry.name)));
    }
    text.push_str("</table></div>");
    for (entry, remark) in remarks_of(compared) {
        text.push_str(&format!(
            "<p class=\"{}\">{}</p>",
            if entry.outcome == Outcome::Valid {
                "note"
            } else {
                "bad"
            },
            escape(&remark)
        ));
    }
    text.push_str(&calls(compared));
    let shown = compared.entries.iter().flat_map(|entry| {
        entry.configs.iter().map(move |shown| {
            format!(
                "<a href=\"#config-{}\">{} {}</a> ",
                shown.config,
                escape(&entry.name),
                escape(&shown.proxy)
            )
        })
    });
    let shown: String = shown.collect();
    if !shown.is_empty() {
        text.push_str(&format!("<p>Configurations: {shown}</p>"));
    }
    text
}

fn remarks_of(compared: &Compared) -> impl Iterator<Item = (&Entry, String)> {
    compared.entries.iter().flat_map(|entry| {
        remarks(compared, entry)
            .into_iter()
            .map(move |remark| (entry, remark))
    })
}

fn calls(compared: &Compared) -> String {
    let mut text = String::new();
    for entry in compared
        .entries
        .iter()
        .filter(|entry| !entry.system_calls.is_empty())
    {
        let mut calls: Vec<_> = entry.system_calls.iter().collect();
        calls.sort_by(|one, other| other.1.total_cmp(one.1));
        let calls: Vec<String> = calls
            .iter()
            .map(|(name, count)| format!("{name} {count:.2}"))
            .collect();
        text.push_str(&format!(
            "<li>{}: {}</li>",
            escape(&entry.name),
            calls.join(", ")
        ));
    }
    if text.is_empty() {
        text
    } else {
        format!("<h3>System calls for each exchange</h3><ul>{text}</ul>")
    }
}
