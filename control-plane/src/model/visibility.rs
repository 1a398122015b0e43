//! Who may see an object: `exportTo`.

use super::Name;

/// The namespaces that an object is exported to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Nothing said: MeshConfig decides (`defaultServiceExportTo` and its siblings), and without it everyone sees it.
    #[default]
    Default,
    /// `*`: every namespace.
    Public,
    /// These namespaces only; `.` has been replaced by the owner's own. Sorted.
    Namespaces(Vec<Name>),
    /// `~`: nobody.
    Nobody,
}

impl Visibility {
    /// Whether clients in `client` see the object; `mesh_default` applies when the object says nothing.
    ///
    /// `owner` is the object's namespace: `mesh_default` is written for all of them, with `.` as the owner's own.
    #[must_use]
    pub fn shows(&self, client: &str, owner: &str, mesh_default: &[String]) -> bool {
        match self {
            Self::Public => true,
            Self::Nobody => false,
            Self::Namespaces(names) => names.iter().any(|name| **name == *client),
            Self::Default => {
                mesh_default.is_empty()
                    || mesh_default.iter().any(|name| match name.as_str() {
                        "*" => true,
                        "." => client == owner,
                        other => client == other,
                    })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_mesh_default_only_when_nothing_is_said() {
        let own = [".".to_owned()];
        assert!(Visibility::Default.shows("a", "b", &[]));
        assert!(!Visibility::Default.shows("a", "b", &own));
        assert!(Visibility::Default.shows("b", "b", &own));
        assert!(Visibility::Public.shows("a", "b", &own));
        assert!(!Visibility::Nobody.shows("b", "b", &[]));
        assert!(Visibility::Namespaces(vec!["a".into()]).shows("a", "b", &own));
    }
}
