//! Label selectors, as Kubernetes writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A label selector. An empty one matches nothing, as in Istio's injector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, try_from = "Unchecked")]
pub struct Selector {
    labels: BTreeMap<String, String>,
    requirements: Vec<Requirement>,
}

/// A selector that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("label selector: {key}: operator {operator} {problem}")]
pub struct InvalidSelector {
    key: String,
    operator: String,
    problem: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Unchecked {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
    #[serde(default)]
    match_expressions: Vec<Expression>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expression {
    key: String,
    operator: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
}

impl Selector {
    /// A selector for one label.
    pub fn label(key: &str, value: &str) -> Self {
        Self {
            labels: BTreeMap::from([(key.to_owned(), value.to_owned())]),
            requirements: Vec::new(),
        }
    }

    /// Whether the labels satisfy every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let empty = self.labels.is_empty() && self.requirements.is_empty();
        !empty
            && self
                .labels
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .requirements
                .iter()
                .all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Self::Exists(key) => labels.contains_key(key),
            Self::DoesNotExist(key) => !labels.contains_key(key),
        }
    }
}

impl TryFrom<Unchecked> for Selector {
    type Error = InvalidSelector;

    fn try_from(unchecked: Unchecked) -> Result<Self, InvalidSelector> {
        let requirements = unchecked
            .match_expressions
            .into_iter()
            .map(Requirement::try_from);
        Ok(Self {
            labels: unchecked.match_labels,
            requirements: requirements.collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<Expression> for Requirement {
    type Error = InvalidSelector;

    fn try_from(
        Expression {
            key,
            operator,
            values,
        }: Expression,
    ) -> Result<Self, InvalidSelector> {
        let problem = match (operator.as_str(), values.is_empty()) {
            ("In", false) => return Ok(Self::In(key, values)),
            ("NotIn", false) => return Ok(Self::NotIn(key, values)),
            ("Exists", true) => return Ok(Self::Exists(key)),
            ("DoesNotExist", true) => return Ok(Self::DoesNotExist(key)),
            ("In" | "NotIn", true) => "needs values",
            ("Exists" | "DoesNotExist", false) => "takes no values",
            _ => "is not one of In, NotIn, Exists, DoesNotExist",
        };
        Err(InvalidSelector {
            key,
            operator,
            problem,
        })
    }
}
