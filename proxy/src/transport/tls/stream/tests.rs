use super::*;
use crate::transport::Raw;
use crate::transport::tls::fuzz::configs;
use crate::transport::tls::handshake::agree;
use rustls::server::UnbufferedServerConnection;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, SupportedProtocolVersion};
use std::io::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

type Theirs = tokio_rustls::client::TlsStream<TcpStream>;

/// Our server and the library's client, over loopback; the client says `first` together with the end of its handshake.
async fn connected(
    version: &'static SupportedProtocolVersion,
    first: impl FnOnce(&mut ClientConnection),
) -> (TlsStream, Theirs) {
    let (client, server) = configs(version, 0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connected, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let mut socket = Socket::new(Raw::Tcp(accepted.unwrap().0));
    socket.read_ahead();
    let role = Role::Server(UnbufferedServerConnection::new(server).unwrap());
    let connector = TlsConnector::from(client);
    let name = "localhost".try_into().unwrap();
    let connecting = connector.connect_with(name, connected.unwrap(), first);
    let (agreed, theirs) = tokio::join!(agree(role, socket), connecting);
    let agreed = agreed.unwrap();
    assert_eq!(
        agreed.asked_for, None,
        "nobody asked the resolver of a mesh"
    );
    let ours = TlsStream::new(agreed.role, agreed.socket).unwrap();
    (ours, theirs.unwrap())
}

async fn all_of(ours: &mut TlsStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ours.read_to_end(&mut bytes).await.map(|_| bytes)
}

#[tokio::test]
async fn what_comes_together_with_the_end_of_the_handshake_is_read() {
    for version in [&TLS13, &TLS12] {
        let (mut ours, mut theirs) = connected(version, |client| {
            client.writer().write_all(&[7; 30_000]).unwrap();
        })
        .await;
        let mut bytes = vec![0; 30_000];
        ours.read_exact(&mut bytes).await.unwrap();
        assert!(bytes == [7; 30_000]);
        theirs.shutdown().await.unwrap();
        assert!(all_of(&mut ours).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn both_versions_carry_data_both_ways_and_close_one_way_at_a_time() {
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for version in [&TLS13, &TLS12] {
        let (mut ours, mut theirs) = connected(version, |_| ()).await;
        let far = async {
            let mut received = vec![0; data.len()];
            theirs.read_exact(&mut received).await.unwrap();
            theirs.write_all(&received).await.unwrap();
            theirs.shutdown().await.unwrap();
            let mut rest = Vec::new();
            theirs.read_to_end(&mut rest).await.unwrap();
            (received, rest)
        };
        let near = async {
            let (head, tail) = data.split_at(1_234_567);
            ours.write_all(head).await.unwrap();
            let mut slices = &mut [IoSlice::new(&tail[..9]), IoSlice::new(&tail[9..])][..];
            while !slices.is_empty() {
                let count = ours.write_vectored(slices).await.unwrap();
                IoSlice::advance_slices(&mut slices, count);
            }
            ours.flush().await.unwrap();
            let echoed = all_of(&mut ours).await.unwrap();
            ours.write_all(b"after their end").await.unwrap();
            ours.shutdown().await.unwrap();
            let error = ours.write_all(b"after ours").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            echoed
        };
        let (echoed, (received, rest)) = tokio::join!(near, far);
        assert!(received == data && echoed == data, "{version:?}");
        assert_eq!(rest, b"after their end");
    }
}

#[tokio::test]
async fn after_a_bad_record_nothing_is_accepted_and_the_other_side_knows_why() {
    let (mut ours, mut theirs) = connected(&TLS13, |_| ()).await;
    theirs.write_all(b"good").await.unwrap();
    theirs.flush().await.unwrap();
    let mut bytes = [0; 4];
    ours.read_exact(&mut bytes).await.unwrap();
    let (socket, _) = theirs.get_mut();
    socket.write_all(&[23, 3, 3, 0, 20]).await.unwrap();
    socket.write_all(&[0; 20]).await.unwrap();
    let error = all_of(&mut ours).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("decrypt"), "{error}");
    theirs.write_all(b"good again").await.unwrap();
    assert!(ours.read_u8().await.is_err());
    assert!(ours.write_all(b"answer").await.is_err());
    let told = theirs.read_u8().await.unwrap_err();
    assert!(told.to_string().contains("BadRecordMac"), "{told}");
}

#[tokio::test]
async fn under_tls_1_2_what_came_before_a_bad_record_is_read_first() {
    let (mut ours, mut theirs) = connected(&TLS12, |_| ()).await;
    theirs.write_all(b"good").await.unwrap();
    theirs.flush().await.unwrap();
    let (socket, _) = theirs.get_mut();
    socket.write_all(&[23, 3, 3, 0, 40]).await.unwrap();
    socket.write_all(&[0; 40]).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    let error = ours.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(
        (&bytes[..], error.kind()),
        (&b"good"[..], io::ErrorKind::InvalidData)
    );
    assert!(ours.write_all(b"answer").await.is_err());
    let _ = ours.shutdown().await;
    assert!(ours.read_u8().await.is_err());
}

#[tokio::test]
async fn an_end_without_notice_is_an_error_each_time() {
    for version in [&TLS13, &TLS12] {
        let (mut ours, mut theirs) = connected(version, |_| ()).await;
        theirs.write_all(b"data").await.unwrap();
        theirs.flush().await.unwrap();
        theirs.get_mut().0.shutdown().await.unwrap();
        let mut bytes = [0; 4];
        ours.read_exact(&mut bytes).await.unwrap();
        for _ in 0..2 {
            let error = ours.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(error.to_string().contains("close_notify"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_idle_connection_holds_no_buffers() {
    let (mut ours, mut theirs) = connected(&TLS13, |_| ()).await;
    theirs.write_all(b"data").await.unwrap();
    theirs.flush().await.unwrap();
    let mut bytes = [0; 4];
    ours.read_exact(&mut bytes).await.unwrap();
    ours.write_all(b"answer").await.unwrap();
    ours.flush().await.unwrap();
    let mut room = [0; 9];
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let waiting = Pin::new(&mut ours).poll_read(&mut cx, &mut ReadBuf::new(&mut room));
    assert!(waiting.is_pending());
    assert!(!ours.socket.ahead().holds_buffer() && !ours.out.holds_buffer());
    assert!(size_of::<TlsStream>() <= 640, "{}", size_of::<TlsStream>());
}
