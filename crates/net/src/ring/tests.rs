//! The ring without a kernel: a model of one thread, then two threads. Miri runs all of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;

use super::{Consumer, Producer, Readiness, channel};

/// Longer than anything here takes; a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(60);

/// Items that go from thread to thread.
const ITEMS: u32 = if cfg!(miri) { 200 } else { 200_000 };

/// A task that counts how often it was woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Task {
    fn woken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn task() -> (Arc<Task>, Waker) {
    let task = Arc::new(Task::default());
    (Arc::clone(&task), Waker::from(task))
}

fn numbers(capacity: usize) -> (Producer<u32>, Consumer<u32>) {
    channel(capacity, || 0)
}

#[test]
fn a_capacity_of_nothing_is_one() {
    let (mut producer, mut consumer) = numbers(0);
    assert_eq!((producer.capacity(), consumer.capacity()), (1, 1));
    assert!(producer.push_with(|slot| *slot = 7));
    assert!(!producer.push_with(|_| panic!("not called where the ring is full")));
    assert_eq!(consumer.pop_with(|slot| *slot), Some(7));
    assert_eq!(consumer.pop_with(|_| panic!("not called where the ring is empty")), None::<u32>);
}

#[test]
fn what_a_slot_owns_is_used_again() {
    let (mut producer, mut consumer) = channel(2, || Vec::with_capacity(16));
    let mut places = Vec::new();
    for round in 0..6_u8 {
        assert!(producer.push_with(|slot| {
            slot.clear();
            slot.extend([round; 16]);
            places.push(slot.as_ptr().addr());
        }));
        assert_eq!(consumer.pop_with(|slot| slot.clone()), Some(vec![round; 16]));
    }
    assert_eq!((places[0], places[1]), (places[2], places[3]));
    assert_eq!((places[0], places[1]), (places[4], places[5]));
}

#[test]
fn every_slot_is_dropped_once_when_both_ends_are_gone() {
    let owned = Arc::new(());
    let (producer, consumer) = channel(3, || Arc::clone(&owned));
    drop(producer);
    assert_eq!(Arc::strong_count(&owned), 4);
    drop(consumer);
    assert_eq!(Arc::strong_count(&owned), 1);
}

#[test]
fn a_panic_inside_a_slot_moves_nothing() {
    let (mut producer, mut consumer) = numbers(2);
    let failing = |producer: &mut Producer<u32>| {
        let push =
            std::panic::AssertUnwindSafe(|| producer.push_with(|_| std::panic::resume_unwind(Box::new(()))));
        assert!(std::panic::catch_unwind(push).is_err());
    };
    failing(&mut producer);
    assert!(consumer.is_empty());
    assert!(producer.push_with(|slot| *slot = 5));
    let pop = std::panic::AssertUnwindSafe(|| consumer.pop_with(|_| std::panic::resume_unwind(Box::new(()))));
    assert!(std::panic::catch_unwind(pop).is_err());
    assert_eq!(consumer.pop_with(|slot| *slot), Some(5));
}

#[test]
fn a_task_is_woken_once_and_not_before_its_number_is_reached() {
    let (mut producer, mut consumer) = numbers(4);
    let (task, waker) = task();
    let mut context = Context::from_waker(&waker);
    assert_eq!(consumer.poll_ready(3, &mut context), Poll::Pending);
    for _ in 0..2 {
        assert!(producer.push_and_wake(|_| {}));
        assert_eq!(task.woken(), 0);
    }
    for _ in 0..2 {
        assert!(producer.push_and_wake(|_| {}));
        assert_eq!(task.woken(), 1);
    }
    assert_eq!(consumer.poll_ready(3, &mut context), Poll::Ready(Readiness::Ready));
    // More than there is room for is all of it.
    assert_eq!(producer.poll_ready(usize::MAX, &mut context), Poll::Pending);
    for left in (0..4).rev() {
        assert_eq!(consumer.pop_and_wake(|_| ()), Some(()));
        assert_eq!(task.woken(), if left == 0 { 2 } else { 1 });
    }
    assert_eq!(producer.poll_ready(usize::MAX, &mut context), Poll::Ready(Readiness::Ready));
}

