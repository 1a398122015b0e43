//! What a failure means to those who may try again.

use crate::http::forward::failure::{Failure, Sent};
use crate::http::forward::timeouts::Limit;
use crate::http::route::retry::RetryOn;

/// The reasons that a failure is, and whether it is certain that the request was not processed.
pub(super) fn classify(failure: &Failure) -> (&'static [RetryOn], bool) {
    match failure {
        Failure::Connect(_) => (
            &[
                RetryOn::CONNECT_FAILURE,
                RetryOn::SERVER_ERROR,
                RetryOn::GATEWAY_ERROR,
                RetryOn::RESET,
                RetryOn::RESET_BEFORE_REQUEST,
            ],
            true,
        ),
        Failure::Refused | Failure::GoneAway => (
            &[
                RetryOn::REFUSED_STREAM,
                RetryOn::SERVER_ERROR,
                RetryOn::GATEWAY_ERROR,
                RetryOn::RESET,
            ],
            true,
        ),
        Failure::Reset {
            sent: Sent::Nothing,
        }
        | Failure::Terminated {
            sent: Sent::Nothing,
            ..
        } => (
            &[
                RetryOn::RESET_BEFORE_REQUEST,
                RetryOn::SERVER_ERROR,
                RetryOn::GATEWAY_ERROR,
                RetryOn::RESET,
            ],
            true,
        ),
        Failure::Reset { .. } | Failure::Terminated { .. } | Failure::Protocol(_) => (
            &[
                RetryOn::SERVER_ERROR,
                RetryOn::GATEWAY_ERROR,
                RetryOn::RESET,
            ],
            false,
        ),
        Failure::TimedOut(Limit::Try | Limit::TryIdle | Limit::Upstream) => (
            &[
                RetryOn::SERVER_ERROR,
                RetryOn::GATEWAY_ERROR,
                RetryOn::RESET,
            ],
            false,
        ),
        Failure::NoHost
        | Failure::Overflow
        | Failure::TimedOut(Limit::Total | Limit::Duration | Limit::Idle)
        | Failure::Gone
        | Failure::BadRequestBody(_) => (&[], false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certain_failures_count_as_unprocessed() {
        let text = String::new;
        for (failure, unprocessed) in [
            (Failure::Connect(text()), true),
            (Failure::Refused, true),
            (
                Failure::Terminated {
                    sent: Sent::Nothing,
                    reused: false,
                },
                true,
            ),
            (
                Failure::Terminated {
                    sent: Sent::Perhaps,
                    reused: true,
                },
                false,
            ),
            (
                Failure::Reset {
                    sent: Sent::Perhaps,
                },
                false,
            ),
            (Failure::Protocol(text()), false),
            (Failure::TimedOut(Limit::Try), false),
            (Failure::TimedOut(Limit::Total), false),
            (Failure::GoneAway, true),
        ] {
            assert_eq!(classify(&failure).1, unprocessed, "{failure:?}");
        }
    }
}
