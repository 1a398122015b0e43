//! Readiness of sockets, with deadlines in nanoseconds. The generator and the backend run loops of their own on it, so that
//! they take as little as possible of the core that they share.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const EVENTS: usize = 256;

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    ReadAndWrite,
    Write,
    /// Only its breaking.
    Nothing,
}

/// A socket that is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) token: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// What a wait brought.
pub(crate) struct Events(Vec<Event>);

impl Events {
    pub(crate) fn new() -> Events {
        Events(Vec::with_capacity(EVENTS))
    }

    /// Sockets that are ready.
    pub(crate) fn ready(&self) -> impl Iterator<Item = Ready> {
        self.0.iter().map(|event| {
            let flags = event.flags;
            let broken = EventFlags::ERR | EventFlags::HUP;
            Ready {
                token: usize::try_from(event.data.u64()).expect("tokens are indices"),
                readable: flags.intersects(EventFlags::IN | broken),
                writable: flags.intersects(EventFlags::OUT | broken),
            }
        })
    }
}

/// Sockets, level-triggered, each with a token.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        Ok(Poller {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
        })
    }

    pub(crate) fn add(
        &self,
        socket: impl AsFd,
        token: usize,
        interest: Interest,
    ) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            socket,
            data(token),
            flags(interest),
        )?)
    }

    pub(crate) fn change(
        &self,
        socket: impl AsFd,
        token: usize,
        interest: Interest,
    ) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            socket,
            data(token),
            flags(interest),
        )?)
    }

    /// Waits until a socket is ready or `deadline` has come.
    pub(crate) fn wait(&self, deadline: Option<Instant>, events: &mut Events) -> io::Result<()> {
        let at_once = Timespec::default();
        if let Some(deadline) = deadline {
            self.sleep(deadline)?;
        }
        let timeout = deadline.map(|_| &at_once);
        events.0.clear();
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut events.0),
            timeout,
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sleeps until something is ready or the deadline has come: epoll counts milliseconds, ppoll nanoseconds.
    fn sleep(&self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        match poll(
            &mut [PollFd::new(&self.epoll, PollFlags::IN)],
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn data(token: usize) -> EventData {
    EventData::new_u64(token as u64)
}

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Read => EventFlags::IN,
        Interest::ReadAndWrite => EventFlags::IN | EventFlags::OUT,
        Interest::Write => EventFlags::OUT,
        Interest::Nothing => EventFlags::empty(),
    }
}
