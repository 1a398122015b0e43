//! Slots in which a worker's HTTP/1 connections serve their requests. A slot has all that a request may need, from its head to
//! its retries, and serves one connection after the other: a connection takes one when something has come and gives it back
//! when it waits again, so that a connection that waits is small. A slot runs inside the task of the connection that has it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::http::codec::h1::connection::Connection;
use crate::http::connection::Downstream;
use crate::http::deadline::Deadline;
use crate::http::free_list::FreeList;
use crate::transport::Stream;

/// A connection: all that is left of it while it waits.
pub(super) struct Client {
    pub(super) downstream: Rc<Downstream>,
    /// Boxed once, since it is handed from place to place with every request.
    pub(super) connection: Box<Connection<Stream>>,
    pub(super) timer: Deadline,
    /// Requests so far.
    pub(super) served: u32,
}

/// The free slots of one worker.
#[derive(Debug, Default)]
pub(crate) struct Slots(FreeList<Slot>);

/// Where one connection at a time is served.
pub(super) struct Slot {
    serving: Pin<Box<dyn Future<Output = ()>>>,
    desk: Rc<Desk>,
}

/// Where a slot finds its next connection, and leaves it again.
#[derive(Default)]
pub(super) struct Desk {
    client: Cell<Option<Client>>,
    left: Cell<Option<Left>>,
}

/// What a slot leaves behind.
enum Left {
    /// A connection that waits for its next request.
    Waiting(Client),
    /// Nothing: the connection is over.
    Over,
}

impl Desk {
    /// The next connection.
    pub(super) fn poll_next(&self) -> Poll<Client> {
        self.client.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Says what became of the connection: it waits, or is over.
    pub(super) fn leave(&self, client: Option<Client>) {
        self.left
            .set(Some(client.map_or(Left::Over, Left::Waiting)));
    }
}

impl Slot {
    fn new() -> Self {
        let desk = Rc::<Desk>::default();
        Self {
            serving: Box::pin(super::serve_clients(Rc::clone(&desk))),
            desk,
        }
    }

    /// Brings a connection, which is served with the next [`Slot::poll`].
    pub(super) fn bring(&self, client: Client) {
        self.desk.client.set(Some(client));
    }

    /// Serves the connection that was brought until it waits, or is over and `None`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Client>> {
        // It never ends: when it is done it waits for the next connection.
        let _ = self.serving.as_mut().poll(cx);
        match self.desk.left.take() {
            None => Poll::Pending,
            Some(Left::Waiting(client)) => Poll::Ready(Some(client)),
            Some(Left::Over) => Poll::Ready(None),
        }
    }
}

impl Slots {
    /// A slot; a new one where none is free.
    pub(super) fn take(&self) -> Slot {
        self.0.take().unwrap_or_else(Slot::new)
    }

    /// Gives a slot back whose connection waits or is over.
    pub(super) fn give(&self, slot: Slot) {
        self.0.give(slot);
    }

    /// Lets go of slots that nobody has needed of late.
    pub(crate) fn sweep(&self) {
        self.0.sweep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_waits_is_small() {
        let of_connection = size_of::<Connection<Stream>>();
        assert!(of_connection <= 288, "{of_connection} bytes");
        let of_downstream = size_of::<Downstream>();
        assert!(of_downstream <= 232, "{of_downstream} bytes");
        assert!(size_of::<Client>() <= 48);
    }

    #[test]
    fn a_slot_has_room_for_a_whole_exchange_and_not_more() {
        let slot = Slot::new();
        let bytes = size_of_val(&*slot.serving);
        assert!((1_024..=3_072).contains(&bytes), "{bytes} bytes");
    }
}
