use ::http::StatusCode;

use super::*;

fn timeouts() -> Timeouts {
    Timeouts {
        total: Some(Duration::from_secs(10)),
        per_try: Some(Duration::from_secs(2)),
        per_try_idle: None,
        idle: Some(Duration::from_secs(300)),
        end: None,
        upstream: None,
    }
}

#[test]
fn the_routes_clock_starts_with_the_end_of_the_request_and_that_of_an_attempt_with_the_later_of_both()
 {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let since = |complete, begun| Since {
        complete,
        begun,
        moved: start,
    };
    for (since, expected) in [
        (since(None, Some(start)), (after(300), Limit::Idle)),
        (since(Some(after(60)), Some(start)), (after(62), Limit::Try)),
        (
            since(Some(after(60)), Some(after(65))),
            (after(67), Limit::Try),
        ),
        (
            since(Some(after(60)), Some(after(69))),
            (after(70), Limit::Total),
        ),
        (since(Some(after(60)), None), (after(70), Limit::Total)),
    ] {
        assert_eq!(timeouts().of_attempt(since), Some(expected), "{since:?}");
    }
}

#[test]
fn an_attempt_without_a_byte_ends_before_the_stream_does() {
    let start = Instant::now();
    let timeouts = Timeouts {
        per_try_idle: Some(Duration::from_secs(1)),
        ..timeouts()
    };
    let since = Since {
        complete: Some(start),
        begun: Some(start),
        moved: start,
    };
    let first = Some((start + Duration::from_secs(1), Limit::TryIdle));
    assert_eq!(timeouts.of_attempt(since), first);
    assert_eq!(timeouts.of_response(since), first);
}

#[test]
fn a_limit_answers_408_while_the_request_is_incomplete_and_504_later() {
    for limit in [Limit::Idle, Limit::Duration, Limit::Upstream] {
        assert_eq!(limit.reply(false).status, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(limit.reply(true).status, StatusCode::GATEWAY_TIMEOUT);
    }
    assert_eq!(
        Limit::Total.reply(false).status,
        StatusCode::GATEWAY_TIMEOUT
    );
}

#[test]
fn what_a_grpc_client_asks_for_is_bounded_and_shortened() {
    let seconds = Duration::from_secs;
    for (asked, most, offset, stream, total) in [
        (10, None, 0, 10, Some(10)),
        (10, Some(4), 1, 3, Some(4)),
        (10, Some(4), 8, 0, Some(2)),
        (10, None, 10, 0, Some(10)),
        (0, None, 1, 0, None),
        (0, Some(4), 1, 0, Some(4)),
    ] {
        let limit = GrpcTimeout {
            most: most.map(seconds),
            offset: seconds(offset),
        };
        let given = (seconds(asked), limit);
        assert_eq!(stream_limit(given.0, limit), seconds(stream), "{given:?}");
        assert_eq!(total_limit(given.0, limit), total.map(seconds), "{given:?}");
    }
}

#[test]
fn reads_grpc_timeouts() {
    for (text, expected) in [
        ("1H", Some(Duration::from_secs(3_600))),
        ("250m", Some(Duration::from_millis(250))),
        ("99999999S", Some(Duration::from_secs(99_999_999))),
        ("1", None),
        ("S", None),
        ("123456789m", None),
        ("-1S", None),
    ] {
        assert_eq!(grpc_timeout(text.as_bytes()), expected, "{text}");
    }
}
