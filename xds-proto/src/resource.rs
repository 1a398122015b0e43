//! Resources of xDS: their kinds, their names, and how they travel in `google.protobuf.Any`.

mod kind;

use prost::{DecodeError, Message, Name};

pub use kind::ResourceKind;

use crate::canonical;
use crate::pb::envoy::config::cluster::v3::Cluster;
use crate::pb::envoy::config::core::v3::TypedExtensionConfig;
use crate::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use crate::pb::envoy::config::listener::v3::Listener;
use crate::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
use crate::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use crate::pb::google::protobuf::Any;

mod sealed {
    pub trait Sealed {}
}

/// A message that xDS delivers by name. Sealed: the set of kinds is that of [`ResourceKind`].
pub trait Resource:
    Message + Name + Default + Clone + PartialEq + sealed::Sealed + 'static
{
    /// Which kind of resource this is.
    const KIND: ResourceKind;

    /// The name under which the resource is subscribed to.
    fn name(&self) -> &str;
}

macro_rules! resources {
    ($($message:ident, $kind:ident, $name:ident;)*) => {$(
        impl sealed::Sealed for $message {}

        impl Resource for $message {
            const KIND: ResourceKind = ResourceKind::$kind;

            fn name(&self) -> &str {
                &self.$name
            }
        }
    )*};
}

resources! {
    Cluster, Cluster, name;
    ClusterLoadAssignment, Endpoint, cluster_name;
    Listener, Listener, name;
    RouteConfiguration, Route, name;
    VirtualHost, VirtualHost, name;
    Secret, Secret, name;
    TypedExtensionConfig, ExtensionConfig, name;
}

/// An `Any` that does not hold the message it should.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidResource {
    /// The type URL names another message.
    #[error(
        "expected `{expected}` but got `{found}`; the sender answers a request for another type"
    )]
    WrongType {
        /// Type URL that was asked for.
        expected: String,
        /// Type URL that came.
        found: String,
    },
    /// The bytes are not that message.
    #[error(
        "the bytes of `{type_url}` do not decode: {cause}; the sender may be of an incompatible version"
    )]
    Malformed {
        /// Type URL of the message.
        type_url: String,
        /// What the decoder says.
        cause: DecodeError,
    },
}

/// Packs a resource; equal resources give equal bytes.
pub fn pack(resource: &impl Resource) -> Any {
    pack_any(resource)
}

/// Unpacks a resource of a known kind.
///
/// # Errors
/// Another type URL, or bytes that do not decode.
pub fn unpack<R: Resource>(any: &Any) -> Result<R, InvalidResource> {
    unpack_any(any)
}

/// Packs any message under `type.googleapis.com/`; equal messages give equal bytes.
pub fn pack_any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: canonical::encode(message),
    }
}

/// Unpacks any message.
///
/// # Errors
/// Another type URL, or bytes that do not decode.
pub fn unpack_any<M: Message + Name + Default>(any: &Any) -> Result<M, InvalidResource> {
    unpack_bytes(&any.type_url, &any.value)
}

/// Unpacks any message from its type URL and bytes.
///
/// # Errors
/// Another type URL, or bytes that do not decode.
pub fn unpack_bytes<M: Message + Name + Default>(
    type_url: &str,
    bytes: &[u8],
) -> Result<M, InvalidResource> {
    let expected = M::type_url();
    if message_name(type_url) != message_name(&expected) {
        return Err(InvalidResource::WrongType {
            expected,
            found: type_url.to_owned(),
        });
    }
    M::decode(bytes).map_err(|cause| InvalidResource::Malformed {
        type_url: expected,
        cause,
    })
}

/// The message behind a type URL: what follows the last `/`. The part before it only says where to look the type up.
pub fn message_name(type_url: &str) -> &str {
    type_url.rsplit_once('/').map_or(type_url, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        Cluster {
            name: "outbound|80||a".into(),
            ..Cluster::default()
        }
    }

    #[test]
    fn packs_and_unpacks() {
        let any = pack(&cluster());
        assert_eq!(
            any.type_url,
            "type.googleapis.com/envoy.config.cluster.v3.Cluster"
        );
        assert_eq!(unpack::<Cluster>(&any), Ok(cluster()));
        assert_eq!(cluster().name(), "outbound|80||a");
    }

    #[test]
    fn names_both_types_when_they_differ() {
        let refused = unpack::<Listener>(&pack(&cluster()))
            .expect_err("a cluster is no listener")
            .to_string();
        assert!(
            refused.contains("Listener") && refused.contains("cluster.v3.Cluster"),
            "{refused}"
        );
    }

    #[test]
    fn names_the_type_of_malformed_bytes() {
        let any = Any {
            type_url: Cluster::type_url(),
            value: vec![0xff; 3],
        };
        let refused = unpack::<Cluster>(&any)
            .expect_err("not a cluster")
            .to_string();
        assert!(
            refused.contains("envoy.config.cluster.v3.Cluster"),
            "{refused}"
        );
    }

    #[test]
    fn the_kind_of_a_message_has_its_type_url() {
        fn check<R: Resource>() {
            assert_eq!(R::KIND.type_url(), R::type_url());
        }
        check::<Cluster>();
        check::<ClusterLoadAssignment>();
        check::<Listener>();
        check::<RouteConfiguration>();
        check::<VirtualHost>();
        check::<Secret>();
        check::<TypedExtensionConfig>();
        assert_eq!(
            ResourceKind::NameTable.type_url(),
            crate::istio::nds::NameTable::type_url()
        );
    }
}
