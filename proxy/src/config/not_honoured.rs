//! What a configuration says and this proxy does not do: named once in the log and shown in `/config_dump`, never
//! dropped in silence. Something that guards traffic is never listed here; it refuses its resource instead.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A field that was understood and is not acted upon.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotHonoured {
    /// Kind and name of the resource, such as `cluster outbound|80||reviews.default.svc.cluster.local`.
    pub resource: Arc<str>,
    /// Path of the field inside the resource, such as `lb_subset_config.panic_mode_any`.
    pub path: Box<str>,
    /// What happens instead, in a few words.
    pub instead: &'static str,
}

impl fmt::Display for NotHonoured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: field {} is not honoured ({})",
            self.resource, self.path, self.instead
        )
    }
}

impl NotHonoured {
    /// The kind of the resource, such as `cluster`.
    pub fn kind(&self) -> &str {
        self.resource
            .split_once(' ')
            .map_or(&*self.resource, |(kind, _)| kind)
    }
}

/// Which fields the log has named: a field that a thousand clusters set is one line, not a thousand.
#[derive(Debug, Default)]
pub struct NamedFields {
    /// Kind of resource and path of the field.
    seen: HashSet<(Box<str>, Box<str>)>,
}

impl NamedFields {
    /// Logs those fields that were not named before; `/config_dump` lists each one of each resource.
    pub fn log(&mut self, fields: &[NotHonoured]) {
        for field in fields {
            if self.is_new(field) {
                tracing::warn!(
                    "{field}; said once for all resources of this kind, see /config_dump for each"
                );
            }
        }
    }

    fn is_new(&mut self, field: &NotHonoured) -> bool {
        let key = (field.kind().into(), field.path.clone());
        self.seen.insert(key)
    }
}

/// Whether a value differs from the default of its type, that is whether somebody set it.
pub(crate) fn is_set<T: Default + PartialEq>(value: &T) -> bool {
    *value != T::default()
}

/// Notes those fields of a message that somebody set: `named!(notes, "prefix.", { field => "what happens instead", })`,
/// where each `field` is a variable with the value of the field of that name.
macro_rules! named {
    ($notes:expr, $prefix:expr, { $($field:ident => $instead:literal,)+ }) => {
        $(if $crate::config::not_honoured::is_set(&$field) {
            $notes.push(&format!("{}{}", $prefix, stringify!($field)), $instead);
        })+
    };
}
pub(crate) use named;

/// Collects what is not honoured while one resource is converted.
#[derive(Debug)]
pub struct NotHonouredFields {
    kind: &'static str,
    name: String,
    found: Vec<NotHonoured>,
}

impl NotHonouredFields {
    /// Starts a collection for the resource with this kind and name.
    pub fn of(kind: &'static str, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            found: Vec::new(),
        }
    }

    /// Notes a field if somebody set it.
    pub fn note<T: Default + PartialEq>(&mut self, path: &str, value: &T, instead: &'static str) {
        if is_set(value) {
            self.push(path, instead);
        }
    }

    /// Notes a field that is known to be set.
    pub fn push(&mut self, path: &str, instead: &'static str) {
        let resource = match self.found.last() {
            Some(other) => Arc::clone(&other.resource),
            None => format!("{} {}", self.kind, self.name).into(),
        };
        self.found.push(NotHonoured {
            resource,
            path: path.into(),
            instead,
        });
    }

    /// How many were noted so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// Those that were noted after the first so many.
    pub(crate) fn since(&self, count: usize) -> &[NotHonoured] {
        &self.found[count..]
    }

    /// Adds what was noted earlier of a part that is taken over.
    pub(crate) fn extend(&mut self, earlier: &[NotHonoured]) {
        self.found.extend_from_slice(earlier);
    }

    /// Each field that was noted once, however many parts of the resource set it.
    pub(crate) fn into_distinct(self) -> Vec<NotHonoured> {
        let mut seen = HashSet::new();
        let found = self.found.into_iter();
        found.filter(|field| seen.insert(field.clone())).collect()
    }

    /// All that was noted.
    pub fn into_vec(mut self) -> Vec<NotHonoured> {
        self.found.shrink_to_fit();
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_that_somebody_set_are_noted() {
        let mut fields = NotHonouredFields::of("cluster", "a");
        fields.note("alt_stat_name", &String::new(), "statistics use the name");
        fields.note("alt_stat_name", &"b".to_owned(), "statistics use the name");
        let found = fields.into_vec();
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].to_string(),
            "cluster a: field alt_stat_name is not honoured (statistics use the name)"
        );
    }

    #[test]
    fn a_field_is_new_once_for_each_kind_of_resource() {
        let noted = |kind: &'static str, name: &str| {
            let mut fields = NotHonouredFields::of(kind, name);
            fields.push("alt_stat_name", "statistics use the name");
            fields.into_vec().remove(0)
        };
        let mut named = NamedFields::default();
        assert!(named.is_new(&noted("cluster", "a")));
        assert!(!named.is_new(&noted("cluster", "b")));
        assert!(named.is_new(&noted("listener", "a")));
    }
}
