//! The two dialects of xDS.

/// The dialect spoken on the stream (`api_type` of the bootstrap's `ads_config`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// `DELTA_GRPC`.
    Delta,
    /// `GRPC`.
    Sotw,
}