#[test]
fn the_task_that_asked_last_is_woken_and_keeps_one_handle() {
    let (mut producer, mut consumer) = numbers(4);
    let ((first, first_waker), (last, last_waker)) = (task(), task());
    assert!(consumer.poll_ready(1, &mut Context::from_waker(&first_waker)).is_pending());
    for _ in 0..3 {
        assert!(consumer.poll_ready(2, &mut Context::from_waker(&last_waker)).is_pending());
    }
    // Ours, the waker's and the ring's.
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&last)), (2, 3));
    assert!(producer.push_and_wake(|_| {}));
    assert_eq!((first.woken(), last.woken()), (0, 0));
    assert!(producer.push_and_wake(|_| {}));
    assert_eq!((first.woken(), last.woken()), (0, 1));
    assert_eq!(Arc::strong_count(&last), 2);
}

#[test]
fn an_end_that_leaves_wakes_the_other_whatever_it_waits_for() {
    let (task, waker) = task();
    let mut context = Context::from_waker(&waker);
    let (mut producer, mut consumer) = numbers(4);
    assert!(producer.push_with(|slot| *slot = 9));
    assert!(consumer.poll_ready(4, &mut context).is_pending());
    assert!(!consumer.is_closed());
    producer.close().unwrap().wake();
    assert_eq!(task.woken(), 1);
    assert!(consumer.is_closed());
    assert_eq!(consumer.poll_ready(1, &mut context), Poll::Ready(Readiness::Ready), "what it left is there");
    assert_eq!(consumer.poll_ready(2, &mut context), Poll::Ready(Readiness::Closed));
    assert_eq!(consumer.wait(2, None), Some(Readiness::Closed));
    assert_eq!(consumer.pop_with(|slot| *slot), Some(9));
    assert!(consumer.close().is_none(), "nobody waits");

    let (mut producer, consumer) = numbers(1);
    assert!(producer.push_with(|_| {}));
    assert!(producer.poll_ready(1, &mut context).is_pending());
    drop(consumer);
    assert_eq!(task.woken(), 2);
    assert!(producer.is_closed());
    assert_eq!(producer.wait(1, None), Some(Readiness::Closed));
}

#[test]
fn a_wait_ends_with_its_time_and_leaves_nobody_to_wake() {
    let (mut producer, mut consumer) = numbers(2);
    for timeout in [Duration::ZERO, Duration::from_millis(2)] {
        assert_eq!(consumer.wait(1, Some(timeout)), None);
    }
    assert!(producer.push_with(|_| {}));
    assert!(producer.take_wake().is_none());
    assert_eq!(consumer.wait(1, Some(Duration::ZERO)), Some(Readiness::Ready));
    assert_eq!(consumer.wait(1, Some(Duration::MAX)), Some(Readiness::Ready));
}

#[test]
fn threads_that_wait_for_batches_pass_everything_in_order() {
    let (mut producer, mut consumer) = numbers(8);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = 0;
            while next < ITEMS {
                assert_eq!(producer.wait(3, Some(LONG)), Some(Readiness::Ready));
                while next < ITEMS && producer.push_with(|slot| *slot = next) {
                    next += 1;
                }
                producer.take_wake().into_iter().for_each(super::WakeHandle::wake);
            }
        });
        let mut expected = 0;
        loop {
            let readiness = consumer.wait(5, Some(LONG)).expect("a wake-up was lost");
            while let Some(number) = consumer.pop_with(|slot| *slot) {
                assert_eq!(number, expected);
                expected += 1;
            }
            consumer.take_wake().into_iter().for_each(super::WakeHandle::wake);
            if readiness == Readiness::Closed {
                break;
            }
        }
        assert_eq!(expected, ITEMS);
    });
}

