use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::run;
use crate::backend;
use crate::exchange::{Exchange, Heads};
use crate::load::{Edge, Life, Load, Outcome, Pace};

const SMALL: usize = 16;
const WINDOW: Duration = Duration::from_millis(200);

fn load(to: SocketAddr, exchange: Exchange, pace: Pace) -> Load {
    Load {
        to,
        exchange,
        connections: 1,
        streams: 1,
        life: Life::Kept,
        pace,
        warm_up: Duration::ZERO,
        window: WINDOW,
    }
}

/// Answers nothing until it is told to, then everything.
fn stalled(go: Receiver<()>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        go.recv().unwrap();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..count]).unwrap();
        }
    });
    address
}

fn against_stall(pace: Pace) -> Outcome {
    let (go, wait) = channel();
    let load = load(stalled(wait), Exchange::Echo { size: SMALL }, pace);
    run(&load, &mut |edge| {
        if edge == Edge::End {
            go.send(()).unwrap();
        }
        Ok(())
    })
    .unwrap()
}

#[test]
fn a_stall_is_charged_to_every_request_that_was_due_meanwhile() {
    let outcome = against_stall(Pace::Open { rate: 500.0 });
    assert_eq!((outcome.errors, outcome.latency.len()), (0, 100));
    // the first waited for the whole window, one in the middle for half of it
    let at_least = |quantile, part: f64| {
        let waited = outcome.latency.value_at_quantile(quantile);
        assert!(
            waited as f64 >= part * WINDOW.as_nanos() as f64 * 0.99,
            "{quantile}: {waited}"
        );
    };
    at_least(1.0, 1.0);
    at_least(0.5, 0.49);
}

#[test]
fn a_closed_loop_waits_for_the_server_and_sees_one_slow_request() {
    let outcome = against_stall(Pace::Closed);
    assert_eq!((outcome.errors, outcome.latency.len()), (0, 1));
}

#[test]
fn requests_that_nobody_answers_are_errors() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0);
        stream
            .write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
    });
    let exchange = Exchange::Http1 {
        heads: Heads::Short,
        response: 4,
    };
    let outcome = run(
        &load(address, exchange, Pace::Open { rate: 5.0 }),
        &mut |_| Ok(()),
    )
    .unwrap();
    assert_eq!((outcome.completed, outcome.errors), (0, 1));
    assert!(outcome.error.unwrap().contains("503"));
}

#[test]
fn a_refused_connection_is_an_error() {
    // Bound and not listening: nobody else gets the port meanwhile.
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let gone = bound.local_addr().unwrap();
    let outcome = run(
        &load(
            gone,
            Exchange::Echo { size: SMALL },
            Pace::Open { rate: 5.0 },
        ),
        &mut |_| Ok(()),
    );
    assert!(outcome.unwrap().errors > 0);
}

#[test]
fn generator_and_backend_understand_each_other() {
    let exchanges = [
        Exchange::Http1 {
            heads: Heads::Long,
            response: 70_000,
        },
        Exchange::Http2 { response: 40_000 },
        Exchange::Grpc,
        Exchange::Echo { size: 1024 },
        Exchange::Download,
    ];
    for exchange in exchanges {
        let at = backend::start(exchange, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let streams = if matches!(exchange, Exchange::Http2 { .. } | Exchange::Grpc) {
            8
        } else {
            1
        };
        let load = Load {
            connections: 3,
            streams,
            ..load(at, exchange, Pace::Closed)
        };
        let outcome = run(&load, &mut |_| Ok(())).unwrap();
        assert_eq!(outcome.errors, 0, "{exchange:?}: {:?}", outcome.error);
        assert!(outcome.bytes > 0, "{exchange:?}");
        assert_eq!(
            outcome.completed == 0,
            exchange == Exchange::Download,
            "{exchange:?}"
        );
    }
}

#[test]
fn a_new_connection_for_each_exchange() {
    let exchange = Exchange::Echo { size: SMALL };
    let at = backend::start(exchange, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let load = Load {
        life: Life::OneExchange,
        connections: 2,
        ..load(at, exchange, Pace::Open { rate: 100.0 })
    };
    let outcome = run(&load, &mut |_| Ok(())).unwrap();
    assert_eq!(
        (outcome.errors, outcome.latency.len()),
        (0, 20),
        "{:?}",
        outcome.error
    );
}

#[test]
fn the_backend_refuses_what_nobody_asks() {
    let exchange = Exchange::Http1 {
        heads: Heads::Short,
        response: 4,
    };
    let at = backend::start(exchange, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    for request in [
        "GET /other HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /bench HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n!",
    ] {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400", "{request:?}");
    }
}
