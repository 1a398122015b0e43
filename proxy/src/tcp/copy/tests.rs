use super::*;
use crate::transport::Socket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A connected pair over loopback: our end as a stream, their end as they would use it.
async fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (theirs, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let ours = Socket::new(Raw::Tcp(accepted.unwrap().0));
    (Stream::Plain(ours), theirs.unwrap())
}

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
    socket2::SockRef::from(&server)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(server);
    let ended = both_ways(&mut down, &mut up, Limits::default(), |_| ()).await;
    assert!(matches!(ended, Ended::UpstreamFailed(_)), "{ended:?}");
    drop(client);
}
