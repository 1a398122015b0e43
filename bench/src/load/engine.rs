//! The generator's loop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::client::Client;
use super::schedule::Schedule;
use super::tally::{Outcome, Tally};
use super::{Edge, Life, Load};
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::pattern;
use crate::poller::{Events, Poller, Ready};

/// How long answers are waited for after the end: longer than a lost first packet takes to be sent again twice.
const PATIENCE: Duration = Duration::from_secs(10);
/// A run with so many errors ends.
const TOO_MANY: u64 = 1_000;

/// Runs a load; `watch` is told of the edges of the window, between which everything is counted.
pub(crate) fn run(
    load: &Load,
    watch: &mut dyn FnMut(Edge) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let mut engine = Engine::new(load)?;
    engine.open_all();
    let start = Instant::now();
    let begin = start + load.warm_up;
    engine.schedule = Schedule::new(load.pace, start, begin + load.window);
    engine.turn_until(begin)?;
    watch(Edge::Begin)?;
    let begin = Instant::now();
    engine.tally.mark(Edge::Begin, begin);
    let end = begin + load.window;
    // what fell due while the watcher looked is not the proxy's fault
    engine.schedule = Schedule::new(load.pace, begin, end);
    engine.turn_until(end)?;
    watch(Edge::End)?;
    engine.tally.mark(Edge::End, end);
    engine.drain()?;
    Ok(engine.tally.finish())
}

struct Engine<'a> {
    load: &'a Load,
    poller: Poller,
    slots: Vec<Option<Open>>,
    /// Connections that can take another request, one entry for each.
    free: VecDeque<usize>,
    schedule: Schedule,
    tally: Tally,
    buffer: Vec<u8>,
    answers: Vec<Instant>,
}

struct Open {
    connection: Connection,
    client: Client,
}

impl<'a> Engine<'a> {
    fn new(load: &'a Load) -> anyhow::Result<Engine<'a>> {
        let now = Instant::now();
        Ok(Engine {
            load,
            poller: Poller::new().context("no epoll")?,
            slots: (0..load.connections).map(|_| None).collect(),
            free: VecDeque::new(),
            schedule: Schedule::new(load.pace, now, now),
            tally: Tally::new(),
            buffer: vec![0; pattern::LONGEST],
            answers: Vec::new(),
        })
    }

    fn open_all(&mut self) {
        for _ in 0..self.load.streams {
            self.free.extend(0..self.load.connections);
        }
        if self.load.life == Life::Kept {
            for slot in 0..self.load.connections {
                self.open(slot);
            }
        }
    }

    fn open(&mut self, slot: usize) {
        let opened = Connection::open(self.load.to, slot, &self.poller);
        match opened {
            Ok(connection) => {
                let client = Client::new(self.load.exchange);
                self.slots[slot] = Some(Open { connection, client });
            }
            Err(error) => self
                .tally
                .failed(1, &format!("cannot connect to {}: {error}", self.load.to)),
        }
    }

    fn turn_until(&mut self, until: Instant) -> anyhow::Result<()> {
        let mut events = Events::new();
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(());
            }
            self.send_due(now);
            anyhow::ensure!(
                self.tally.errors() < TOO_MANY,
                "{TOO_MANY} errors, the first: {}",
                self.tally.first_error()
            );
            let next = (!self.free.is_empty())
                .then(|| self.schedule.due(Instant::now()))
                .flatten();
            self.poller
                .wait(Some(next.map_or(until, |due| due.min(until))), &mut events)?;
            self.serve(&events);
        }
    }

    /// Answers that are still owed.
    fn drain(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut events = Events::new();
        let mut now = Instant::now();
        while now < end && self.is_owed(now) && self.tally.errors() < TOO_MANY {
            self.send_due(now);
            self.poller.wait(Some(end), &mut events)?;
            self.serve(&events);
            now = Instant::now();
        }
        for open in self.slots.iter_mut().flatten() {
            for intended in open.client.abandon() {
                self.tally.unanswered(intended, now);
            }
        }
        while let Some(due) = self.schedule.take(now) {
            self.tally.unanswered(due, now);
        }
        Ok(())
    }

    fn is_owed(&self, now: Instant) -> bool {
        let endless = self.load.exchange == Exchange::Download;
        let waiting = |open: &Open| !endless && !open.client.is_idle();
        self.schedule.due(now).is_some() || self.slots.iter().flatten().any(waiting)
    }

    fn send_due(&mut self, now: Instant) {
        let errors = self.tally.errors();
        while let Some(slot) = self.free.front().copied() {
            if self.tally.errors() > errors {
                return;
            }
            let Some(due) = self.schedule.take(now) else {
                return;
            };
            self.free.pop_front();
            self.send(slot, due);
        }
    }

    fn send(&mut self, slot: usize, due: Instant) {
        if self.slots[slot].is_none() {
            self.open(slot);
        }
        self.tally.sent(due, Instant::now());
        let Some(open) = &mut self.slots[slot] else {
            self.free.push_back(slot);
            return;
        };
        open.client.begin(due, &mut open.connection.out);
        if let Err(error) = open.connection.flush(&self.poller) {
            self.fail(slot, &format!("write: {error}"));
        }
    }

    fn serve(&mut self, events: &Events) {
        for ready in events.ready() {
            if let Err(error) = self.serve_one(ready) {
                self.fail(ready.token, &format!("{error:#}"));
            }
        }
    }

    fn serve_one(&mut self, ready: Ready) -> anyhow::Result<()> {
        let Some(open) = &mut self.slots[ready.token] else {
            return Ok(());
        };
        if ready.writable {
            open.connection.flush(&self.poller).context("write")?;
        }
        if !ready.readable {
            return Ok(());
        }
        let Some(count) = open.connection.read(&mut self.buffer).context("read")? else {
            return Ok(());
        };
        if count == 0 {
            anyhow::ensure!(
                open.client.is_idle(),
                "the connection was closed before the answer"
            );
            self.slots[ready.token] = None;
            return Ok(());
        }
        self.tally.received(count);
        open.client.read(
            &self.buffer[..count],
            &mut open.connection.out,
            &mut self.answers,
        )?;
        open.connection.flush(&self.poller).context("write")?;
        if self.answers.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        for intended in self.answers.drain(..) {
            self.tally.answered(intended, now);
            self.free.push_back(ready.token);
        }
        if self.load.life == Life::OneExchange {
            self.slots[ready.token] = None;
        }
        Ok(())
    }

    /// Gives a connection up, with all that was asked on it.
    fn fail(&mut self, slot: usize, why: &str) {
        let Some(mut open) = self.slots[slot].take() else {
            return;
        };
        let lost = open.client.abandon();
        self.tally.failed(lost.len().max(1), why);
        self.free.extend(lost.iter().map(|_| slot));
    }
}

#[cfg(test)]
mod tests;
