//! The codec against hyper's, as its server and as its client: both read of each message what the other one wrote.

use std::convert::Infallible;
use std::future::poll_fn;

use ::http::header::CONTENT_LENGTH;
use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use ::hyper::body::{Frame, Incoming};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::duplex;

use super::*;
use crate::http::head::KnownName;

/// A body and how its end is known.
#[derive(Clone, Debug)]
struct Message {
    chunks: Vec<Vec<u8>>,
    framing: Framing,
    trailer: bool,
}

impl Message {
    fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// As hyper sends it.
    fn as_hyper(&self) -> BoxBody<Bytes, Infallible> {
        if self.framing != Framing::Chunked {
            return Full::new(Bytes::from(self.body())).boxed();
        }
        let data = self
            .chunks
            .iter()
            .cloned()
            .map(Bytes::from)
            .map(Frame::data);
        let mut trailers = HeaderMap::new();
        trailers.insert("x-end", "1".parse().expect("a value"));
        let trailers = self.trailer.then(|| Frame::trailers(trailers));
        let frames: Vec<_> = data.chain(trailers).map(Ok).collect();
        StreamBody::new(futures_util::stream::iter(frames)).boxed()
    }
}

fn message(until_close: bool) -> impl Strategy<Value = Message> {
    let chunk = prop::collection::vec(any::<u8>(), 1..300);
    let kind = 0..if until_close { 3_u8 } else { 2 };
    let chunks = prop::collection::vec(chunk, 0..6);
    (chunks, kind, any::<bool>()).prop_map(|(chunks, kind, trailer)| {
        let length: usize = chunks.iter().map(Vec::len).sum();
        Message {
            framing: match kind {
                0 => Framing::Chunked,
                1 if length == 0 => Framing::Empty,
                1 => Framing::Length(length as u64),
                _ => Framing::UntilClose,
            },
            chunks,
            trailer: trailer && kind == 0,
        }
    })
}

/// Sends a body that may be larger than the pipe.
async fn send(connection: &mut Connection<DuplexStream>, message: &Message) {
    for chunk in &message.chunks {
        poll_fn(|cx| connection.poll_room(cx)).await.expect("room");
        poll_fn(|cx| Poll::Ready(connection.send_data(cx, chunk)))
            .await
            .expect("sent");
    }
    let mut trailers = Fields::default();
    if message.trailer {
        trailers.append_raw(b"x-end", b"1");
    }
    connection.send_end(&trailers).expect("whole");
    poll_fn(|cx| connection.poll_flush(cx))
        .await
        .expect("flushed");
}

/// Takes the request apart as our server, and answers it.
async fn serve(io: DuplexStream, asked: &Message, answer: &Message) {
    let mut connection = Connection::new(io, &Buffers::new());
    let mut head = RequestHead::default();
    let parsed = poll_fn(|cx| connection.poll_request(cx, &mut head, HeadLimits::default()));
    let parsed = parsed.await.expect("valid").expect("a request");
    assert_eq!(parsed.framing, asked.framing);
    assert_eq!((head.method.as_str(), head.path()), ("POST", "/a?b"));
    assert_eq!(body(&mut connection).await.expect("a body"), asked.body());
    assert_eq!(connection.trailers.len(), usize::from(asked.trailer));
    let mut response = ResponseHead::default();
    if answer.framing == Framing::Empty {
        response.fields.set_number(KnownName::ContentLength, 0);
    }
    let persistence = match answer.framing {
        Framing::UntilClose => Persistence::Close,
        Framing::Empty | Framing::Length(_) | Framing::Chunked => Persistence::Keep,
    };
    connection.send_response(&response, answer.framing, persistence);
    send(&mut connection, answer).await;
    poll_fn(|cx| connection.poll_shutdown(cx))
        .await
        .expect("ended");
}

/// Sends a request as hyper's client, and takes the answer apart.
async fn ask_with_hyper(io: DuplexStream, asked: &Message, answer: &Message) {
    let client = ::hyper::client::conn::http1::handshake(TokioIo::new(io));
    let (mut sender, connection) = client.await.expect("a connection");
    let mut request = Request::post("/a?b").header("host", "a");
    if asked.trailer {
        request = request.header("trailer", "x-end");
    }
    let request = request.body(asked.as_hyper()).expect("a request");
    let exchange = async {
        let response = sender.send_request(request).await.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        let whole = response.into_body().collect().await.expect("a body");
        assert_eq!(whole.trailers().is_some(), answer.trailer);
        assert_eq!(whole.to_bytes(), answer.body());
        drop(sender);
    };
    let ((), ended) = tokio::join!(exchange, connection);
    ended.expect("no error");
}

/// Serves one request with hyper.
async fn serve_with_hyper(io: DuplexStream, asked: &Message, answer: &Message) {
    let service = ::hyper::service::service_fn(|request: Request<Incoming>| async move {
        assert_eq!(request.method(), Method::POST);
        let length = request.headers().get(CONTENT_LENGTH).is_some();
        assert_eq!(length, matches!(asked.framing, Framing::Length(_)));
        let whole = request.into_body().collect().await?;
        assert_eq!(whole.trailers().is_some(), asked.trailer);
        assert_eq!(whole.to_bytes(), asked.body());
        let response = Response::builder().header("trailer", "x-end");
        Ok::<_, ::hyper::Error>(response.body(answer.as_hyper()).expect("a response"))
    });
    let server = ::hyper::server::conn::http1::Builder::new();
    let served = server.serve_connection(TokioIo::new(io), service).await;
    served.expect("no error");
}

/// Sends a request as our client, and takes the answer apart.
async fn ask(io: DuplexStream, asked: &Message, answer: &Message) {
    let mut connection = Connection::new(io, &Buffers::new());
    let mut request = RequestHead::new(Method::POST, "a", "/a?b");
    // hyper hands on trailers only to those who say that they take them.
    request.fields.append_raw(b"te", b"trailers");
    connection.send_request(&request, asked.framing, Persistence::Keep);
    send(&mut connection, asked).await;
    let mut head = ResponseHead::default();
    let parsed =
        poll_fn(|cx| connection.poll_response(cx, &Method::POST, &mut head, HeadLimits::default()));
    let parsed = parsed.await.expect("a response");
    assert_eq!(parsed.framing, answer.framing);
    assert_eq!(body(&mut connection).await.expect("a body"), answer.body());
    assert_eq!(connection.trailers.len(), usize::from(answer.trailer));
}

fn run(exchange: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(exchange);
}

proptest! {
    #[test]
    fn hyper_reads_what_our_server_reads_and_writes(asked in message(false), answer in message(true)) {
        run(async {
            let (ours, theirs) = duplex(512);
            tokio::join!(serve(ours, &asked, &answer), ask_with_hyper(theirs, &asked, &answer));
        });
    }

    #[test]
    fn hyper_reads_what_our_client_reads_and_writes(asked in message(false), answer in message(false)) {
        run(async {
            let (ours, theirs) = duplex(64 * 1024);
            tokio::join!(ask(ours, &asked, &answer), serve_with_hyper(theirs, &asked, &answer));
        });
    }
}
