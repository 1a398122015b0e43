//! Where lines go: a buffer per worker, a bounded queue, one thread that writes. The request path never waits; what does
//! not fit is dropped and counted.

use std::cell::{OnceCell, RefCell};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use tokio::sync::Notify;

use crate::config::access_log::AccessLogSink;
use crate::telemetry::metrics::{Counter, Registry, Series, Shard};

/// Bytes that a worker collects before they are handed over: the writer is woken once for some four hundred lines.
const BATCH: usize = 64 * 1024;
/// Room for the line that makes a batch full.
const LAST_LINE: usize = 4 * 1024;
/// Time that a line waits for others.
const DELAY: Duration = Duration::from_millis(100);
/// Time without lines after which buffers are let go.
const REST: Duration = Duration::from_secs(1);
/// Empty buffers that wait for a worker's lines.
const SPARES: usize = 2;
/// Time after which whoever waits for the writer looks again.
const LOOK: Duration = Duration::from_millis(1);
/// Batches that may wait for the writer.
const QUEUE: usize = 256;
/// Bytes of all batches that may wait for the writer.
const WAITING: usize = 4 * 1024 * 1024;

/// Lines for one place.
#[derive(Debug)]
struct Batch {
    place: Arc<AccessLogSink>,
    lines: Vec<u8>,
    /// Takes the buffer back.
    home: SyncSender<Vec<u8>>,
}

impl Batch {
    /// Gives the worker its buffer for other lines, no larger than they are likely to need.
    fn give_back(self) {
        let Self {
            mut lines, home, ..
        } = self;
        let likely = 2 * lines.len() + LAST_LINE;
        lines.clear();
        lines.shrink_to(likely);
        // the worker may have enough of them, or be gone
        let _ = home.try_send(lines);
    }
}

/// The writer of all access logs; cheap to clone, one per process.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: SyncSender<Batch>,
    /// Bytes of the batches that the writer has not written.
    waiting: Arc<AtomicUsize>,
    written: Counter,
    dropped: Counter,
    failed: Counter,
}

impl Writer {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(registry: &Registry) -> std::io::Result<Self> {
        let (writer, batches) = Self::new(registry);
        let (waiting, failed) = (Arc::clone(&writer.waiting), writer.failed);
        let shard = Arc::clone(registry.shared());
        let lost = move |lines| failed.add(&shard, lines);
        std::thread::Builder::new()
            .name("tulle-log".to_owned())
            .spawn(move || run(&batches, &waiting, lost))?;
        Ok(writer)
    }

    fn new(registry: &Registry) -> (Self, Receiver<Batch>) {
        let (queue, batches) = sync_channel(QUEUE);
        let counter = |stat| registry.counter(Series::scope("access_log_file", stat));
        let writer = Self {
            queue,
            waiting: Arc::default(),
            written: counter("write_total_buffered"),
            dropped: counter("write_dropped"),
            failed: counter("write_failed"),
        };
        (writer, batches)
    }

    /// Waits until nothing waits to be written, `limit` at most. Not for workers.
    pub(crate) fn wait_until_written(&self, limit: Duration) {
        let begun = Instant::now();
        while self.waiting.load(Ordering::Acquire) > 0 && begun.elapsed() < limit {
            std::thread::park_timeout(LOOK);
        }
    }

    /// Queues a batch; where too much waits already it is lost, and counted.
    fn send(&self, batch: Batch, shard: &Shard) {
        let length = batch.lines.len();
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        let queued = match before == 0 || before + length <= WAITING {
            true => self.queue.try_send(batch).map_err(|refused| match refused {
                TrySendError::Full(batch) | TrySendError::Disconnected(batch) => batch,
            }),
            false => Err(batch),
        };
        if let Err(batch) = queued {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            self.dropped.add(shard, lines_in(&batch.lines));
        }
    }
}

/// Lines of one worker that have not been handed over.
#[derive(Debug)]
pub(crate) struct Outbox {
    writer: Writer,
    shard: Arc<Shard>,
    /// The sinks of this worker's logs; one that no log has any more is gone.
    sinks: RefCell<HashMap<AccessLogSink, Weak<Sink>>>,
    /// Those that lines wait for.
    waiting: RefCell<Vec<Rc<Sink>>>,
    /// Wakes the task that hands over in a while; none before the first line.
    waker: OnceCell<Rc<Notify>>,
    /// Where buffers come back to, and where they are found.
    home: SyncSender<Vec<u8>>,
    spares: Receiver<Vec<u8>>,
}

/// A sink with this worker's lines for it; logs that go to the same place share it, so that their lines keep their order.
#[derive(Debug)]
pub(crate) struct Sink {
    place: Arc<AccessLogSink>,
    lines: RefCell<Vec<u8>>,
}

impl Outbox {
    pub(crate) fn new(writer: Writer, shard: Arc<Shard>) -> Rc<Self> {
        let (home, spares) = sync_channel(SPARES);
        Rc::new(Self {
            writer,
            shard,
            sinks: RefCell::default(),
            waiting: RefCell::default(),
            waker: OnceCell::new(),
            home,
            spares,
        })
    }

    /// The sink that stands for a place, made where there is none.
    pub(crate) fn sink(&self, place: &AccessLogSink) -> Rc<Sink> {
        let mut sinks = self.sinks.borrow_mut();
        if let Some(sink) = sinks.get(place).and_then(Weak::upgrade) {
            return sink;
        }
        sinks.retain(|_, sink| sink.strong_count() > 0);
        let sink = Rc::new(Sink {
            place: Arc::new(place.clone()),
            lines: RefCell::default(),
        });
        sinks.insert(place.clone(), Rc::downgrade(&sink));
        sink
    }

