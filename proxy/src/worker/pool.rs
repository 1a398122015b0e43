//! The worker threads of the process and how work reaches them.

use super::{Thread, runtime};
use crate::http;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Work for a worker: run on its thread, must not block; usually it spawns a local task.
pub type Job = Box<dyn FnOnce(Rc<Thread>) + Send>;

/// Jobs on their way to one worker. Bounded; whoever meets a full queue keeps the job.
const QUEUE: usize = 1024;

/// All workers; clones are handles on the same threads, which end with the last of them.
#[derive(Clone)]
pub struct Workers {
    mailboxes: Arc<[Mailbox]>,
    /// Whose turn it is to get a long-lived job.
    turn: Arc<AtomicUsize>,
}

struct Mailbox {
    jobs: mpsc::Sender<Job>,
    connections: Arc<AtomicUsize>,
}

/// One connection in the count of its worker.
#[derive(Debug)]
pub(crate) struct Load(Arc<AtomicUsize>);

impl Workers {
    /// Starts `count` threads named `tulle-wrk-N`.
    ///
    /// # Errors
    /// If the kernel gives no threads or event loops.
    pub fn start(count: usize, shared: &http::Shared) -> io::Result<Self> {
        let mailboxes = (0..count.max(1)).map(|id| start_one(id, shared.clone()));
        Ok(Self {
            mailboxes: mailboxes.collect::<io::Result<_>>()?,
            turn: Arc::default(),
        })
    }

    /// Connections being served.
    pub fn active_connections(&self) -> usize {
        let counts = self.mailboxes.iter().map(|mailbox| &mailbox.connections);
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Connections being served by each worker.
    pub fn connections_by_worker(&self) -> Vec<usize> {
        let counts = self.mailboxes.iter().map(|mailbox| &mailbox.connections);
        counts.map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Gives a long-lived job to the worker whose turn it is; to the next one if its queue is full.
    pub(crate) fn spread(&self, mut job: Job) {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        for step in 0..self.mailboxes.len() {
            match self.send((first + step) % self.mailboxes.len(), job) {
                Ok(()) => return,
                Err(back) => job = back,
            }
        }
        tracing::error!("every worker's queue is full; a listening socket is not served");
    }

    /// Gives a job to one worker; the job comes back if its queue is full.
    pub(crate) fn send(&self, worker: usize, job: Job) -> Result<(), Job> {
        self.mailboxes[worker]
            .jobs
            .try_send(job)
            .map_err(mpsc::error::TrySendError::into_inner)
    }

    /// Has every worker give its lines of access logs to the writer, and waits until all have, `limit` at most. Not for
    /// workers.
    pub(crate) fn hand_over_access_logs(&self, limit: Duration) {
        let (done, all_done) = std::sync::mpsc::sync_channel::<()>(1);
        for worker in 0..self.mailboxes.len() {
            let done = done.clone();
            let hand_over: Job = Box::new(move |thread| {
                thread.outbox().hand_over();
                drop(done);
            });
            // a worker that cannot even take a job is not waited for
            drop(self.send(worker, hand_over));
        }
        drop(done);
        // ends when the last of them has dropped its end, too
        let _ = all_done.recv_timeout(limit);
    }

    /// The worker with the fewest connections, `preferred` among equals; it is counted one more from now on.
    pub(crate) fn least_loaded(&self, preferred: usize) -> (usize, Load) {
        let least = self.least_busy(preferred);
        let count = &self.mailboxes[least].connections;
        count.fetch_add(1, Ordering::Relaxed);
        (least, Load(Arc::clone(count)))
    }

    fn least_busy(&self, preferred: usize) -> usize {
        let load = |id: usize| self.mailboxes[id].connections.load(Ordering::Relaxed);
        let others = (0..self.mailboxes.len()).filter(|id| *id != preferred);
        std::iter::once(preferred)
            .chain(others)
            .min_by_key(|id| load(*id))
            .unwrap_or(preferred)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} workers", self.mailboxes.len())
    }
}

fn start_one(id: usize, shared: http::Shared) -> io::Result<Mailbox> {
    let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUE);
    let (started, start) = std::sync::mpsc::sync_channel(1);
    let name = format!("tulle-wrk-{id}");
    std::thread::Builder::new().name(name).spawn(move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(()));
        runtime.block_on(async move {
            let worker = Thread::new(id, shared);
            while let Some(job) = waiting.recv().await {
                job(Rc::clone(&worker));
            }
        });
    })?;
    let gone = || io::Error::other("a worker thread ended before it began");
    start.recv().map_err(|_| gone())??;
    Ok(Mailbox {
        jobs,
        connections: Arc::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Clusters;
    use crate::config::access_log::AccessLogSink;
    use crate::telemetry::access_log::Writer;
    use crate::telemetry::metrics::Registry;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn lines_of_every_worker_are_written_before_a_proxy_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let metrics = Registry::new();
        let shared = http::Shared {
            clusters: Arc::new(Clusters::default()),
            access_logs: Writer::start(&metrics).unwrap(),
            metrics,
            hostname: "test".into(),
            workload: Arc::default(),
        };
        let workers = Workers::start(2, &shared).unwrap();
        for worker in 0..2 {
            let place = AccessLogSink::File(path.clone());
            let write: Job = Box::new(move |thread| {
                let outbox = thread.outbox();
                outbox.append(&outbox.sink(&place), |out| out.extend_from_slice(b"line\n"));
            });
            assert!(workers.send(worker, write).is_ok());
        }
        workers.hand_over_access_logs(PATIENCE);
        shared.access_logs.wait_until_written(PATIENCE);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "line\nline\n");
    }
}
