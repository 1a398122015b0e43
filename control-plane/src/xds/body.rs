//! A response body fed by a stream task: chunks by reference, then gRPC trailers.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tonic::Status;

/// Messages that wait for the client's flow control; the stream task waits when there are more.
const QUEUE: usize = 4;

/// What a stream task puts on the wire.
pub(super) enum Outgoing {
    /// One gRPC message in chunks.
    Message(Vec<Bytes>),
    /// The end of the stream.
    End(Status),
}

/// The response body of one gRPC stream.
pub(crate) struct StreamBody {
    queue: mpsc::Receiver<Outgoing>,
    chunks: IntoIter<Bytes>,
    ended: bool,
}

/// A body and where to feed it. The body ends without a status when the feeder is dropped first.
pub(super) fn channel() -> (mpsc::Sender<Outgoing>, StreamBody) {
    let (feed, queue) = mpsc::channel(QUEUE);
    (
        feed,
        StreamBody {
            queue,
            chunks: Vec::new().into_iter(),
            ended: false,
        },
    )
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(chunk) = self.chunks.next() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match self.queue.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Outgoing::Message(chunks))) => self.chunks = chunks.into_iter(),
                Poll::Ready(Some(Outgoing::End(status))) => return self.end(&status),
                Poll::Ready(None) => {
                    return self.end(&Status::unavailable("the control plane is going away"));
                }
            }
        }
    }
}

impl StreamBody {
    fn end(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ended = true;
        self.queue.close();
        let mut trailers = http::HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(e) => Poll::Ready(Some(Err(e))),
        }
    }
}
