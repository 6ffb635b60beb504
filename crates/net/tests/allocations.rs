//! The steady state allocates nothing: waiting, receiving, sending, waking, failing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mediapoint_net::{Reactor, ReactorConfig, SocketOptions, UdpSocket};
use mediapoint_packet::PacketPool;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The only test of this file: another one's allocations would be counted too.
#[test]
fn the_steady_state_allocates_nothing() {
    let config = ReactorConfig { max_sockets: 8, receive_batch: 4, send_batch: 8, receive_budget: 5 };
    let (mut reactor, mut pool) = (Reactor::new(config).unwrap(), PacketPool::new(64));
    let waker = reactor.waker();
    let mut addresses = Vec::new();
    for key in 0..8 {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &SocketOptions::default()).unwrap();
        addresses.push(socket.local_addr());
        reactor.add(key, socket).unwrap();
    }
    let nowhere = "127.0.0.1:0".parse().unwrap();
    let mut forwarded = 0_u32;
    let mut before = 0;
    while forwarded < 12_000 {
        if forwarded < 2_000 {
            before = ALLOCATIONS.load(Ordering::Relaxed);
        }
        for (key, &to) in (0..8_u32).zip(&addresses) {
            for _ in 0..=key % 3 {
                let mut packet = pool.take().unwrap();
                packet.set_len(172);
                reactor.send(key, to, packet, &mut pool);
            }
        }
        let packet = pool.take().unwrap();
        reactor.send(0, nowhere, packet, &mut pool);
        reactor.flush(&mut pool);
        waker.wake();
        let mut left = 15;
        while left > 0 {
            reactor.wait(Some(Duration::from_secs(10))).unwrap();
            while let Some(received) = reactor.receive(&mut pool) {
                pool.give(received.packet);
                left -= 1;
                forwarded += 1;
            }
        }
        reactor.wait_tick(Duration::from_micros(10)).unwrap();
    }
    assert!(reactor.counters().send_errors > 0 && reactor.counters().budget_spent > 0);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
}
