//! One HTTP/2 stream, as its server or its client.

use std::task::{Context, Poll, ready};

use ::http::Method;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};

use super::head;
use crate::http::codec::h1::Framing;
use crate::http::head::map::Place;
use crate::http::head::{Fields, KnownName, RequestHead, ResponseHead, map};

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    role: Role,
    recv: Option<RecvStream>,
    send: Option<SendStream<Bytes>>,
    /// Taken from the other side, and not yet covered by flow-control capacity.
    held: Bytes,
    /// The message ends with what is held.
    last: bool,
    written: bool,
    read: bool,
    /// Trailers of the message being read.
    pub(crate) trailers: Fields,
}

#[derive(Debug)]
enum Role {
    Server(SendResponse<Bytes>),
    Client(h2::client::ResponseFuture),
    /// The response head has passed.
    Open,
}

impl Stream {
    /// A stream that a client opened.
    pub(crate) fn accepted(respond: SendResponse<Bytes>, recv: RecvStream) -> Self {
        Self::new(Role::Server(respond), Some(recv), None)
    }

    /// A stream that we opened; `send` is absent when the request has no body.
    pub(crate) fn opened(
        response: h2::client::ResponseFuture,
        send: Option<SendStream<Bytes>>,
    ) -> Self {
        Self::new(Role::Client(response), None, send)
    }

    fn new(role: Role, recv: Option<RecvStream>, send: Option<SendStream<Bytes>>) -> Self {
        let written = matches!(role, Role::Client(_)) && send.is_none();
        let read = recv.as_ref().is_some_and(RecvStream::is_end_stream);
        Self {
            role,
            recv,
            send,
            held: Bytes::new(),
            last: false,
            written,
            read,
            trailers: Fields::default(),
        }
    }

    /// Where the body being read ends, for a peer that speaks HTTP/1.
    pub(crate) fn framing(&self, fields: &Fields) -> Framing {
        let ended = self.read || self.recv.is_none();
        let length = fields
            .get_str(KnownName::ContentLength)
            .and_then(|length| length.parse().ok());
        match length {
            _ if ended => Framing::Empty,
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        }
    }

