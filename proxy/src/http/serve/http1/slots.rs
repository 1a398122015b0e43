//! Slots in which a worker's HTTP/1 connections serve their requests. A slot has all that a request may need, from its head to
//! its retries, and serves one connection after the other: a connection takes one when something has come and gives it back
//! when it waits again, so that a connection that waits is small. A slot runs inside the task of the connection that has it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::http::codec::h1::connection::Connection;
use crate::http::connection::Downstream;
use crate::http::deadline::Deadline;
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
#[derive(Default)]
pub(crate) struct Slots {
    free: RefCell<Vec<Slot>>,
    /// The fewest that were free since the last sweep: nobody has needed those.
    least: Cell<usize>,
}

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
        let mut free = self.free.borrow_mut();
        let Some(slot) = free.pop() else {
            return Slot::new();
        };
        self.least.set(self.least.get().min(free.len()));
        slot
    }

    /// Gives a slot back whose connection waits or is over.
    pub(super) fn give(&self, slot: Slot) {
        self.free.borrow_mut().push(slot);
    }

    /// Lets go of as many slots as were free all the time since the last call: those that are kept were in use at once.
    pub(crate) fn sweep(&self) {
        let mut free = self.free.borrow_mut();
        let needed = free.len() - self.least.get().min(free.len());
        free.truncate(needed);
        if free.capacity() > 2 * needed.max(8) {
            free.shrink_to_fit();
        }
        self.least.set(needed);
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} free slots", self.free.borrow().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(slots: &Slots) -> usize {
        slots.free.borrow().len()
    }

    /// Takes `count` slots at once and gives them back.
    fn use_at_once(slots: &Slots, count: usize) {
        let taken: Vec<Slot> = (0..count).map(|_| slots.take()).collect();
        taken.into_iter().for_each(|slot| slots.give(slot));
    }

    #[test]
    fn slots_that_nobody_has_needed_since_the_last_sweep_are_let_go() {
        let slots = Slots::default();
        use_at_once(&slots, 20);
        slots.sweep();
        assert_eq!(free(&slots), 20, "all were in use at once");
        use_at_once(&slots, 3);
        slots.sweep();
        assert_eq!(free(&slots), 3);
        slots.sweep();
        assert_eq!(free(&slots), 0);
    }

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
