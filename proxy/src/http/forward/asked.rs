//! What the client asks of retries in `x-envoy-` fields. They are for this proxy and end here: passed on, every further
//! proxy on the way would retry as well, and the attempts would multiply.

use smallvec::SmallVec;

use crate::http::head::{Fields, KnownName};
use crate::http::route::RetryOn;

/// The fields that [`Asked::take`] takes.
const FIELDS: [KnownName; 5] = [
    KnownName::XEnvoyRetryOn,
    KnownName::XEnvoyRetryGrpcOn,
    KnownName::XEnvoyMaxRetries,
    KnownName::XEnvoyRetriableStatusCodes,
    KnownName::XEnvoyRetriableHeaderNames,
];

/// The client's part of a retry policy.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// It asks for retries, so the request may be repeated.
    pub(crate) repeatable: bool,
    pub(super) on: RetryOn,
    pub(super) retries: Option<u32>,
    pub(super) statuses: SmallVec<[u16; 4]>,
}

impl Asked {
    /// Reads the fields and removes them.
    pub(super) fn take(fields: &mut Fields) -> Self {
        let mut asked = Self::default();
        if !fields.may_have_any(&FIELDS) {
            return asked;
        }
        for name in [KnownName::XEnvoyRetryOn, KnownName::XEnvoyRetryGrpcOn] {
            if let Some(list) = fields.get_str(name) {
                asked.on.insert(RetryOn::parse(list).0);
            }
            asked.repeatable |= fields.has(name);
        }
        asked.retries = fields
            .get_str(KnownName::XEnvoyMaxRetries)
            .and_then(|number| number.parse().ok());
        if let Some(list) = fields.get_str(KnownName::XEnvoyRetriableStatusCodes) {
            let statuses = list.split(',').filter_map(|text| text.trim().parse().ok());
            asked.statuses.extend(statuses);
        }
        for name in FIELDS {
            if fields.has(name) {
                fields.remove_known(name);
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_asks_of_retries_is_not_passed_on() {
        let mut fields = Fields::default();
        fields.append_raw(b"x-envoy-retry-on", b"5xx,retriable-status-codes");
        fields.append_raw(b"x-envoy-retry-grpc-on", b"unavailable");
        fields.append_raw(b"x-envoy-max-retries", b"3");
        fields.append_raw(b"x-envoy-retriable-status-codes", b"418, 425");
        fields.append_raw(b"x-envoy-retriable-header-names", b"x-again");
        fields.append_raw(b"x-request-id", b"1");
        let asked = Asked::take(&mut fields);
        assert!(asked.repeatable && asked.on.contains(RetryOn::SERVER_ERROR));
        assert!(asked.on.contains(RetryOn::GRPC_UNAVAILABLE));
        assert_eq!(asked.retries, Some(3));
        assert_eq!(asked.statuses[..], [418, 425]);
        let left: Vec<_> = fields.iter().map(|(name, _)| name.as_bytes()).collect();
        assert_eq!(left, [b"x-request-id".as_slice()]);
    }
}