#[test]
fn a_third_thread_can_do_the_waking() {
    let (mut producer, mut consumer) = numbers(4);
    let (handles, waking) = std::sync::mpsc::channel::<super::WakeHandle>();
    std::thread::scope(|scope| {
        scope.spawn(move || waking.into_iter().for_each(super::WakeHandle::wake));
        scope.spawn(move || {
            let mut next = 0;
            while next < ITEMS / 20 {
                if producer.push_with(|slot| *slot = next) {
                    next += 1;
                    producer.take_wake().into_iter().for_each(|handle| handles.send(handle).unwrap());
                } else {
                    std::thread::yield_now();
                }
            }
            producer.close().into_iter().for_each(|handle| handles.send(handle).unwrap());
        });
        let mut taken = 0;
        while consumer.wait(1, Some(LONG)).expect("a wake-up was lost") == Readiness::Ready {
            assert_eq!(consumer.pop_with(|slot| *slot), Some(taken));
            taken += 1;
        }
        assert_eq!(taken, ITEMS / 20);
    });
}

/// One step of the model.
#[derive(Debug, Clone, Copy)]
enum Step {
    Push(u32),
    Pop,
    /// Pushing end, and slots waited for.
    Poll(bool, usize),
    /// Pushing end.
    TakeWake(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<u32>().prop_map(Step::Push),
        3 => Just(Step::Pop),
        2 => (any::<bool>(), 0..8_usize).prop_map(|(pushing, slots)| Step::Poll(pushing, slots)),
        2 => any::<bool>().prop_map(Step::TakeWake),
    ]
}

proptest! {
    // Persistence would read the current directory, which Miri does not allow.
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 16 } else { 1024 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Against a queue, and for each end the number that it waits for.
    #[test]
    fn a_ring_is_a_bounded_queue_that_wakes_at_a_number(
        capacity in 1..6_usize,
        steps in proptest::collection::vec(step(), 0..64),
    ) {
        let (mut producer, mut consumer) = numbers(capacity);
        let mut queue = VecDeque::new();
        let (mut waits_for_room, mut waits_for_items) = (None, None);
        let (_, waker) = task();
        let mut context = Context::from_waker(&waker);
        for step in steps {
            let (filled, free) = (queue.len(), capacity - queue.len());
            match step {
                Step::Push(value) => {
                    prop_assert_eq!(producer.push_with(|slot| *slot = value), free > 0);
                    if free > 0 {
                        queue.push_back(value);
                    }
                }
                Step::Pop => prop_assert_eq!(consumer.pop_with(|slot| *slot), queue.pop_front()),
                Step::Poll(pushing, slots) => {
                    let wanted = slots.clamp(1, capacity);
                    let (polled, there, waits) = if pushing {
                        (producer.poll_ready(slots, &mut context), free, &mut waits_for_room)
                    } else {
                        (consumer.poll_ready(slots, &mut context), filled, &mut waits_for_items)
                    };
                    prop_assert_eq!(polled.is_ready(), there >= wanted);
                    *waits = (there < wanted).then_some(wanted);
                }
                Step::TakeWake(pushing) => {
                    let (taken, there, waits) = if pushing {
                        (producer.take_wake(), filled, &mut waits_for_items)
                    } else {
                        (consumer.take_wake(), free, &mut waits_for_room)
                    };
                    let reached = waits.is_some_and(|wanted| there >= wanted);
                    prop_assert_eq!(taken.is_some(), reached);
                    if reached {
                        *waits = None;
                    }
                }
            }
            prop_assert_eq!((producer.len(), consumer.len()), (queue.len(), queue.len()));
            prop_assert_eq!((producer.is_empty(), consumer.is_empty()), (queue.is_empty(), queue.is_empty()));
        }
    }
}
