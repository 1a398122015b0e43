//! Handshakes. The library is shown one record at a time, and none behind the one that ends the handshake: whatever came together
//! with that one stays in the read buffer, untouched, for whoever opens records from then on.

use super::library::{Role, Sinks, Step, Task};
use super::record::{HEADER, MOST_RECORD};
use super::server;
use crate::transport::Socket;
use crate::transport::buffer::{ReadAhead, Size};
use rustls::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite as _;

/// The most bytes that one record of a handshake takes, with what the library adds to any other.
const ROOM: usize = MOST_RECORD + 1024;

/// What follows a record's header at most: RFC 5246 section 6.2.3 allows more than RFC 8446.
const MOST_PAYLOAD: usize = (1 << 14) + 2048;

/// A handshake under way.
struct Handshake {
    role: Role,
    socket: Socket,
    out: ReadAhead,
    /// Bytes at the beginning of the read buffer that the library has seen.
    shown: usize,
    asked_for: Option<Box<str>>,
}

/// What a handshake ends with.
pub(super) struct Agreed {
    /// The connection, of which nothing is unsent.
    pub(super) role: Role,
    /// The socket, with what came behind the handshake.
    pub(super) socket: Socket,
    /// The server name that a client asked us for.
    pub(super) asked_for: Option<Box<str>>,
}

/// Makes the handshake.
///
/// # Errors
/// Those of the socket, [`io::ErrorKind::UnexpectedEof`], or the library's as [`io::ErrorKind::InvalidData`]; the other side was told.
pub(super) async fn agree(role: Role, socket: Socket) -> io::Result<Agreed> {
    let mut handshake = Handshake {
        role,
        socket,
        out: ReadAhead::default(),
        shown: 0,
        asked_for: None,
    };
    loop {
        while handshake.step().await? == Step::Again {}
        handshake.send().await?;
        if !handshake.role.common().is_handshaking() {
            break;
        }
        handshake.show_next().await?;
    }
    Ok(Agreed {
        role: handshake.role,
        socket: handshake.socket,
        asked_for: handshake.asked_for,
    })
}

impl Handshake {
    async fn step(&mut self) -> io::Result<Step> {
        if !self.out.is_empty() && self.out.spare(Size::Usual).len() < ROOM {
            self.send().await?;
        }
        let incoming = self.socket.ahead_mut();
        let mut early = Vec::new();
        let mut sinks = Sinks {
            out: &mut self.out,
            plaintext: &mut early,
        };
        let shown = &mut incoming.bytes_mut()[..self.shown];
        let (used, step) = self.role.step(shown, Task::Wait, &mut sinks);
        if let Some(name) = server::asked_for() {
            self.asked_for = Some(name);
        }
        incoming.consume(used);
        self.shown -= used;
        let step = step.and_then(|step| {
            if early.is_empty() && step != Step::PeerClosed {
                Ok(step)
            } else {
                Err(Error::General("data within the handshake".into()))
            }
        });
        match step {
            Ok(step) => Ok(step),
            Err(error) => Err(self.give_up(error).await),
        }
    }

    /// Tells the other side why, if it takes that at once.
    async fn give_up(&mut self, error: Error) -> io::Error {
        let mut nothing = Vec::new();
        let mut sinks = Sinks {
            out: &mut self.out,
            plaintext: &mut nothing,
        };
        self.role.last_words(self.socket.ahead_mut(), &mut sinks);
        poll_fn(|cx| {
            let _told = poll_send(cx, &mut self.socket, &mut self.out);
            Poll::Ready(())
        })
        .await;
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    async fn send(&mut self) -> io::Result<()> {
        poll_fn(|cx| poll_send(cx, &mut self.socket, &mut self.out)).await
    }

    /// Shows the library one more record, once it is complete.
    async fn show_next(&mut self) -> io::Result<()> {
        loop {
            let rest = &self.socket.buffered()[self.shown..];
            if let Some(length) = next_record(rest) {
                self.shown += length;
                return Ok(());
            }
            let read = poll_fn(|cx| self.socket.poll_fill_behind(cx, HEADER + MOST_PAYLOAD));
            if read.await? == 0 {
                let kind = io::ErrorKind::UnexpectedEof;
                return Err(io::Error::new(kind, "tls handshake eof"));
            }
        }
    }
}

/// The length of the next record once it is complete; all that is there where it cannot be one, for the library to refuse it.
fn next_record(bytes: &[u8]) -> Option<usize> {
    let &[kind, _, _, high, low] = bytes.first_chunk::<HEADER>()?;
    let payload = usize::from(u16::from_be_bytes([high, low]));
    if !(20..=24).contains(&kind) || payload > MOST_PAYLOAD {
        return Some(bytes.len());
    }
    let length = HEADER + payload;
    (bytes.len() >= length).then_some(length)
}

/// Sends what waits in `out`.
pub(super) fn poll_send(
    cx: &mut Context<'_>,
    socket: &mut Socket,
    out: &mut ReadAhead,
) -> Poll<io::Result<()>> {
    while !out.is_empty() {
        match ready!(Pin::new(&mut *socket).poll_write(cx, out.bytes()))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            count => out.consume(count),
        }
    }
    Poll::Ready(Ok(()))
}
