//! Waits and who ends them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::common::{LONG, add, backend, drain, send_numbered, stranger, took};
use mediapoint_net::{PacketIo, Waker};
use mediapoint_packet::PacketPool;

#[test]
fn a_wake_from_another_thread_ends_a_wait_without_end() {
    let mut io = backend(4, 1000);
    let waker = io.waker();
    std::thread::scope(|scope| {
        scope.spawn(move || waker.wake());
        io.wait(None).unwrap();
    });
}

#[test]
fn a_wake_before_the_wait_is_not_lost_and_counts_once() {
    let mut io = backend(4, 1000);
    let waker = io.waker();
    (0..5).for_each(|_| waker.wake());
    io.wait(None).unwrap();
    let waited = took(|| io.wait(Some(Duration::from_millis(2))).unwrap());
    assert!(waited >= Duration::from_millis(2), "the wakes were seen already: {waited:?}");
}

#[test]
fn a_wake_during_a_tick_is_seen_by_the_next_wait() {
    let mut io = backend(4, 1000);
    let waker = io.waker();
    waker.wake();
    io.wait_tick(Duration::from_micros(100)).unwrap();
    // The tick's wait saw it. One that comes now is for the next.
    waker.wake();
    io.wait(None).unwrap();
}

#[test]
fn no_wake_is_lost_between_a_look_at_the_queue_and_the_sleep() {
    const COMMANDS: u64 = 20_000;
    let mut io = backend(4, 1000);
    let (queued, taken) = (AtomicU64::new(0), AtomicU64::new(0));
    let caller = |waker: Waker| {
        for command in 1..=COMMANDS {
            queued.store(command, Ordering::Relaxed);
            waker.wake();
            // Lock step, so that each wake meets another point of the worker's round.
            while taken.load(Ordering::Relaxed) < command && command % 3 != 0 {
                std::hint::spin_loop();
            }
        }
    };
    std::thread::scope(|scope| {
        let waker = io.waker();
        scope.spawn(move || caller(waker));
        while taken.load(Ordering::Relaxed) < COMMANDS {
            let waited = took(|| io.wait(Some(LONG)).unwrap());
            assert!(waited < LONG, "a wake was lost");
            taken.store(queued.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    });
}

#[test]
fn a_wait_ends_with_its_time_or_with_a_datagram() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let (_, to) = add(&mut io);
    let waited = took(|| io.wait(Some(Duration::from_millis(3))).unwrap());
    assert!(waited >= Duration::from_millis(3) && waited < LONG, "{waited:?}");
    stranger().send_to(b"x", to).unwrap();
    io.wait(None).unwrap();
    assert_eq!(drain(&mut io, &mut pool).len(), 1);
}

#[test]
fn a_tick_lasts_its_time_whatever_comes_and_then_shows_it() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let (_, to) = add(&mut io);
    stranger().send_to(b"x", to).unwrap();
    let waited = took(|| io.wait_tick(Duration::from_millis(3)).unwrap());
    assert!(waited >= Duration::from_millis(3), "{waited:?}");
    assert_eq!(drain(&mut io, &mut pool).len(), 1);
}

#[test]
fn a_tick_does_not_sleep_while_datagrams_wait_for_the_next_budget() {
    let (mut io, mut pool) = (backend(4, 1), PacketPool::new(8));
    let (_, to) = add(&mut io);
    let stranger = stranger();
    send_numbered(&stranger, to, 2);
    io.wait(Some(LONG)).unwrap();
    assert_eq!(drain(&mut io, &mut pool).len(), 1);
    let waited = took(|| io.wait_tick(LONG).unwrap());
    assert!(waited < LONG, "{waited:?}");
    assert_eq!(drain(&mut io, &mut pool).len(), 1);
}
