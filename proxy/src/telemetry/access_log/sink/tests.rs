use super::*;
use crate::xds::apply::tests::allocations::counted;

/// An outbox whose batches the test takes.
fn outbox() -> (Rc<Outbox>, Receiver<Batch>) {
    let registry = Registry::new();
    let (writer, batches) = Writer::new(&registry);
    (Outbox::new(writer, registry.shard()), batches)
}

fn sent(batches: &Receiver<Batch>) -> Vec<(AccessLogSink, String)> {
    let text = |lines: Vec<u8>| String::from_utf8(lines).expect("the test's own lines");
    batches
        .try_iter()
        .map(|batch| ((*batch.place).clone(), text(batch.lines)))
        .collect()
}

fn on_a_worker<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

fn file(path: &str) -> AccessLogSink {
    AccessLogSink::File(path.into())
}

fn append(outbox: &Rc<Outbox>, sink: &Rc<Sink>, line: &str) {
    outbox.append(sink, |out| out.extend_from_slice(line.as_bytes()));
}

#[test]
fn lines_of_logs_that_go_to_one_place_keep_their_order() {
    on_a_worker(async {
        let (outbox, batches) = outbox();
        let one = outbox.sink(&file("/a"));
        let (other, same) = (outbox.sink(&file("/b")), outbox.sink(&file("/a")));
        append(&outbox, &one, "1\n");
        append(&outbox, &other, "2\n");
        append(&outbox, &same, "3\n");
        outbox.hand_over();
        let lines = |path, text: &str| (file(path), text.to_owned());
        assert_eq!(sent(&batches), [lines("/a", "1\n3\n"), lines("/b", "2\n")]);
    });
}

#[test]
fn lines_are_handed_over_in_a_while_and_again() {
    on_a_worker(async {
        let (outbox, batches) = outbox();
        let sink = outbox.sink(&AccessLogSink::Stdout);
        for line in ["1\n", "2\n", "3\n"] {
            append(&outbox, &sink, line);
            assert_eq!(sent(&batches), []);
            let handed_over = async {
                while !sink.lines.borrow().is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            let patience = Duration::from_secs(30);
            tokio::time::timeout(patience, handed_over).await.unwrap();
            assert_eq!(sent(&batches), [(AccessLogSink::Stdout, line.to_owned())]);
        }
    });
}

#[test]
fn what_comes_after_a_full_batch_waits_once() {
    on_a_worker(async {
        let (outbox, batches) = outbox();
        let sink = outbox.sink(&AccessLogSink::Stdout);
        append(&outbox, &sink, &"x".repeat(BATCH));
        assert_eq!(sent(&batches).len(), 1);
        append(&outbox, &sink, "after\n");
        assert_eq!(outbox.waiting.borrow().len(), 1);
        outbox.hand_over();
        assert_eq!(
            sent(&batches),
            [(AccessLogSink::Stdout, "after\n".to_owned())]
        );
    });
}

#[test]
fn a_sink_is_forgotten_with_its_last_log_but_its_lines_are_not() {
    on_a_worker(async {
        let (outbox, batches) = outbox();
        for number in 0..100 {
            let sink = outbox.sink(&file(&format!("/{number}")));
            append(&outbox, &sink, "line\n");
            drop(sink);
            outbox.hand_over();
        }
        assert!(outbox.waiting.borrow().is_empty());
        assert_eq!(outbox.sinks.borrow().len(), 1);
        assert_eq!(sent(&batches).len(), 100);
    });
}

#[test]
fn buffers_come_back_and_are_let_go_when_nothing_comes() {
    on_a_worker(async {
        let (outbox, batches) = outbox();
        let sink = outbox.sink(&AccessLogSink::Stdout);
        let line = "x".repeat(LAST_LINE);
        let fill = || (0..BATCH / LAST_LINE).for_each(|_| append(&outbox, &sink, &line));
        let give_back = || batches.try_iter().for_each(Batch::give_back);
        for _ in 0..4 {
            fill();
            give_back();
        }
        assert_eq!(counted(fill), 0);
        give_back();
        assert!(sink.lines.borrow().capacity() >= BATCH);
        outbox.release();
        assert_eq!(sink.lines.borrow().capacity(), 0);
        assert_eq!(outbox.spares.try_iter().count(), 0);
    });
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    on_a_worker(async {
        let registry = Registry::new();
        let (writer, batches) = Writer::new(&registry);
        let dropped = writer.dropped;
        let outbox = Outbox::new(writer, registry.shard());
        let sink = outbox.sink(&AccessLogSink::Stdout);
        let line = format!("{}\n", "x".repeat(BATCH - 1));
        let fit = WAITING / BATCH;
        (0..fit + 3).for_each(|_| append(&outbox, &sink, &line));
        assert_eq!(registry.read(dropped), 3);
        assert_eq!(sent(&batches).len(), fit);
    });
}

#[test]
fn waiting_for_the_writer_ends_when_all_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let registry = Registry::new();
    let writer = Writer::start(&registry).unwrap();
    on_a_worker(async {
        let outbox = Outbox::new(writer.clone(), registry.shard());
        let sink = outbox.sink(&AccessLogSink::File(path.clone()));
        append(&outbox, &sink, "line\n");
    });
    writer.wait_until_written(Duration::from_secs(30));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "line\n");
    assert_eq!(writer.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn waiting_for_the_writer_takes_until_a_full_queue_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let registry = Registry::new();
    let (writer, batches) = Writer::new(&registry);
    on_a_worker(async {
        let outbox = Outbox::new(writer.clone(), registry.shard());
        let sink = outbox.sink(&AccessLogSink::File(path.clone()));
        for _ in 0..QUEUE {
            append(&outbox, &sink, "line\n");
            outbox.hand_over();
        }
    });
    let waiting = Arc::clone(&writer.waiting);
    std::thread::spawn(move || run(&batches, &waiting, |_| panic!("nothing is lost")));
    writer.wait_until_written(Duration::from_secs(30));
    let lines = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines, "line\n".repeat(QUEUE));
}

/// Takes so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        if count == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_full_disk_did_not_take_is_known() {
    assert_eq!(write(Full(9), false, b"one\ntwo\n"), Some(8));
    assert_eq!(write(Full(6), false, b"one\ntwo\n"), Some(6));
    assert_eq!(write(Full(3), true, b"one\ntwo\n"), Some(2));
    assert_eq!(write(Full(0), true, b"one\ntwo\n"), None);
    assert_eq!(lines_in(&b"one\ntwo\n"[6..]), 1);
}

#[test]
fn lines_of_a_log_that_cannot_be_written_are_counted() {
    let registry = Registry::new();
    let writer = Writer::start(&registry).unwrap();
    let failed = writer.failed;
    on_a_worker(async {
        let outbox = Outbox::new(writer.clone(), registry.shard());
        let sink = outbox.sink(&file("/dev/full"));
        append(&outbox, &sink, "1\n");
        append(&outbox, &sink, "2\n");
    });
    writer.wait_until_written(Duration::from_secs(30));
    assert_eq!(registry.read(failed), 2);
}

#[test]
fn a_torn_line_is_ended_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let place = Arc::new(AccessLogSink::File(path.clone()));
    let mut places = Places::default();
    places.torn.insert(Arc::clone(&place));
    std::fs::write(&path, "half").unwrap();
    assert_eq!(places.write(&place, b"one\n"), 4);
    assert_eq!(places.write(&place, b"two\n"), 4);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "half\none\ntwo\n");
}
