//! Why a response was not simply the upstream's: Envoy's response flags (its access log page, `%RESPONSE_FLAGS%`).

use std::fmt;

macro_rules! flags {
    ($($(#[$doc:meta])+ $name:ident = $bit:literal $short:literal,)+) => {
        /// A set of response flags.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct ResponseFlags(u32);

        impl ResponseFlags {
            $($(#[$doc])+ pub const $name: Self = Self(1 << $bit);)+
        }

        const SHORT: &[(ResponseFlags, &str)] = &[$((ResponseFlags::$name, $short),)+];
    };
}

flags! {
    /// No healthy upstream endpoint.
    NO_HEALTHY_UPSTREAM = 0 "UH",
    /// The upstream connection could not be made.
    UPSTREAM_CONNECTION_FAILURE = 1 "UF",
    /// The upstream's circuit breaker refused.
    UPSTREAM_OVERFLOW = 2 "UO",
    /// No route matched.
    NO_ROUTE = 3 "NR",
    /// All tries were used up.
    UPSTREAM_RETRY_LIMIT_EXCEEDED = 4 "URX",
    /// The route names a cluster that does not exist.
    NO_CLUSTER = 5 "NC",
    /// The downstream connection ended first.
    DOWNSTREAM_CONNECTION_TERMINATION = 6 "DC",
    /// A reset of ours.
    LOCAL_RESET = 7 "LR",
    /// The upstream reset the stream.
    UPSTREAM_REMOTE_RESET = 8 "UR",
    /// The upstream connection ended early.
    UPSTREAM_CONNECTION_TERMINATION = 9 "UC",
    /// The upstream took longer than the route allows.
    UPSTREAM_REQUEST_TIMEOUT = 10 "UT",
    /// An injected delay.
    DELAY_INJECTED = 11 "DI",
    /// An injected abort.
    FAULT_INJECTED = 12 "FI",
    /// Refused by a local rate limit.
    RATE_LIMITED = 13 "RL",
    /// Refused by external authorization.
    UNAUTHORIZED_EXTERNAL_SERVICE = 14 "UAEX",
    /// The stream was idle for too long.
    STREAM_IDLE_TIMEOUT = 15 "SI",
    /// The client broke the protocol.
    DOWNSTREAM_PROTOCOL_ERROR = 16 "DPE",
    /// The upstream broke the protocol.
    UPSTREAM_PROTOCOL_ERROR = 17 "UPE",
    /// The stream lasted too long.
    UPSTREAM_MAX_STREAM_DURATION_REACHED = 18 "UMSDR",
    /// The connection lasted too long.
    DURATION_TIMEOUT = 19 "DT",
    /// Refused since memory is short.
    OVERLOAD_MANAGER_TERMINATED = 20 "OM",
    /// The upstream's name did not resolve.
    DNS_RESOLUTION_FAILED = 21 "DF",
    /// Dropped by overload.
    DROP_OVERLOAD = 22 "DO",
    /// Refused: a header that must hold a number did not.
    INVALID_ENVOY_REQUEST_HEADERS = 23 "IH",
}

impl ResponseFlags {
    /// Adds `other`.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all of `other` is in.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The raw bits, as a key of a cache.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        let mut separator = "";
        for (flag, short) in SHORT {
            if self.contains(*flag) {
                write!(f, "{separator}{short}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl ResponseFlags {
    /// Appends them as they print; most requests have none.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        if self.is_empty() {
            out.push(b'-');
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "{self}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_envoy_does() {
        let mut flags = ResponseFlags::default();
        assert_eq!(flags.to_string(), "-");
        flags.insert(ResponseFlags::UPSTREAM_REQUEST_TIMEOUT);
        flags.insert(ResponseFlags::UPSTREAM_RETRY_LIMIT_EXCEEDED);
        assert_eq!(flags.to_string(), "URX,UT");
    }
}
