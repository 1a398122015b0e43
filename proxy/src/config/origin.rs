//! The configuration object and the rule behind a resource: the "because" of every decision.

use std::fmt;
use std::sync::Arc;

/// Where a listener, chain, route, cluster or endpoint comes from, as stamped into its xDS metadata: Istio's
/// `filter_metadata["istio"]["config"]`, and Tulle's `filter_metadata["tulle"]` with `object`, `rule` and `name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Origin {
    /// The object, such as `VirtualService default/reviews` or Istio's API path of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Arc<str>>,
    /// The rule inside the object, such as `http[1]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The name that the user gave to the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
}

impl Origin {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.object.is_none() && self.rule.is_none() && self.name.is_none()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.object.as_deref().unwrap_or("unknown object"))?;
        if let Some(rule) = &self.rule {
            write!(f, " {rule}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        Ok(())
    }
}
