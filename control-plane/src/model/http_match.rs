//! Conditions on an HTTP request.

use super::Name;
use super::route::SourceMatch;

/// Conditions on a request; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HttpMatch {
    /// Its name, empty when none.
    pub name: Name,
    /// On the path (for exact and prefix without the query).
    pub uri: Option<StringMatch>,
    /// Letter case of the path does not count (exact and prefix only).
    pub ignore_uri_case: bool,
    /// On the scheme.
    pub scheme: Option<StringMatch>,
    /// On the method.
    pub method: Option<StringMatch>,
    /// On the authority.
    pub authority: Option<StringMatch>,
    /// On headers, names in lower case; sorted by name.
    pub headers: Vec<(Name, ValueMatch)>,
    /// Headers that must not match; sorted by name.
    pub without_headers: Vec<(Name, ValueMatch)>,
    /// On query parameters; sorted by name.
    pub query_params: Vec<(Name, ValueMatch)>,
    /// On the service port dialled.
    pub port: Option<u16>,
    /// Which proxies use the rule.
    pub source: SourceMatch,
    /// Extra statistics under this name.
    pub stat_prefix: Option<Name>,
}

/// How a string must look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StringMatch {
    /// Equal.
    Exact(Name),
    /// Starts so.
    Prefix(Name),
    /// Matches as a whole, RE2 syntax.
    Regex(Name),
}

/// How the value of a header or parameter must look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueMatch {
    /// It is there, whatever its value.
    Present,
    /// It is there and looks so.
    Value(StringMatch),
}
