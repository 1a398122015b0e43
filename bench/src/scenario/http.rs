//! Requests: HTTP/1.1, HTTP/2, gRPC.

use super::Scenario;
use super::shape::{
    HTTP1, HTTP1_LARGE, HTTP1_LONG, HTTP2, TLS, TLS_HTTP2, churn, paced, saturated, scenario,
    single, streams,
};
use crate::exchange::Exchange;
use crate::topology::Topology;

pub(super) fn all() -> Vec<Scenario> {
    [one_hop(), two_hops(), http2_between(), streams_and_churn()].concat()
}

fn one_hop() -> Vec<Scenario> {
    use Topology::OneHop;
    vec![
        scenario(
            "h1-sat",
            OneHop,
            saturated(HTTP1),
            "HTTP/1.1, one hop, 64 connections, saturated",
        ),
        scenario(
            "h1-c1",
            OneHop,
            single(HTTP1),
            "HTTP/1.1, one hop, one connection",
        ),
        scenario(
            "h1-rate",
            OneHop,
            paced(HTTP1),
            "HTTP/1.1, one hop, 3,000 requests/s",
        ),
        scenario(
            "h1-headers",
            OneHop,
            saturated(HTTP1_LONG),
            "HTTP/1.1, one hop, 14 more request headers",
        ),
        scenario(
            "h1-64k",
            OneHop,
            saturated(HTTP1_LARGE),
            "HTTP/1.1, one hop, responses of 64 KiB",
        ),
    ]
}

fn two_hops() -> Vec<Scenario> {
    use Topology::TwoHopsPlain;
    vec![
        scenario(
            "plain2-h1-sat",
            TwoHopsPlain,
            saturated(HTTP1),
            "HTTP/1.1, two hops plaintext, saturated",
        ),
        scenario(
            "plain2-h1-c1",
            TwoHopsPlain,
            single(HTTP1),
            "HTTP/1.1, two hops plaintext, one connection",
        ),
        scenario(
            "mtls-h1-sat",
            TLS,
            saturated(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/1.1 between, saturated",
        ),
        scenario(
            "mtls-h1-c1",
            TLS,
            single(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/1.1 between, one connection",
        ),
        scenario(
            "mtls-h1-rate",
            TLS,
            paced(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/1.1 between, 3,000 requests/s",
        ),
    ]
}

fn http2_between() -> Vec<Scenario> {
    vec![
        scenario(
            "mtls-h2-sat",
            TLS_HTTP2,
            saturated(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/2 between, saturated",
        ),
        scenario(
            "mtls-h2-c1",
            TLS_HTTP2,
            single(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/2 between, one connection",
        ),
        scenario(
            "mtls-h2-rate",
            TLS_HTTP2,
            paced(HTTP1),
            "HTTP/1.1, two hops mTLS with HTTP/2 between, 3,000 requests/s",
        ),
    ]
}

fn streams_and_churn() -> Vec<Scenario> {
    use Topology::OneHop;
    vec![
        scenario(
            "h2c",
            OneHop,
            streams(HTTP2),
            "HTTP/2 application, one hop, 8 connections of 32 streams",
        ),
        scenario(
            "mtls-h2c",
            TLS_HTTP2,
            streams(HTTP2),
            "HTTP/2 application, two hops mTLS, 8 connections of 32 streams",
        ),
        scenario(
            "grpc",
            OneHop,
            streams(Exchange::Grpc),
            "gRPC unary calls, one hop, 8 connections of 32 streams",
        ),
        scenario(
            "mtls-grpc",
            TLS_HTTP2,
            streams(Exchange::Grpc),
            "gRPC unary calls, two hops mTLS, 8 connections of 32 streams",
        ),
        scenario(
            "h1-churn",
            OneHop,
            churn(HTTP1, 64),
            "a new HTTP/1.1 connection for each request, one hop",
        ),
        scenario(
            "mtls-h2-churn",
            TLS_HTTP2,
            churn(HTTP1, 64),
            "a new HTTP/1.1 connection for each request, two hops mTLS with HTTP/2 between",
        ),
    ]
}
