//! The proxy's metrics and the application's as one page, so that a scraper needs one target per pod. An application
//! that fails costs its own part only.

use super::probe::http;
use crate::telemetry::metrics::Registry;
use ::http::{HeaderMap, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use std::time::Duration;

/// What an application may take where the scraper sets no limit.
const LIMIT: Duration = Duration::from_secs(10);

/// Where the application shows its metrics (`ISTIO_PROMETHEUS_ANNOTATIONS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrape {
    port: u16,
    path: String,
}

/// A scrape target that is not one.
#[derive(Debug, thiserror::Error)]
#[error(
    "ISTIO_PROMETHEUS_ANNOTATIONS {text:?}: {reason}; check the prometheus.io annotations of the pod"
)]
pub struct InvalidScrape {
    text: String,
    reason: String,
}

#[derive(serde::Deserialize)]
struct Annotations {
    #[serde(default)]
    scrape: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    port: String,
}

impl Scrape {
    /// Reads the variable; nothing where the application is not to be scraped, or its target is this very port.
    ///
    /// # Errors
    /// If it is not what the injector writes.
    pub fn parse(text: &str, own_port: Option<u16>) -> Result<Option<Self>, InvalidScrape> {
        if text.is_empty() {
            return Ok(None);
        }
        let invalid = |reason: String| InvalidScrape {
            text: text.to_owned(),
            reason,
        };
        let annotations: Annotations =
            serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if annotations.scrape != "true" {
            return Ok(None);
        }
        let port = match annotations.port.as_str() {
            "" => 80,
            port => port
                .parse()
                .map_err(|_| invalid(format!("{port:?} is not a port")))?,
        };
        let path = match annotations.path.as_str() {
            "" => "/metrics".to_owned(),
            path if path.starts_with('/') => path.to_owned(),
            path => format!("/{path}"),
        };
        Ok((own_port != Some(port)).then_some(Self { port, path }))
    }
}

/// The proxy's page, followed by the application's where it has one and it answers in time.
pub(super) async fn merged(
    registry: &Registry,
    scrape: Option<&Scrape>,
    asked: &HeaderMap,
) -> Response<Full<Bytes>> {
    let mut page = registry.render_prometheus();
    if let Some(scrape) = scrape {
        match application(scrape, asked).await {
            Ok(theirs) => append(&mut page, &theirs),
            Err(error) => {
                tracing::warn!(port = scrape.port, path = %scrape.path, %error, "the application's metrics are left out");
            }
        }
    }
    reply(page)
}

/// A page in Prometheus' text format.
pub(super) fn reply(page: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(page)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

async fn application(scrape: &Scrape, asked: &HeaderMap) -> Result<String, http::ProbeFailed> {
    let seconds = asked
        .get("x-prometheus-scrape-timeout-seconds")
        .and_then(|value| value.to_str().ok()?.parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let target = http::Target {
        host: "localhost".to_owned(),
        port: scrape.port,
        path: scrape.path.clone(),
        tls: false,
        // The text format is the one form that pages can be joined in.
        headers: vec![("accept".to_owned(), "text/plain;version=0.0.4".to_owned())],
    };
    let (status, body) = http::get(&target, seconds.unwrap_or(LIMIT)).await?;
    if status != StatusCode::OK {
        return Err(http::ProbeFailed::Status(status));
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Adds a page without its end mark, which may stand at the end of the whole only.
fn append(page: &mut String, theirs: &str) {
    if !page.ends_with('\n') && !page.is_empty() {
        page.push('\n');
    }
    for line in theirs.lines().filter(|line| *line != "# EOF") {
        page.push_str(line);
        page.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_the_injector_writes_them() {
        let scrape = |port, path: &str| {
            Some(Scrape {
                port,
                path: path.to_owned(),
            })
        };
        let table = [
            ("", None),
            (r#"{"scrape":"false","port":"8080"}"#, None),
            (r#"{"scrape":"true"}"#, scrape(80, "/metrics")),
            (
                r#"{"scrape":"true","path":"/m","port":"8080"}"#,
                scrape(8080, "/m"),
            ),
            (r#"{"scrape":"true","port":"15020"}"#, None),
        ];
        for (text, wanted) in table {
            assert_eq!(Scrape::parse(text, Some(15020)).unwrap(), wanted, "{text}");
        }
        let error = Scrape::parse(r#"{"scrape":"true","port":"x"}"#, None).unwrap_err();
        assert!(error.to_string().contains("\"x\" is not a port"), "{error}");
    }

    #[test]
    fn an_end_mark_inside_the_page_is_dropped() {
        let mut page = "a 1\n".to_owned();
        append(&mut page, "b 2\n# EOF\n");
        assert_eq!(page, "a 1\nb 2\n");
    }
}
