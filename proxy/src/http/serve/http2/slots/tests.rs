use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;

/// Serves streams that are over at once, but those that wait for a word.
async fn serve(desk: Rc<Desk<u32>>, served: &RefCell<Vec<u32>>, word: &Notify) {
    loop {
        let stream = poll_fn(|_| desk.poll_next()).await;
        if stream >= 100 {
            word.notified().await;
        }
        served.borrow_mut().push(stream);
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn a_slot_serves_one_stream_after_the_other() {
    let (served, word) = (RefCell::default(), Notify::new());
    let mut slots = Slots::new();
    for stream in [1, 2] {
        slots.give(stream, |desk| serve(desk, &served, &word));
        assert_eq!(slots.busy(), 1);
        assert!(slots.are_ready() && slots.poll(&context()));
        assert_eq!((slots.busy(), slots.all.len()), (0, 1));
    }
    assert_eq!(*served.borrow(), [1, 2]);
}

#[test]
fn a_slot_without_a_stream_does_not_wake_the_task() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (served, word) = (RefCell::default(), Notify::new());
    let count = Arc::<Count>::default();
    let task = Waker::from(Arc::clone(&count));
    let mut slots = Slots::new();
    slots.give(100, |desk| serve(desk, &served, &word));
    slots.poll(&Context::from_waker(&task));
    let waker = slots.all[0].as_ref().unwrap().waker.clone();
    word.notify_one();
    slots.poll(&Context::from_waker(&task));
    assert_eq!((slots.busy(), count.0.load(Ordering::SeqCst)), (0, 1));
    waker.wake();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
}

#[test]
fn what_wakes_a_stream_in_its_last_run_does_not_run_its_slot_again() {
    let runs = Cell::new(0);
    let serve = |desk: Rc<Desk<u32>>| {
        let runs = &runs;
        async move {
            loop {
                poll_fn(|_| {
                    runs.set(runs.get() + 1);
                    desk.poll_next()
                })
                .await;
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::Ready(())
                })
                .await;
            }
        }
    };
    let mut slots = Slots::new();
    for stream in [1, 2] {
        slots.give(stream, serve);
        assert!(slots.poll(&context()) && !slots.are_ready());
    }
    assert_eq!(runs.get(), 4);
}

#[test]
fn a_stream_that_waits_is_run_again_when_it_is_woken() {
    let (served, word) = (RefCell::default(), Notify::new());
    let mut slots = Slots::new();
    for stream in [100, 1] {
        slots.give(stream, |desk| serve(desk, &served, &word));
    }
    assert!(slots.poll(&context()));
    assert_eq!((served.borrow().as_slice(), slots.busy()), (&[1][..], 1));
    assert!(!slots.are_ready() && !slots.poll(&context()));
    word.notify_one();
    assert!(slots.poll(&context()));
    assert_eq!(
        (served.borrow().as_slice(), slots.busy()),
        (&[1, 100][..], 0)
    );
}

/// Waits until the slots without a stream are gone.
async fn rest<F: Future<Output = ()>>(slots: &mut Slots<F, u32>) {
    let last = Instant::now();
    poll_fn(|cx| {
        slots.rest(cx, last);
        if slots.free.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn slots_without_a_stream_are_let_go_also_beside_a_long_one_and_come_back() {
    let (served, word) = (RefCell::default(), Notify::new());
    let mut slots = Slots::new();
    for stream in [100, 1] {
        slots.give(stream, |desk| serve(desk, &served, &word));
    }
    slots.poll(&context());
    rest(&mut slots).await;
    assert_eq!((slots.busy(), slots.vacant.len()), (1, 1));
    slots.give(2, |desk| serve(desk, &served, &word));
    word.notify_one();
    slots.poll(&context());
    rest(&mut slots).await;
    assert_eq!((slots.busy(), slots.all.len()), (0, 0));
    assert_eq!(served.borrow().len(), 3);
}
