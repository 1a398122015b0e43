use std::future::poll_fn;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

mod hyper;

fn pair(capacity: usize) -> (Connection<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(capacity);
    (Connection::new(ours, &Buffers::new()), theirs)
}

async fn request(
    connection: &mut Connection<DuplexStream>,
) -> Result<Option<RequestHead>, ReadError> {
    let mut head = RequestHead::default();
    let parsed =
        poll_fn(|cx| connection.poll_request(cx, &mut head, HeadLimits::default())).await?;
    Ok(parsed.map(|_| head))
}

async fn body(connection: &mut Connection<DuplexStream>) -> Result<Vec<u8>, ReadError> {
    let mut all = Vec::new();
    let next = |cx: &mut Context<'_>| {
        connection
            .poll_data(cx)
            .map_ok(|data| data.map(<[u8]>::to_vec))
    };
    let mut next = next;
    while let Some(data) = poll_fn(&mut next).await? {
        all.extend(data);
    }
    Ok(all)
}

#[tokio::test]
async fn a_head_may_be_as_long_as_its_limit_and_come_in_many_pieces() {
    let limits = HeadLimits {
        bytes: 1024 * 1024,
        fields: 100,
    };
    for (len, fits) in [(limits.bytes - 100, true), (limits.bytes, false)] {
        let (mut connection, mut client) = pair(999);
        let text = format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
            "y".repeat(len)
        );
        let send = async {
            // Nobody reads the end of what is refused.
            let _ = client.write_all(text.as_bytes()).await;
        };
        let mut head = RequestHead::default();
        let read = async {
            let read = poll_fn(|cx| connection.poll_request(cx, &mut head, limits)).await;
            drop(connection);
            read
        };
        match tokio::join!(send, read).1 {
            Ok(Some(parsed)) => assert!(fits && parsed.len == text.len()),
            Err(ReadError::Head(InvalidHead::TooLarge)) => assert!(!fits),
            read => panic!("{read:?} of {len} bytes"),
        }
    }
}

#[tokio::test]
async fn pipelined_requests_come_one_after_the_other() {
    let (mut connection, mut client) = pair(1024);
    client
        .write_all(
            b"POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc\
              POST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n0\r\nx: y\r\n\r\n\
              GET /3 HTTP/1.1\r\nhost: a\r\n\r\n",
        )
        .await
        .expect("written");
    drop(client);
    for (path, expected) in [("/1", "abc"), ("/2", "de"), ("/3", "")] {
        let head = request(&mut connection)
            .await
            .expect("read")
            .expect("a request");
        assert_eq!(head.path(), path);
        assert_eq!(
            body(&mut connection).await.expect("body"),
            expected.as_bytes()
        );
        assert!(connection.is_read());
        assert_eq!(connection.trailers.len(), usize::from(path == "/2"));
    }
    assert!(request(&mut connection).await.expect("read").is_none());
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    for text in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
    ] {
        let (mut connection, mut client) = pair(1024);
        client.write_all(text.as_bytes()).await.expect("written");
        drop(client);
        request(&mut connection)
            .await
            .expect("read")
            .expect("a request");
        assert!(
            matches!(body(&mut connection).await, Err(ReadError::Truncated)),
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_not_sent() {
    let (mut connection, _client) = pair(1024);
    let head = ResponseHead::default();
    connection.send_response(&head, Framing::Length(2), Persistence::Keep);
    let result = poll_fn(|cx| Poll::Ready(connection.send_data(cx, b"abc"))).await;
    assert!(matches!(result, Err(WriteError::LengthMismatch)));
    assert!(matches!(
        connection.send_end(&Fields::default()),
        Err(WriteError::LengthMismatch)
    ));
}

#[tokio::test]
async fn a_large_body_passes_whole_through_a_small_socket() {
    let (mut connection, mut client) = pair(1000);
    let sent: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
    let reader = async move {
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.expect("read");
        all
    };
    let writer = async {
        connection.send_response(
            &ResponseHead::default(),
            Framing::Length(300_000),
            Persistence::Keep,
        );
        for piece in sent.chunks(20_000) {
            poll_fn(|cx| connection.poll_room(cx)).await.expect("room");
            poll_fn(|cx| Poll::Ready(connection.send_data(cx, piece)))
                .await
                .expect("sent");
        }
        connection.send_end(&Fields::default()).expect("whole");
        poll_fn(|cx| connection.poll_shutdown(cx))
            .await
            .expect("flushed");
    };
    let (all, ()) = tokio::join!(reader, writer);
    assert!(
        all.ends_with(&sent)
            && all.starts_with(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n")
    );
}

#[tokio::test]
async fn a_tail_in_the_buffer_of_the_socket_itself_is_not_flushed() {
    let (ours, mut theirs) = duplex(16);
    let buffered = tokio::io::BufWriter::with_capacity(1024, ours);
    let mut connection = Connection::new(buffered, &Buffers::new());
    let head = ResponseHead::default();
    connection.send_response(&head, Framing::Length(4), Persistence::Keep);
    poll_fn(|cx| {
        connection.send_data(cx, b"tail").expect("as announced");
        assert!(connection.poll_flush(cx).is_pending(), "more than 16 bytes");
        Poll::Ready(())
    })
    .await;
    connection.send_end(&Fields::default()).expect("complete");
    assert!(connection.is_written() && !connection.is_flushed());
    let read = async {
        let mut all = Vec::new();
        while !all.ends_with(b"tail") {
            assert_ne!(theirs.read_buf(&mut all).await.expect("read"), 0);
        }
    };
    let (flushed, ()) = tokio::join!(poll_fn(|cx| connection.poll_flush(cx)), read);
    flushed.expect("flushed");
    assert!(connection.is_flushed());
}

#[tokio::test]
async fn a_resting_connection_gives_its_buffers_back() {
    let buffers = Buffers::new();
    let (ours, mut client) = duplex(1024);
    let mut connection = Connection::new(ours, &buffers);
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("written");
    request(&mut connection)
        .await
        .expect("read")
        .expect("a request");
    connection.rest();
    assert!(!connection.has_input());
    assert_eq!(buffers.take_block().len(), 16 * 1024);
}
