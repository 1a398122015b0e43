//! Istio's own messages on the wire.

/// The mesh's certificate authority: `istio.v1.auth`.
pub mod auth {
    pub use crate::generated::istio_auth::*;
}

/// Names for the sidecar's DNS proxy: `istio.networking.nds.v1`.
pub mod nds {
    pub use crate::generated::istio_nds::*;
}
