use super::*;
use crate::cluster::circuit_breaker::{BreakerLimits, Limits};

const DEFAULT: Priority = Priority::Default;

fn breakers(connections: u32) -> Breakers {
    let default = Limits {
        connections,
        ..Limits::default()
    };
    Breakers::new(&BreakerLimits {
        default,
        ..BreakerLimits::default()
    })
}

fn place(pool: &Arc<Holder>) -> Place {
    Place {
        pool: Arc::clone(pool),
        takes: Takes::Http1,
    }
}

fn granted(waiting: &mut Waiting) -> Option<Grant> {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match waiting.poll(&mut cx) {
        Poll::Ready(grant) => grant,
        Poll::Pending => None,
    }
}

#[test]
fn a_connection_that_is_given_back_goes_to_the_first_in_line() {
    let breakers = breakers(1);
    let pools: [_; 4] = std::array::from_fn(|_| Arc::<Holder>::default());
    let held = breakers
        .try_connection(DEFAULT, &pools[0])
        .expect("the only one");
    let mut first = breakers.stand_in_line(DEFAULT, place(&pools[1]));
    let mut second = breakers.stand_in_line(DEFAULT, place(&pools[2]));
    assert!(breakers.try_connection(DEFAULT, &pools[0]).is_none());
    assert!(granted(&mut first).is_none());
    drop(held);
    let held = granted(&mut first).expect("his turn");
    assert!(granted(&mut second).is_none());
    assert!(
        breakers.try_connection(DEFAULT, &pools[0]).is_none(),
        "nobody jumps the queue"
    );
    drop(held);
    assert!(matches!(granted(&mut second), Some(Grant::Open(_))));
    assert_eq!(breakers.in_line(DEFAULT), 0);
}

#[test]
fn who_gives_up_his_place_passes_on_what_he_was_granted() {
    let breakers = breakers(1);
    let pools: [_; 4] = std::array::from_fn(|_| Arc::<Holder>::default());
    let held = breakers.try_connection(DEFAULT, &pools[0]);
    let first = breakers.stand_in_line(DEFAULT, place(&pools[1]));
    let gone = breakers.stand_in_line(DEFAULT, place(&pools[1]));
    let mut last = breakers.stand_in_line(DEFAULT, place(&pools[1]));
    drop(gone);
    assert_eq!(breakers.in_line(DEFAULT), 2);
    drop(held);
    drop(first);
    assert!(matches!(granted(&mut last), Some(Grant::Open(_))));
    drop(last);
    assert_eq!(breakers.in_use(DEFAULT, Resource::Connection), 0);
}

#[test]
fn a_free_connection_goes_to_who_can_use_it_until_the_first_was_passed_over_too_often() {
    let breakers = breakers(2);
    let pools: [_; 4] = std::array::from_fn(|_| Arc::<Holder>::default());
    let _held = [(); 2].map(|()| breakers.try_connection(DEFAULT, &pools[2]));
    let _first = breakers.stand_in_line(DEFAULT, place(&pools[1]));
    let others: Vec<_> = (0..=PATIENCE)
        .map(|_| breakers.stand_in_line(DEFAULT, place(&pools[2])))
        .collect();
    for other in &others[..PATIENCE as usize] {
        match breakers.turn(DEFAULT, &pools[2], Takes::Http1, true) {
            Turn::For(chosen) => assert_eq!(chosen.id, other.id),
            turn @ (Turn::Nobody | Turn::Close) => panic!("{turn:?}"),
        }
    }
    assert!(matches!(
        breakers.turn(DEFAULT, &pools[2], Takes::Http1, true),
        Turn::Close
    ));
    assert!(matches!(
        breakers.turn(DEFAULT, &pools[3], Takes::Http1, true),
        Turn::Close
    ));
}

#[test]
fn a_connection_of_no_use_is_closed_and_without_a_line_kept() {
    let breakers = breakers(1);
    let pools: [_; 4] = std::array::from_fn(|_| Arc::<Holder>::default());
    let _held = breakers.try_connection(DEFAULT, &pools[0]);
    assert!(matches!(
        breakers.turn(DEFAULT, &pools[1], Takes::Http2, true),
        Turn::Nobody
    ));
    let _waiting = breakers.stand_in_line(DEFAULT, place(&pools[1]));
    assert!(matches!(
        breakers.turn(DEFAULT, &pools[1], Takes::Http2, true),
        Turn::Close
    ));
}
