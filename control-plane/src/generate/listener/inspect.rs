//! Listener filters: what is found out about a connection before a chain is chosen.

use crate::generate::wire;
use crate::scope::Scope;
use prost::{Message, Name};
use xds_proto::pb::envoy::config::listener::v3::{
    Listener, ListenerFilter, listener_filter::ConfigType,
};
use xds_proto::pb::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
use xds_proto::pb::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use xds_proto::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use xds_proto::well_known::filter;

/// Restores the destination that the client dialled.
pub(super) fn original_dst() -> ListenerFilter {
    named(filter::ORIGINAL_DST.name, &OriginalDst::default())
}

/// Reads the server name and protocols of a TLS hello.
pub(super) fn tls() -> ListenerFilter {
    named(filter::TLS_INSPECTOR.name, &TlsInspector::default())
}

/// Tells HTTP from other bytes.
pub(super) fn http() -> ListenerFilter {
    named(filter::HTTP_INSPECTOR.name, &HttpInspector::default())
}

/// Looks at the first bytes, but not for long: where the server speaks first the client is silent, and the connection
/// goes to the chain for plain bytes.
pub(super) fn first_bytes(listener: &mut Listener, scope: &Scope) {
    listener.listener_filters.extend([tls(), http()]);
    do_not_wait(listener, scope);
}

/// Limits the time that listener filters wait for bytes.
pub(super) fn do_not_wait(listener: &mut Listener, scope: &Scope) {
    listener.listener_filters_timeout = Some(wire::duration(scope.mesh.detection_timeout));
    listener.continue_on_listener_filters_timeout = true;
}

fn named<M: Message + Name>(name: &str, config: &M) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(wire::any(config))),
        ..ListenerFilter::default()
    }
}
