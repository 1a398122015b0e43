//! The floor: a forwarder that looks at nothing. What it costs, the kernel costs; a proxy can only come close.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Context;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use serde::{Deserialize, Serialize};

use crate::connection::would_block;
use crate::poller::{Events, Interest, Poller};

/// Bytes that are read or spliced at a time.
const PIECE: usize = 256 * 1024;
const LISTENER: usize = 0;

/// How bytes get from one socket to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Means {
    /// Through a buffer of all connections.
    Copy,
    /// Through a pipe, within the kernel.
    Splice,
}

/// What a forwarder does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Forward {
    pub(crate) listen: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) means: Means,
}

impl Forward {
    /// Reads it from a file, as `compare` writes it.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Forward> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no forwarder", file.display()))
    }

    /// Forwards until the process is ended.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.listen)
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        listener.set_nonblocking(true)?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER, Interest::Read)?;
        let mut forwarder = Forwarder {
            forward: self,
            listener,
            poller,
            pairs: vec![None],
            free: Vec::new(),
            buffer: vec![0; PIECE],
        };
        forwarder.run()
    }
}

struct Forwarder {
    forward: Forward,
    listener: TcpListener,
    poller: Poller,
    /// By token, without its last bit; the listener's place stays empty.
    pairs: Vec<Option<Pair>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

/// Two connections that belong together, and what goes from each to the other.
struct Pair {
    ends: [End; 2],
    flows: [Flow; 2],
}

struct End {
    socket: TcpStream,
    interest: Interest,
}

/// What is on its way, and whether more will come.
struct Flow {
    waiting: Waiting,
    ended: bool,
}

enum Waiting {
    /// What did not fit into the socket when it came.
    Buffer(Vec<u8>),
    Pipe {
        read: OwnedFd,
        write: OwnedFd,
        filled: usize,
    },
}

impl Forwarder {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::new();
        loop {
            self.poller.wait(None, &mut events)?;
            for ready in events.ready() {
                if ready.token == LISTENER {
                    self.accept();
                    continue;
                }
                let at = ready.token / 2;
                let Some(pair) = &mut self.pairs[at] else {
                    continue;
                };
                let from = ready.token % 2;
                let mut flowed = Ok(());
                if ready.writable {
                    flowed = pair.pump(1 - from, &mut self.buffer, Step::Write);
                }
                if ready.readable && flowed.is_ok() {
                    flowed = pair.pump(from, &mut self.buffer, Step::ReadAndWrite);
                }
                let over = pair.flows.iter().all(|flow| flow.ended);
                if over || flowed.is_err() || pair.watch(&self.poller, at).is_err() {
                    self.pairs[at] = None;
                    self.free.push(at);
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((client, _)) = self.listener.accept() {
            let at = self.free.pop().unwrap_or_else(|| {
                self.pairs.push(None);
                self.pairs.len() - 1
            });
            match self.pair(client, at) {
                Ok(pair) => self.pairs[at] = Some(pair),
                Err(_) => self.free.push(at),
            }
        }
    }

    fn pair(&self, client: TcpStream, at: usize) -> io::Result<Pair> {
        let server = TcpStream::connect(self.forward.to)?;
        let end = |socket: TcpStream, side: usize| {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let interest = Interest::Read;
            self.poller.add(&socket, at * 2 + side, interest)?;
            io::Result::Ok(End { socket, interest })
        };
        let flow = || {
            io::Result::Ok(Flow {
                waiting: Waiting::new(self.forward.means)?,
                ended: false,
            })
        };
        Ok(Pair {
            ends: [end(client, 0)?, end(server, 1)?],
            flows: [flow()?, flow()?],
        })
    }
}

/// How much of its way a flow goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    ReadAndWrite,
}

impl Pair {
    /// Moves what comes from one end.
    fn pump(&mut self, from: usize, buffer: &mut [u8], step: Step) -> io::Result<()> {
        let [one, two] = &self.ends;
        let (source, sink) = match from {
            0 => (&one.socket, &two.socket),
            _ => (&two.socket, &one.socket),
        };
        let flow = &mut self.flows[from];
        if step == Step::ReadAndWrite && flow.waiting.is_empty() && !flow.ended {
            let count = flow.waiting.take(source, sink, buffer)?;
            if count == Some(0) {
                flow.ended = true;
                sink.shutdown(Shutdown::Write)?;
            }
        }
        flow.waiting.drain(sink)
    }

    /// Waits for what can go on: an end is read when what came from it has left.
    fn watch(&mut self, poller: &Poller, at: usize) -> io::Result<()> {
        for side in 0..2 {
            let reads = self.flows[side].waiting.is_empty() && !self.flows[side].ended;
            let writes = !self.flows[1 - side].waiting.is_empty();
            let interest = match (reads, writes) {
                (true, false) => Interest::Read,
                (true, true) => Interest::ReadAndWrite,
                (false, true) => Interest::Write,
                (false, false) => Interest::Nothing,
            };
            let end = &mut self.ends[side];
            if end.interest != interest {
                end.interest = interest;
                poller.change(&end.socket, at * 2 + side, interest)?;
            }
        }
        Ok(())
    }
}

impl Waiting {
    fn new(means: Means) -> io::Result<Waiting> {
        if means == Means::Copy {
            return Ok(Waiting::Buffer(Vec::new()));
        }
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // a smaller pipe does the same with more calls
        let _ = fcntl_setpipe_size(&write, PIECE);
        Ok(Waiting::Pipe {
            read,
            write,
            filled: 0,
        })
    }

    fn is_empty(&self) -> bool {
        match self {
            Waiting::Buffer(bytes) => bytes.is_empty(),
            Waiting::Pipe { filled, .. } => *filled == 0,
        }
    }

    /// Takes what has come, and keeps what does not fit into `sink` at once; `None` where nothing has come, 0 at the end.
    fn take(
        &mut self,
        mut source: &TcpStream,
        mut sink: &TcpStream,
        buffer: &mut [u8],
    ) -> io::Result<Option<usize>> {
        match self {
            Waiting::Buffer(rest) => {
                let count = would_block(source.read(buffer))?;
                let taken = &buffer[..count.unwrap_or(0)];
                if !taken.is_empty() {
                    let sent = would_block(sink.write(taken))?.unwrap_or(0);
                    rest.extend_from_slice(&taken[sent..]);
                }
                Ok(count)
            }
            Waiting::Pipe { write, filled, .. } => {
                let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
                let moved = splice(source, None, &*write, None, PIECE, flags);
                let count = would_block(moved.map_err(io::Error::from))?;
                *filled += count.unwrap_or(0);
                Ok(count)
            }
        }
    }

    /// Sends what there is room for.
    fn drain(&mut self, mut sink: &TcpStream) -> io::Result<()> {
        while !self.is_empty() {
            let count = match self {
                Waiting::Buffer(bytes) => {
                    let count = would_block(sink.write(bytes))?;
                    bytes.drain(..count.unwrap_or(0));
                    count
                }
                Waiting::Pipe { read, filled, .. } => {
                    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
                    let moved = splice(&*read, None, sink, None, *filled, flags);
                    let count = would_block(moved.map_err(io::Error::from))?;
                    *filled -= count.unwrap_or(0);
                    count
                }
            };
            if count.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }
}
