//! `/stats`: everything that is counted.

use http::StatusCode;
use serde_json::json;

use super::Reply;
use super::query::Query;
use crate::telemetry::metrics::Registry;

pub(super) fn respond(query: &Query, metrics: &Registry) -> Reply {
    match query.get("format") {
        None | Some("text" | "") => {
            filtered(query, &metrics.render_text()).map_or_else(|reply| reply, Reply::text)
        }
        Some("prometheus") => prometheus(query, metrics),
        Some("json") => filtered(query, &metrics.render_text())
            .map_or_else(|reply| reply, |text| Reply::json(as_json(&text))),
        Some(other) => Reply::error(
            StatusCode::BAD_REQUEST,
            format!("format {other:?} is not text, json or prometheus\n"),
        ),
    }
}

pub(super) fn prometheus(query: &Query, metrics: &Registry) -> Reply {
    filtered(query, &metrics.render_prometheus()).map_or_else(|reply| reply, Reply::text)
}

/// Keeps the lines that `filter` (a regular expression) finds something in and, with `usedonly`, that are not zero.
fn filtered(query: &Query, text: &str) -> Result<String, Reply> {
    let filter = match query.get("filter").map(regex::Regex::new).transpose() {
        Ok(filter) => filter,
        Err(error) => {
            return Err(Reply::error(
                StatusCode::BAD_REQUEST,
                format!("filter: {error}\n"),
            ));
        }
    };
    let used_only = query.has("usedonly");
    let keep = |line: &&str| {
        filter.as_ref().is_none_or(|filter| filter.is_match(line))
            && !(used_only && line.ends_with(" 0"))
    };
    Ok(text
        .lines()
        .filter(keep)
        .map(|line| format!("{line}\n"))
        .collect())
}

fn as_json(text: &str) -> String {
    let stats: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| match value.parse::<i64>() {
            Ok(value) => json!({"name": name, "value": value}),
            Err(_) => json!({"name": name, "value": value}),
        })
        .collect();
    json!({ "stats": stats }).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_drops_what_is_zero() {
        let text =
            "cluster.a.upstream_rq_total: 3\ncluster.b.upstream_rq_total: 0\nserver.live: 1\n";
        let query = Query::parse("filter=upstream_rq&usedonly");
        assert_eq!(
            filtered(&query, text).unwrap(),
            "cluster.a.upstream_rq_total: 3\n"
        );
        assert_eq!(
            as_json("a: 1\n"),
            "{\"stats\":[{\"name\":\"a\",\"value\":1}]}\n"
        );
        assert!(filtered(&Query::parse("filter=("), text).is_err());
    }
}
