//! Conditions on requests.

use super::gateways;
use crate::crd::cx::Cx;
use crate::crd::problem::Invalid;
use crate::crd::value::{Port, regex};
use crate::model::Name;
use crate::model::http_match::{HttpMatch, StringMatch, ValueMatch};
use crate::model::route::SourceMatch;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawMatch {
    name: String,
    uri: Option<RawString>,
    scheme: Option<RawString>,
    method: Option<RawString>,
    authority: Option<RawString>,
    headers: BTreeMap<String, RawString>,
    port: Option<Port>,
    source_labels: BTreeMap<String, String>,
    gateways: Vec<String>,
    query_params: BTreeMap<String, RawString>,
    ignore_uri_case: bool,
    without_headers: BTreeMap<String, RawString>,
    source_namespace: Option<String>,
    stat_prefix: Option<String>,
}

/// A condition on a string; none at all = it is there.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawString {
    exact: Option<String>,
    prefix: Option<String>,
    regex: Option<String>,
}

impl RawString {
    /// `None`: nothing is asked of the value.
    fn lower(self, at: &str) -> Result<Option<StringMatch>, Invalid> {
        let text = |text: Option<String>| text.map(Name::from);
        match (text(self.exact), text(self.prefix), self.regex) {
            (None, None, None) => Ok(None),
            (Some(exact), None, None) => Ok(Some(StringMatch::Exact(exact))),
            (None, Some(prefix), None) if prefix.is_empty() => Err(Invalid::new(
                "the prefix is empty; remove the condition to match everything",
            )
            .at(at)),
            (None, Some(prefix), None) => Ok(Some(StringMatch::Prefix(prefix))),
            (None, None, Some(pattern)) => {
                let pattern =
                    regex(&pattern).map_err(|invalid| invalid.at(&format!("{at}.regex")))?;
                Ok(Some(StringMatch::Regex(pattern)))
            }
            _ => Err(Invalid::new("exact, prefix and regex exclude each other; keep one").at(at)),
        }
    }

    /// A condition that must say something.
    pub(super) fn required(self, at: &str) -> Result<StringMatch, Invalid> {
        let missing =
            || Invalid::new("the condition is empty; write exact, prefix or regex").at(at);
        self.lower(at)?.ok_or_else(missing)
    }
}

impl RawMatch {
    pub(super) fn lower(self, at: &str, cx: &Cx<'_>) -> Result<HttpMatch, Invalid> {
        let required = |field: &str, raw: Option<RawString>| {
            raw.map(|raw| raw.required(&format!("{at}.{field}")))
                .transpose()
        };
        let uri = required("uri", self.uri)?;
        if self.ignore_uri_case && matches!(uri, Some(StringMatch::Regex(_))) {
            let text = "it has no effect on a regex; write (?i) in front of the expression";
            cx.warn(&format!("{at}.ignoreUriCase"), text);
        }
        Ok(HttpMatch {
            name: self.name.into(),
            uri,
            ignore_uri_case: self.ignore_uri_case,
            scheme: required("scheme", self.scheme)?,
            method: required("method", self.method)?,
            authority: required("authority", self.authority)?,
            headers: values(self.headers, &format!("{at}.headers"), Case::Fold)?,
            without_headers: values(
                self.without_headers,
                &format!("{at}.withoutHeaders"),
                Case::Fold,
            )?,
            query_params: values(self.query_params, &format!("{at}.queryParams"), Case::Keep)?,
            port: self.port.map(|port| port.0),
            source: source(
                self.source_labels,
                self.source_namespace,
                &self.gateways,
                cx,
            ),
            stat_prefix: self.stat_prefix.map(Name::from),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Fold,
    Keep,
}

fn values(
    raw: BTreeMap<String, RawString>,
    at: &str,
    case: Case,
) -> Result<Vec<(Name, ValueMatch)>, Invalid> {
    let mut values = Vec::with_capacity(raw.len());
    for (name, condition) in raw {
        let at = format!("{at}.{name}");
        if name.is_empty() {
            return Err(Invalid::new("a name is empty; write the name of what must match").at(&at));
        }
        if name.starts_with("@request.auth.claims") {
            let text = "routing by claims needs RequestAuthentication, which is not honoured yet; remove the condition";
            return Err(Invalid::new(text).at(&at));
        }
        let name = if case == Case::Fold {
            name.to_ascii_lowercase()
        } else {
            name
        };
        values.push((
            name.into(),
            condition
                .lower(&at)?
                .map_or(ValueMatch::Present, ValueMatch::Value),
        ));
    }
    values.sort_by(|(a, _): &(Name, ValueMatch), (b, _)| a.cmp(b));
    Ok(values)
}

/// Conditions on the client's proxy.
pub(super) fn source(
    labels: BTreeMap<String, String>,
    namespace: Option<String>,
    raw_gateways: &[String],
    cx: &Cx<'_>,
) -> SourceMatch {
    SourceMatch {
        labels: labels.into_iter().collect(),
        namespace: namespace
            .filter(|namespace| !namespace.is_empty())
            .map(Name::from),
        gateways: gateways(raw_gateways, cx),
    }
}
