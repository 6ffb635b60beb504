//! Every interleaving of the ring's two ends, as far as loom's bounds reach:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p mediapoint-net --lib loom`.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;

use super::sync::{Thread, current, park};
use super::{Consumer, Producer, Readiness, WakeHandle, channel};

/// A task that is a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until ready, and sleeps in between; a wake-up that is lost is a deadlock, which loom reports.
fn block_on(mut poll: impl FnMut(&mut Context<'_>) -> Poll<Readiness>) -> Readiness {
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match poll(&mut context) {
            Poll::Ready(readiness) => return readiness,
            Poll::Pending => {
                park(None);
                // A task that woke itself, because the other end was just taking its handle, lets that go on.
                thread::yield_now();
            }
        }
    }
}

fn wake(handle: Option<WakeHandle>) {
    handle.into_iter().for_each(WakeHandle::wake);
}

fn pop(consumer: &mut Consumer<u8>) -> Option<u8> {
    consumer.pop_with(|slot| *slot)
}

fn push(producer: &mut Producer<u8>, value: u8) -> bool {
    producer.push_with(|slot| *slot = value)
}

#[test]
fn loom_slots_pass_in_order_through_a_full_and_an_empty_ring() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel(2, || 0);
        let pushing = thread::spawn(move || {
            for value in 1..=3 {
                while !push(&mut producer, value) {
                    thread::yield_now();
                }
            }
        });
        for value in 1..=3 {
            loop {
                match pop(&mut consumer) {
                    Some(popped) => break assert_eq!(popped, value),
                    None => thread::yield_now(),
                }
            }
        }
        assert!(consumer.is_empty());
        pushing.join().unwrap();
        assert!(consumer.is_closed());
    });
}

#[test]
fn loom_a_consumer_that_waits_for_two_is_woken() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel(2, || 0);
        let pushing = thread::spawn(move || {
            for value in 1..=2 {
                assert!(push(&mut producer, value));
                wake(producer.take_wake());
            }
            producer
        });
        assert_eq!(consumer.wait(2, None), Some(Readiness::Ready));
        assert_eq!((pop(&mut consumer), pop(&mut consumer)), (Some(1), Some(2)));
        assert!(!pushing.join().unwrap().is_closed());
    });
}

#[test]
fn loom_one_wake_for_a_batch_suffices() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel(2, || 0);
        let pushing = thread::spawn(move || {
            assert!(push(&mut producer, 1) && push(&mut producer, 2));
            wake(producer.take_wake());
            producer
        });
        assert_eq!(consumer.wait(1, None), Some(Readiness::Ready));
        assert_eq!(pop(&mut consumer), Some(1));
        drop(pushing.join().unwrap());
    });
}

#[test]
fn loom_a_producer_that_waits_for_room_is_woken() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel(1, || 0);
        assert!(push(&mut producer, 1));
        let popping = thread::spawn(move || {
            assert_eq!(pop(&mut consumer), Some(1));
            wake(consumer.take_wake());
            consumer
        });
        assert_eq!(producer.wait(1, None), Some(Readiness::Ready));
        assert!(push(&mut producer, 2));
        assert_eq!(pop(&mut popping.join().unwrap()), Some(2));
    });
}

#[test]
fn loom_both_ends_can_wait_in_turn() {
    // All of them would take hours.
    let mut some = loom::model::Builder::new();
    some.preemption_bound = Some(2);
    some.check(|| {
        let (mut producer, mut consumer) = channel(1, || 0);
        let pushing = thread::spawn(move || {
            for value in 1..=2 {
                assert_eq!(producer.wait(1, None), Some(Readiness::Ready));
                assert!(producer.push_and_wake(|slot| *slot = value));
            }
        });
        for value in 1..=2 {
            assert_eq!(consumer.wait(1, None), Some(Readiness::Ready));
            assert_eq!(consumer.pop_and_wake(|slot| *slot), Some(value));
        }
        assert_eq!(consumer.wait(1, None), Some(Readiness::Closed));
        pushing.join().unwrap();
    });
}

#[test]
fn loom_a_task_that_asks_anew_is_woken_for_what_it_asked_last() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel(2, || 0);
        let pushing = thread::spawn(move || {
            for value in 1..=2 {
                assert!(push(&mut producer, value));
                wake(producer.take_wake());
            }
            producer
        });
        // Asked for one by a task of its own, which may or may not be woken, then for two.
        let waker = Waker::from(Arc::new(Unpark(current())));
        let first = consumer.poll_ready(1, &mut Context::from_waker(&waker));
        assert!(matches!(first, Poll::Pending | Poll::Ready(Readiness::Ready)));
        assert_eq!(block_on(|context| consumer.poll_ready(2, context)), Readiness::Ready);
        assert_eq!((pop(&mut consumer), pop(&mut consumer)), (Some(1), Some(2)));
        drop(pushing.join().unwrap());
    });
}

#[test]
fn loom_a_producer_that_goes_wakes_and_what_it_pushed_is_seen() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel(2, || 0);
        let pushing = thread::spawn(move || {
            assert!(push(&mut producer, 1));
            wake(producer.close());
        });
        assert_eq!(consumer.wait(2, None), Some(Readiness::Closed));
        assert_eq!((pop(&mut consumer), pop(&mut consumer)), (Some(1), None));
        pushing.join().unwrap();
    });
}

#[test]
fn loom_a_consumer_that_goes_wakes() {
    loom::model(|| {
        let (mut producer, consumer) = channel(1, || 0);
        assert!(push(&mut producer, 1));
        let going = thread::spawn(move || drop(consumer));
        assert_eq!(block_on(|context| producer.poll_ready(1, context)), Readiness::Closed);
        going.join().unwrap();
    });
}

#[test]
fn loom_both_ends_can_go_at_once() {
    loom::model(|| {
        let owned = Arc::new(());
        let (mut producer, consumer) = channel(1, || Arc::clone(&owned));
        let going = thread::spawn(move || drop(consumer));
        producer.push_with(|_| {});
        drop(producer);
        going.join().unwrap();
        assert_eq!(Arc::strong_count(&owned), 1);
    });
}
