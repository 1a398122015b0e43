use super::*;
use crate::transport::buffer::Size;
use crate::transport::loopback::{pair, tls_pair};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// Sends in pieces of mixed sizes, ends its direction and reads until the other end does.
async fn exchange(mut socket: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
    let (mut read, mut write) = socket.split();
    let send = async {
        let mut rest = &bytes[..];
        let mut size = 1;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            write.write_all(piece).await.unwrap();
            rest = after;
            size = size * 7 % 200_003;
        }
        write.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let receive = read.read_to_end(&mut received);
    let ((), count) = tokio::join!(send, receive);
    count.unwrap();
    received
}

#[tokio::test]
async fn every_byte_arrives_in_order_in_both_directions() {
    let (mut down, client) = pair().await;
    let (mut up, server) = pair().await;
    let request = noise(1, 6_000_000);
    let response = noise(2, 5_000_001);
    let mut moved = Moved::default();
    let (ended, at_client, at_server) = tokio::join!(
        both_ways(&mut down, &mut up, Limits::default(), |now| moved = now),
        exchange(client, request.clone()),
        exchange(server, response.clone()),
    );
    assert!(matches!(ended, Ended::Finished), "{ended:?}");
    assert!(at_server == request, "the request was altered");
    assert!(at_client == response, "the response was altered");
    assert_eq!(moved.to_upstream, 6_000_000);
    assert_eq!(moved.to_downstream, 5_000_001);
}

#[tokio::test]
async fn bytes_and_half_closes_pass_through_two_proxies_with_tls_between_them() {
    let (mut down, client) = pair().await;
    let (mut up, server) = pair().await;
    let (mut near, mut far) = tls_pair().await;
    let request = noise(3, 3_000_000);
    let response = noise(4, 2_000_001);
    let (mut first, mut second) = (Moved::default(), Moved::default());
    let (one, two, at_client, at_server) = tokio::join!(
        both_ways(&mut down, &mut near, Limits::default(), |now| first = now),
        both_ways(&mut far, &mut up, Limits::default(), |now| second = now),
        exchange(client, request.clone()),
        exchange(server, response.clone()),
    );
    assert!(
        matches!((&one, &two), (Ended::Finished, Ended::Finished)),
        "{one:?} {two:?}"
    );
    assert!(at_server == request, "the request was altered");
    assert!(at_client == response, "the response was altered");
    assert_eq!(first, second);
    assert_eq!(
        (first.to_upstream, first.to_downstream),
        (3_000_000, 2_000_001)
    );
}

#[tokio::test]
async fn a_bulk_transfer_lets_others_have_a_turn() {
    let (mut from, client) = pair().await;
    let (mut to, server) = pair().await;
    let mut waiting = 0;
    while waiting < 16_000_000 {
        match client.try_write(&[b'-'; 100_000]) {
            Ok(count) => waiting += count as u64,
            Err(_full) => break,
        }
    }
    drop(client);
    poll_fn(|cx| from.poll_read_ready(cx)).await.unwrap();
    let receive = async {
        let mut received = Vec::new();
        let mut server = server;
        server.read_to_end(&mut received).await.unwrap();
        received.len() as u64
    };
    let mut pump = pump::Pump::default();
    let mut turns = Vec::new();
    let copy = poll_fn(|cx| {
        let before = pump.moved();
        let polled = pump.poll(cx, &mut from, &mut to);
        turns.push(pump.moved() - before);
        polled
    });
    let (copied, received) = tokio::join!(copy, receive);
    assert!(copied.is_ok(), "{copied:?}");
    assert_eq!(received, waiting);
    let longest = turns.iter().copied().max();
    let most = pump::TURN + Size::Large.bytes() as u64;
    assert!(longest <= Some(most), "{turns:?}");
}

