//! A test on a worker's runtime, and what runs beside it on the same thread: where that fails, the test fails.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tulle_proxy::worker;

/// Longer than any test takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

type Panic = Box<dyn Any + Send>;

/// Where tasks beside a test tell that they failed.
#[derive(Clone)]
pub(crate) struct Failures(mpsc::Sender<Panic>);

thread_local! {
    static FAILURES: RefCell<Option<Failures>> = const { RefCell::new(None) };
}

impl Failures {
    /// Those of the test that this thread is of.
    pub(crate) fn of_this_thread() -> Self {
        let failures = FAILURES.with_borrow(Clone::clone);
        failures.expect("only what belongs to a test has something beside it")
    }

    /// Makes this thread one of the same test.
    pub(crate) fn adopt(self) {
        FAILURES.set(Some(self));
    }
}

/// Runs a test.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let (tell, mut failed) = mpsc::channel(1);
    Failures(tell).adopt();
    let ended = worker::runtime().expect("a runtime").block_on(async {
        tokio::select! {
            biased;
            Some(panic) = failed.recv() => Err(panic),
            ended = tokio::time::timeout(PATIENCE, test) => {
                ended.expect("the test waits for something that does not come");
                failed.try_recv().map_or(Ok(()), Err)
            }
        }
    });
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

/// Runs a task beside the test.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    let Failures(tell) = Failures::of_this_thread();
    tokio::task::spawn_local(async move {
        if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
            let _ = tell.try_send(panic); // one is enough
        }
    });
}

/// An address on which nobody listens, nor will as long as the socket lives that is bound to it.
pub(crate) fn closed_port() -> (TcpSocket, std::net::SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(any).expect("a port");
    let addr = socket.local_addr().expect("bound");
    (socket, addr)
}

#[test]
#[should_panic(expected = "it broke")]
fn what_fails_beside_a_test_fails_the_test() {
    run(async {
        spawn(async { panic!("it broke") });
        std::future::pending().await
    });
}
