//! What generators deliver: one encoded resource, shared by every proxy that gets it.

use crate::model::Name;
use bytes::Bytes;
use prost::Message;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use xds_proto::resource::ResourceKind;

/// One resource, encoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name on the wire.
    pub name: Name,
    /// Hash of the content; printed in hexadecimal as its version on the wire.
    pub version: u64,
    /// The encoded `google.protobuf.Any`, ready to be embedded in a response.
    pub any: Bytes,
}

impl Resource {
    /// Encodes a message; equal messages give equal resources.
    pub(crate) fn of<R: xds_proto::resource::Resource>(message: &R) -> Self {
        let any = Bytes::from(xds_proto::resource::pack(message).encode_to_vec());
        // `DefaultHasher::new` has fixed keys: equal bytes have equal versions in every process of one build.
        let mut hasher = DefaultHasher::new();
        hasher.write(&any);
        Self {
            kind: R::KIND,
            name: message.name().into(),
            version: hasher.finish(),
            any,
        }
    }

    /// The version as it is printed on the wire.
    #[must_use]
    pub fn version_text(&self) -> String {
        format!("{:016x}", self.version)
    }
}

/// Resources of one kind by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceSet(BTreeMap<Name, Arc<Resource>>);

impl ResourceSet {
    /// The resource with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        self.0.get(name)
    }

    /// All resources, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Resource>)> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Resource> for ResourceSet {
    /// Of two resources with one name the first wins.
    fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
        resources.into_iter().map(Arc::new).collect()
    }
}

impl FromIterator<Arc<Resource>> for ResourceSet {
    /// Of two resources with one name the first wins.
    fn from_iter<I: IntoIterator<Item = Arc<Resource>>>(resources: I) -> Self {
        let mut set = BTreeMap::new();
        for resource in resources {
            set.entry(resource.name.clone()).or_insert(resource);
        }
        Self(set)
    }
}