#[tokio::test]
async fn tls_holds_no_more_than_a_buffer_of_what_the_socket_does_not_take() {
    let (mut near, _far) = tls_pair().await;
    let Raw::Tcp(socket) = near.raw() else {
        unreachable!("pairs are TCP");
    };
    let fixed = socket2::SockRef::from(socket).set_send_buffer_size(16 * 1024);
    fixed.unwrap();
    while socket.try_write(&[b'-'; 1024]).is_ok() {}
    let mut held = 0;
    poll_fn(|cx| {
        while let Poll::Ready(count) = pinned(&mut near).poll_write(cx, &[b'-'; 1 << 20]) {
            held += count.unwrap();
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(held, near.at_once(Size::Large));
}

/// Sends a reset instead of what a close would send.
fn abort(socket: TcpStream) {
    let at_once = Some(Duration::ZERO);
    socket2::SockRef::from(&socket).set_linger(at_once).unwrap();
}

#[tokio::test]
async fn what_was_moved_before_a_server_aborts_is_counted_to_the_byte() {
    let (mut down, mut client) = pair().await;
    let (mut up, mut server) = pair().await;
    let mut moved = Moved::default();
    let talk = async {
        client.write_all(&noise(5, 2_000_000)).await.unwrap();
    };
    let listen = async {
        let mut received = vec![0; 2_000_000];
        server.read_exact(&mut received).await.unwrap();
        abort(server);
    };
    let copy = both_ways(&mut down, &mut up, Limits::default(), |now| moved = now);
    let (ended, (), ()) = tokio::join!(copy, talk, listen);
    assert!(matches!(ended, Ended::UpstreamFailed(_)), "{ended:?}");
    assert_eq!((moved.to_upstream, moved.to_downstream), (2_000_000, 0));
}

#[tokio::test]
async fn a_client_that_aborts_a_large_transfer_ends_it() {
    let (mut down, mut client) = pair().await;
    let (mut up, mut server) = pair().await;
    let talk = async {
        client.write_all(&noise(6, 2_000_000)).await.unwrap();
        abort(client);
        std::future::pending::<()>().await;
    };
    let mut received = Vec::new();
    let copy = both_ways(&mut down, &mut up, Limits::default(), |_| ());
    let ended = tokio::select! {
        ended = copy => ended,
        () = talk => unreachable!("it waits"),
        read = server.read_to_end(&mut received) => panic!("the copy is not over: {read:?}"),
    };
    assert!(matches!(ended, Ended::DownstreamFailed(_)), "{ended:?}");
}

#[tokio::test]
async fn a_copy_that_waits_is_small() {
    let (mut down, _client) = pair().await;
    let (mut up, _server) = pair().await;
    let copy = both_ways(&mut down, &mut up, Limits::default(), |_| ());
    assert!(size_of_val(&copy) <= 640, "{} bytes", size_of_val(&copy));
}

#[tokio::test]
async fn one_direction_stays_open_after_the_other_closed() {
    let (mut down, mut client) = pair().await;
    let (mut up, mut server) = pair().await;
    let talk = async {
        client.shutdown().await.unwrap();
        let mut nothing = Vec::new();
        server.read_to_end(&mut nothing).await.unwrap();
        assert!(nothing.is_empty());
        server.write_all(b"still here").await.unwrap();
        drop(server);
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "still here");
    };
    let (ended, ()) = tokio::join!(
        both_ways(&mut down, &mut up, Limits::default(), |_| ()),
        talk
    );
    assert!(matches!(ended, Ended::Finished), "{ended:?}");
}

#[tokio::test]
async fn silence_ends_a_copy_after_its_idle_timeout() {
    let (mut down, _client) = pair().await;
    let (mut up, _server) = pair().await;
    let limits = Limits {
        idle: Some(Duration::from_millis(5)),
        age: None,
    };
    let ended = both_ways(&mut down, &mut up, limits, |_| ()).await;
    assert!(matches!(ended, Ended::Idle), "{ended:?}");
}

#[tokio::test]
async fn silence_ends_a_copy_that_is_closed_on_one_side_only() {
    let (mut down, mut client) = pair().await;
    let (mut up, _server) = pair().await;
    client.shutdown().await.unwrap();
    let limits = Limits {
        idle: Some(Duration::from_millis(5)),
        age: None,
    };
    let ended = both_ways(&mut down, &mut up, limits, |_| ()).await;
    assert!(matches!(ended, Ended::Idle), "{ended:?}");
}

#[tokio::test]
async fn a_reset_names_the_side_that_broke() {
    let (mut down, client) = pair().await;
    let (mut up, server) = pair().await;
    abort(server);
    let ended = both_ways(&mut down, &mut up, Limits::default(), |_| ()).await;
    assert!(matches!(ended, Ended::UpstreamFailed(_)), "{ended:?}");
    drop(client);
}