    /// The response head to a request that we sent.
    pub(crate) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), h2::Error>> {
        let Role::Client(response) = &mut self.role else {
            return Poll::Pending;
        };
        // Pending means that no head of either kind is there.
        if let Some(informational) = ready!(response.poll_informational(cx)) {
            head::read_response(informational?.into_parts().0, head);
            return Poll::Ready(Ok(()));
        }
        let response = ready!(std::pin::Pin::new(response).poll(cx))?;
        let (parts, recv) = response.into_parts();
        head::read_response(parts, head);
        self.read = recv.is_end_stream();
        self.recv = Some(recv);
        self.role = Role::Open;
        Poll::Ready(Ok(()))
    }

    /// Sends a response head; an informational one opens no message.
    pub(crate) fn send_response(
        &mut self,
        head: &ResponseHead,
        body: Framing,
    ) -> Result<(), h2::Error> {
        let Role::Server(respond) = &mut self.role else {
            return Ok(());
        };
        if head.status.is_informational() {
            return respond.send_informational(head::write_response(head, Place::Later));
        }
        let ended = body == Framing::Empty;
        let place = if respond.stream_id().as_u32() == 1 {
            Place::First
        } else {
            Place::Later
        };
        let send = respond.send_response(head::write_response(head, place), ended)?;
        self.written = ended;
        self.send = (!ended).then_some(send);
        self.role = Role::Open;
        Ok(())
    }

    /// The next bytes of the body; `None` when it is over and the trailers are complete.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, h2::Error>> {
        let Some(recv) = self.recv.as_mut().filter(|_| !self.read) else {
            return Poll::Ready(Ok(None));
        };
        if let Some(data) = ready!(recv.poll_data(cx)) {
            self.read = data.is_ok() && recv.is_end_stream();
            return Poll::Ready(data.map(Some));
        }
        if let Some(trailers) = ready!(recv.poll_trailers(cx))? {
            map::extend_from_map(&mut self.trailers, trailers);
        }
        self.read = true;
        Poll::Ready(Ok(None))
    }

    /// Says that so many bytes have gone to the other side: the peer may send as many more.
    pub(crate) fn release(&mut self, count: usize) {
        if let Some(recv) = &mut self.recv {
            // Fails only when the stream is gone, and then nothing is owed.
            let _ = recv.flow_control().release_capacity(count);
        }
    }

    /// Whether the message being read is over.
    pub(crate) fn is_read(&self) -> bool {
        self.read
    }

    /// Whether the message being written is over.
    pub(crate) fn is_written(&self) -> bool {
        self.written && self.held.is_empty()
    }

    /// Takes bytes of the body; only after [`Stream::poll_room`] was ready.
    pub(crate) fn send_data(&mut self, data: Bytes) {
        if self.send.is_some() && !self.written {
            self.held = data;
        }
    }

    /// Takes the end of the body; without trailers it leaves with the last of the bytes.
    pub(crate) fn send_end(&mut self, trailers: &Fields) -> Result<(), h2::Error> {
        let Some(send) = self.send.as_mut().filter(|_| !self.written) else {
            return Ok(());
        };
        self.written = true;
        if !trailers.is_empty() {
            if !self.held.is_empty() {
                send.send_data(std::mem::take(&mut self.held), false)?;
            }
            return send.send_trailers(map::to_map(trailers));
        }
        self.last = !self.held.is_empty();
        if self.last {
            Ok(())
        } else {
            send.send_data(Bytes::new(), true)
        }
    }

    /// Ready when all bytes taken have passed to the `h2` crate within the peer's window.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let Some(send) = &mut self.send else {
            return Poll::Ready(Ok(()));
        };
        while !self.held.is_empty() {
            send.reserve_capacity(self.held.len());
            let mut capacity = send.capacity();
            if capacity == 0 {
                capacity = match ready!(send.poll_capacity(cx)) {
                    Some(capacity) => capacity?,
                    None => return Poll::Ready(Err(h2::Reason::STREAM_CLOSED.into())),
                };
            }
            let count = capacity.min(self.held.len());
            let data = self.held.split_to(count);
            let ends = self.last && self.held.is_empty();
            send.send_data(data, ends)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the peer resets the stream.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reset = match (&mut self.send, &mut self.role) {
            (Some(send), _) => send.poll_reset(cx),
            (None, Role::Server(respond)) => respond.poll_reset(cx),
            (None, Role::Client(_) | Role::Open) => return Poll::Pending,
        };
        reset.map(|_| ())
    }

    /// Ends the stream at once.
    pub(crate) fn reset(&mut self, reason: h2::Reason) {
        match (&mut self.send, &mut self.role) {
            (Some(send), _) => send.send_reset(reason),
            (None, Role::Server(respond)) => respond.send_reset(reason),
            (None, Role::Client(_) | Role::Open) => {}
        }
    }
}

/// Whether a request of this method must not have a body on the wire.
pub(crate) fn opens_body(method: &Method, framing: Framing) -> bool {
    framing != Framing::Empty && *method != Method::CONNECT
}

/// Sends a request over a connection that is ready; the head must fit (see [`head::write_request`]).
pub(crate) fn open(
    connection: &mut h2::client::SendRequest<Bytes>,
    head: &RequestHead,
    framing: Framing,
    place: Place,
) -> Result<Option<Stream>, h2::Error> {
    let Some(request) = head::write_request(head, place) else {
        return Ok(None);
    };
    let ended = !opens_body(&head.method, framing);
    let (response, send) = connection.send_request(request, ended)?;
    Ok(Some(Stream::opened(response, (!ended).then_some(send))))
}