    /// Lets `write` append a line for `sink`. Must run on a worker.
    pub(crate) fn append(self: &Rc<Self>, sink: &Rc<Sink>, write: impl FnOnce(&mut Vec<u8>)) {
        let mut lines = sink.lines.borrow_mut();
        if lines.is_empty() {
            self.wait_for(sink);
        }
        write(&mut lines);
        self.writer.written.increment(&self.shard);
        if lines.len() >= BATCH {
            self.send(sink, &mut lines);
        }
    }

    /// Notes that lines wait for `sink`, and has them handed over in a while.
    #[cold]
    fn wait_for(self: &Rc<Self>, sink: &Rc<Sink>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            self.waker
                .get_or_init(|| keep_handing_over(self))
                .notify_one();
        }
        // a batch that was full went out without waiting; its sink is here still
        if !waiting.iter().any(|known| Rc::ptr_eq(known, sink)) {
            waiting.push(Rc::clone(sink));
        }
    }

    /// Gives the writer all lines that there are.
    pub(crate) fn hand_over(&self) {
        for sink in self.waiting.borrow_mut().drain(..) {
            let mut lines = sink.lines.borrow_mut();
            if !lines.is_empty() {
                self.send(&sink, &mut lines);
            }
        }
    }

    /// Lets go of buffers that nothing is in.
    fn release(&self) {
        self.spares.try_iter().for_each(drop);
        for sink in self.sinks.borrow().values().filter_map(Weak::upgrade) {
            let mut lines = sink.lines.borrow_mut();
            if lines.is_empty() {
                *lines = Vec::new();
            }
        }
    }

    #[cold]
    fn send(&self, sink: &Sink, lines: &mut Vec<u8>) {
        // Takes memory only while the writer has not given back what it got before.
        let room = || Vec::with_capacity(lines.len().saturating_add(LAST_LINE));
        let empty = self.spares.try_recv().unwrap_or_else(|_| room());
        let batch = Batch {
            place: Arc::clone(&sink.place),
            lines: std::mem::replace(lines, empty),
            home: self.home.clone(),
        };
        self.writer.send(batch, &self.shard);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Starts the task that hands over what has waited long enough; it ends with its outbox.
fn keep_handing_over(outbox: &Rc<Outbox>) -> Rc<Notify> {
    let (lines, outbox) = (Rc::new(Notify::new()), Rc::downgrade(outbox));
    let waker = Rc::clone(&lines);
    tokio::task::spawn_local(async move {
        loop {
            if tokio::time::timeout(REST, lines.notified()).await.is_err() {
                match outbox.upgrade() {
                    Some(outbox) => outbox.release(),
                    None => return,
                }
                lines.notified().await;
            }
            tokio::time::sleep(DELAY).await;
            match outbox.upgrade() {
                Some(outbox) => outbox.hand_over(),
                None => return,
            }
        }
    });
    waker
}

/// Places where the writer has been.
#[derive(Debug, Default)]
struct Places {
    files: HashMap<Arc<AccessLogSink>, File>,
    /// Those whose last line is not whole.
    torn: HashSet<Arc<AccessLogSink>>,
}

fn run(batches: &Receiver<Batch>, waiting: &AtomicUsize, lost: impl Fn(u64)) {
    let mut places = Places::default();
    while let Ok(batch) = batches.recv() {
        // A log that cannot be written must not stop the others; the next batch tries again.
        let written = places.write(&batch.place, &batch.lines);
        if written < batch.lines.len() {
            lost(lines_in(&batch.lines[written..]));
        }
        waiting.fetch_sub(batch.lines.len(), Ordering::Release);
        batch.give_back();
    }
}

impl Places {
    /// Writes as many bytes as can be written, on a new line; returns how many.
    fn write(&mut self, place: &Arc<AccessLogSink>, lines: &[u8]) -> usize {
        let torn = self.torn.contains(place);
        let written = match &**place {
            AccessLogSink::Stdout => write(std::io::stdout().lock(), torn, lines),
            AccessLogSink::Stderr => write(std::io::stderr().lock(), torn, lines),
            AccessLogSink::File(path) => match self.file(place, path) {
                Ok(file) => write(file, torn, lines),
                Err(_) => None,
            },
        };
        let Some(written) = written else {
            self.files.remove(place);
            return 0;
        };
        let whole =
            written == lines.len() || lines[..written].last().is_none_or(|last| *last == b'\n');
        if whole {
            self.torn.remove(place);
        } else {
            self.torn.insert(Arc::clone(place));
        }
        if written < lines.len() {
            self.files.remove(place);
        }
        written
    }

    fn file(&mut self, place: &Arc<AccessLogSink>, path: &Path) -> std::io::Result<&File> {
        match self.files.entry(Arc::clone(place)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let file = OpenOptions::new().create(true).append(true).open(path)?;
                Ok(unknown.insert(file))
            }
        }
    }
}

/// Writes as many bytes as `to` takes, behind the end of a torn line; nothing where not even that can be written.
fn write(mut to: impl Write, torn: bool, lines: &[u8]) -> Option<usize> {
    if torn {
        to.write_all(b"\n").ok()?;
    }
    let mut written = 0;
    while written < lines.len() {
        match to.write(&lines[written..]) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    // lines may lack their ends
    to.flush().ok()?;
    Some(written)
}

fn lines_in(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
