//! Where lines go: a buffer per worker, a bounded queue, one thread that writes. The request path never waits; what does
//! not fit is dropped and counted.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
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
    /// The sinks of this worker's logs; one that no log has any more is gone.
    sinks: RefCell<HashMap<AccessLogSink, Weak<Sink>>>,
    /// Those that lines wait for.
    waiting: RefCell<Vec<Rc<Sink>>>,
}

/// A sink with this worker's lines for it; logs that go to the same place share it, so that their lines keep their order.
#[derive(Debug)]
pub(crate) struct Sink {
    place: AccessLogSink,
    lines: RefCell<String>,
}

impl Outbox {
    pub(crate) fn new(writer: Writer, shard: Arc<Shard>) -> Rc<Self> {
        Rc::new(Self {
            writer,
            shard,
            sinks: RefCell::default(),
            waiting: RefCell::default(),
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
            place: place.clone(),
            lines: RefCell::default(),
        });
        sinks.insert(place.clone(), Rc::downgrade(&sink));
        sink
    }

    /// Lets `write` append a line for `sink`. Must run on a worker.
    pub(crate) fn append(self: &Rc<Self>, sink: &Rc<Sink>, write: impl FnOnce(&mut String)) {
        let mut lines = sink.lines.borrow_mut();
        if lines.is_empty() {
            self.wait_for(sink);
        }
        write(&mut lines);
        self.writer.written.increment(&self.shard);
        if lines.len() >= BATCH {
            self.send(&sink.place, &mut lines);
        }
    }

    /// Notes that lines wait for `sink`, and hands them over in a while.
    fn wait_for(self: &Rc<Self>, sink: &Rc<Sink>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            let outbox = Rc::clone(self);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(DELAY).await;
                outbox.hand_over();
            });
        }
        // a batch that was full went out without waiting; its sink is here still
        if !waiting.iter().any(|known| Rc::ptr_eq(known, sink)) {
            waiting.push(Rc::clone(sink));
        }
    }

    fn hand_over(&self) {
        for sink in self.waiting.borrow_mut().drain(..) {
            self.send(&sink.place, &mut sink.lines.borrow_mut());
        }
    }

    fn send(&self, place: &AccessLogSink, lines: &mut String) {
        if lines.is_empty() {
            return;
        }
        let room = String::with_capacity(lines.len());
        let batch = std::mem::replace(lines, room);
        let sent = self.writer.queue.try_send((place.clone(), batch));
        if let Err(TrySendError::Full((_, batch)) | TrySendError::Disconnected((_, batch))) = sent {
            let lines = batch.bytes().filter(|byte| *byte == b'\n').count() as u64;
            self.writer.dropped.add(&self.shard, lines);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An outbox whose batches the test takes, and its shard's registry.
    fn outbox() -> (Rc<Outbox>, Receiver<Batch>) {
        let registry = Registry::new();
        let (queue, batches) = sync_channel(QUEUE);
        let counter = |stat| registry.counter(Series::scope("access_log_file", stat));
        let writer = Writer {
            queue,
            written: counter("write_total_buffered"),
            dropped: counter("write_dropped"),
        };
        (Outbox::new(writer, registry.shard()), batches)
    }

    fn on_a_worker(work: impl FnOnce()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async { work() });
    }

    fn file(path: &str) -> AccessLogSink {
        AccessLogSink::File(path.into())
    }

    #[test]
    fn lines_of_logs_that_go_to_one_place_keep_their_order() {
        on_a_worker(|| {
            let (outbox, batches) = outbox();
            let one = outbox.sink(&file("/a"));
            let (other, same) = (outbox.sink(&file("/b")), outbox.sink(&file("/a")));
            outbox.append(&one, |out| out.push_str("1\n"));
            outbox.append(&other, |out| out.push_str("2\n"));
            outbox.append(&same, |out| out.push_str("3\n"));
            outbox.hand_over();
            let sent: Vec<_> = batches.try_iter().collect();
            let lines = |path, text: &str| (file(path), text.to_owned());
            assert_eq!(sent, [lines("/a", "1\n3\n"), lines("/b", "2\n")]);
        });
    }

    #[test]
    fn what_comes_after_a_full_batch_waits_once() {
        on_a_worker(|| {
            let (outbox, batches) = outbox();
            let sink = outbox.sink(&AccessLogSink::Stdout);
            let long = "x".repeat(BATCH);
            outbox.append(&sink, |out| out.push_str(&long));
            assert_eq!(batches.try_iter().count(), 1);
            outbox.append(&sink, |out| out.push_str("after\n"));
            assert_eq!(outbox.waiting.borrow().len(), 1);
            outbox.hand_over();
            let sent: Vec<_> = batches.try_iter().map(|(_, lines)| lines).collect();
            assert_eq!(sent, ["after\n"]);
        });
    }

    #[test]
    fn a_sink_is_forgotten_with_its_last_log_but_its_lines_are_not() {
        on_a_worker(|| {
            let (outbox, batches) = outbox();
            for number in 0..100 {
                let sink = outbox.sink(&file(&format!("/{number}")));
                outbox.append(&sink, |out| out.push_str("line\n"));
                drop(sink);
                outbox.hand_over();
            }
            assert!(outbox.waiting.borrow().is_empty());
            assert_eq!(outbox.sinks.borrow().len(), 1);
            assert_eq!(batches.try_iter().count(), 100);
        });
    }
}
