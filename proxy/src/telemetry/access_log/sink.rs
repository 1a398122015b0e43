//! Where lines go: a buffer per worker, a bounded queue, one thread that writes. The request path never waits; what does
//! not fit is dropped and counted.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use hashbrown::HashMap;

use crate::config::access_log::AccessLogSink;
use crate::telemetry::metrics::{Counter, Registry, Series, Shard};

/// Bytes that a worker collects before they are handed over.
const BATCH: usize = 16 * 1024;
/// Time that a line waits for others.
const DELAY: Duration = Duration::from_millis(100);
/// Batches that may wait for the writer.
const QUEUE: usize = 256;

type Batch = (AccessLogSink, String);

/// The writer of all access logs; cheap to clone, one per process.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: SyncSender<Batch>,
    written: Counter,
    dropped: Counter,
}

impl Writer {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(registry: &Registry) -> std::io::Result<Self> {
        let (queue, batches) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("tulle-log".to_owned())
            .spawn(move || run(&batches))?;
        let counter = |stat| registry.counter(Series::scope("access_log_file", stat));
        Ok(Self {
            queue,
            written: counter("write_total_buffered"),
            dropped: counter("write_dropped"),
        })
    }
}

/// Lines of one worker that have not been handed over.
#[derive(Debug)]
pub(crate) struct Outbox {
    writer: Writer,
    shard: Arc<Shard>,
    waiting: RefCell<Vec<Waiting>>,
}

/// Lines for one sink; there are few sinks.
#[derive(Debug)]
struct Waiting {
    sink: AccessLogSink,
    lines: String,
}

impl Outbox {
    pub(crate) fn new(writer: Writer, shard: Arc<Shard>) -> Rc<Self> {
        Rc::new(Self {
            writer,
            shard,
            waiting: RefCell::default(),
        })
    }

    /// Lets `write` append a line for `sink`. Must run on a worker.
    pub(crate) fn append(self: &Rc<Self>, sink: &AccessLogSink, write: impl FnOnce(&mut String)) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.iter().all(|waiting| waiting.lines.is_empty()) {
            let outbox = Rc::clone(self);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(DELAY).await;
                outbox.hand_over();
            });
        }
        let known = waiting.iter().position(|known| is_same(&known.sink, sink));
        let at = known.unwrap_or_else(|| {
            waiting.push(Waiting {
                sink: sink.clone(),
                lines: String::new(),
            });
            waiting.len() - 1
        });
        let buffer = &mut waiting[at].lines;
        write(buffer);
        self.writer.written.increment(&self.shard);
        if buffer.len() >= BATCH {
            self.send(sink, buffer);
        }
    }

    fn hand_over(&self) {
        for Waiting { sink, lines } in self.waiting.borrow_mut().iter_mut() {
            self.send(sink, lines);
        }
    }

    fn send(&self, sink: &AccessLogSink, buffer: &mut String) {
        if buffer.is_empty() {
            return;
        }
        let room = String::with_capacity(buffer.len());
        let batch = std::mem::replace(buffer, room);
        let sent = self.writer.queue.try_send((sink.clone(), batch));
        if let Err(TrySendError::Full((_, batch)) | TrySendError::Disconnected((_, batch))) = sent {
            let lines = batch.bytes().filter(|byte| *byte == b'\n').count() as u64;
            self.writer.dropped.add(&self.shard, lines);
        }
    }
}

/// Whether it is the same sink, where paths are the same if they are written alike.
fn is_same(one: &AccessLogSink, other: &AccessLogSink) -> bool {
    match (one, other) {
        (AccessLogSink::File(one), AccessLogSink::File(other)) => {
            one.as_os_str() == other.as_os_str()
        }
        (AccessLogSink::Stdout, AccessLogSink::Stdout)
        | (AccessLogSink::Stderr, AccessLogSink::Stderr) => true,
        (AccessLogSink::File(_) | AccessLogSink::Stdout | AccessLogSink::Stderr, _) => false,
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.hand_over();
    }
}

fn run(batches: &Receiver<Batch>) {
    let mut files: HashMap<PathBuf, Option<File>> = HashMap::new();
    while let Ok((sink, batch)) = batches.recv() {
        // A log that cannot be written must not stop the others; the next batch tries again.
        let _ = match sink {
            AccessLogSink::Stdout => std::io::stdout().write_all(batch.as_bytes()),
            AccessLogSink::Stderr => std::io::stderr().write_all(batch.as_bytes()),
            AccessLogSink::File(path) => write_file(&mut files, path, batch.as_bytes()),
        };
    }
}

fn write_file(
    files: &mut HashMap<PathBuf, Option<File>>,
    path: PathBuf,
    bytes: &[u8],
) -> std::io::Result<()> {
    let slot = files.entry(path.clone()).or_default();
    if slot.is_none() {
        *slot = Some(OpenOptions::new().create(true).append(true).open(&path)?);
    }
    match slot {
        Some(file) => file.write_all(bytes).inspect_err(|_| *slot = None),
        None => Ok(()),
    }
}
