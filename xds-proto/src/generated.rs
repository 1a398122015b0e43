//! Code made from `proto/` and from Envoy's descriptors; `tests/it/generated.rs` keeps it up to date.

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
pub(crate) mod istio_auth {
    include!("generated/istio.v1.auth.rs");
}

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
pub(crate) mod istio_nds {
    include!("generated/istio.networking.nds.v1.rs");
}

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
pub(crate) mod udpa_type {
    include!("generated/udpa.type.v1.rs");
}

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
pub(crate) mod xds_type {
    include!("generated/xds.type.v3.rs");
}

pub(crate) static DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");
