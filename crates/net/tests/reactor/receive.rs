//! Receiving: draining, fairness, budget, what is dropped and what never is.

use std::os::fd::{AsFd, AsRawFd};

use crate::common::{LONG, add, drain, next, packet, reactor, send_numbered, socket, stranger, took};
use mediapoint_net::{SocketOptions, UdpSocket};
use mediapoint_packet::PacketPool;
use mediapoint_packet::buffer::{CAPACITY, TAIL_ROOM};

#[test]
fn a_burst_longer_than_a_batch_comes_whole_and_in_order() {
    for batch in [1, 2, 4, 32] {
        let (mut reactor, mut pool) = (reactor(batch, 1000), PacketPool::new(64));
        let to = add(&mut reactor, 3);
        let stranger = stranger();
        send_numbered(&stranger, to, 50);
        reactor.wait(Some(LONG)).unwrap();
        let expected: Vec<_> = (0..50).map(|i| (3, vec![i])).collect();
        assert_eq!(drain(&mut reactor, &mut pool), expected, "batch {batch}");
        assert_eq!(reactor.counters().received, 50);
    }
}

#[test]
fn a_socket_is_heard_again_after_a_short_and_after_a_full_batch() {
    // The poller is edge-triggered: a socket taken for drained that was not would stay silent.
    for burst in 1..=9_u8 {
        let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(64));
        let to = add(&mut reactor, 0);
        let stranger = stranger();
        for _ in 0..3 {
            send_numbered(&stranger, to, burst);
            for i in 0..burst {
                let received = next(&mut reactor, &mut pool);
                assert_eq!(received.packet.bytes(), [i]);
                pool.give(received.packet);
            }
            assert!(reactor.receive(&mut pool).is_none());
        }
    }
}

#[test]
fn one_receive_call_suffices_for_a_lone_datagram() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(64));
    let to = add(&mut reactor, 0);
    stranger().send_to(b"x", to).unwrap();
    reactor.wait(Some(LONG)).unwrap();
    assert_eq!(drain(&mut reactor, &mut pool).len(), 1);
    assert_eq!(reactor.counters().receive_calls, 1);
}

#[test]
fn a_flooded_socket_does_not_starve_its_neighbour() {
    let (mut reactor, mut pool) = (reactor(4, 12), PacketPool::new(64));
    let (flooded, quiet) = (add(&mut reactor, 0), add(&mut reactor, 1));
    let stranger = stranger();
    stranger.send_to(b"hello", quiet).unwrap();
    send_numbered(&stranger, flooded, 100);
    reactor.wait(Some(LONG)).unwrap();
    let first = drain(&mut reactor, &mut pool);
    assert_eq!(first.len(), 12, "the budget of one wake-up");
    assert!(first.contains(&(1, b"hello".to_vec())));
    assert_eq!(reactor.counters().budget_spent, 1);
}

#[test]
fn a_spent_budget_makes_the_next_wait_return_at_once_and_loses_nothing() {
    let (mut reactor, mut pool) = (reactor(4, 10), PacketPool::new(64));
    let to = add(&mut reactor, 0);
    let stranger = stranger();
    send_numbered(&stranger, to, 95);
    let mut all = Vec::new();
    let wakeups = 10;
    for _ in 0..wakeups {
        // `None` would never end if it did not return for what was left behind.
        reactor.wait(None).unwrap();
        let now = drain(&mut reactor, &mut pool);
        assert!(now.len() <= 10);
        all.extend(now.into_iter().map(|(_, bytes)| bytes[0]));
    }
    assert!(all.into_iter().eq(0..95));
    assert!(drain(&mut reactor, &mut pool).is_empty());
}

#[test]
fn the_largest_datagram_fits_and_a_larger_one_is_dropped_and_counted() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    let to = add(&mut reactor, 0);
    let stranger = stranger();
    let room = CAPACITY - TAIL_ROOM;
    for len in [room + 1, room, 60_000, 0, 1] {
        stranger.send_to(&vec![7; len], to).unwrap();
    }
    reactor.wait(Some(LONG)).unwrap();
    let lengths: Vec<_> = drain(&mut reactor, &mut pool).into_iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(lengths, [room, 0, 1]);
    let counters = reactor.counters();
    assert_eq!((counters.truncated, counters.received), (2, 3));
}

#[test]
fn an_empty_pool_leaves_datagrams_in_the_kernel_until_there_is_a_buffer() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(1));
    let to = add(&mut reactor, 0);
    let stranger = stranger();
    send_numbered(&stranger, to, 3);
    let first = next(&mut reactor, &mut pool);
    assert_eq!(first.packet.bytes(), [0]);
    assert!(reactor.receive(&mut pool).is_none(), "the pool's one buffer is in use");
    assert_eq!(reactor.counters().pool_empty, 1);
    // Not a busy loop, and not for ever either, though datagrams wait.
    let waited = took(|| reactor.wait(None).unwrap());
    assert!(waited.as_micros() >= 900 && waited < LONG, "{waited:?}");
    pool.give(first.packet);
    for expected in [[1], [2]] {
        let received = next(&mut reactor, &mut pool);
        assert_eq!(received.packet.bytes(), expected);
        pool.give(received.packet);
    }
}

#[test]
fn a_dual_stack_socket_shows_v4_senders_as_v4_and_answers_them() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    let both = socket("[::]:0");
    let port = both.local_addr().port();
    reactor.add(0, both).unwrap();
    let v4 = stranger();
    let v6 = std::net::UdpSocket::bind("[::1]:0").unwrap();
    v6.set_read_timeout(Some(LONG)).unwrap();
    v4.send_to(b"four", ("127.0.0.1", port)).unwrap();
    v6.send_to(b"six", ("::1", port)).unwrap();
    for peer in [&v4, &v6] {
        let received = next(&mut reactor, &mut pool);
        assert_eq!(received.from, peer.local_addr().unwrap());
        let from = received.from;
        reactor.send(0, from, received.packet, &mut pool);
    }
    reactor.flush(&mut pool);
    let mut bytes = [0; 16];
    assert_eq!(v4.recv_from(&mut bytes).unwrap(), (4, ([127, 0, 0, 1], port).into()));
    assert_eq!(v6.recv_from(&mut bytes).unwrap().0, 3);
}

#[test]
fn what_came_before_a_socket_was_added_is_delivered() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    let early = socket("127.0.0.1:0");
    stranger().send_to(b"early", early.local_addr()).unwrap();
    reactor.add(5, early).unwrap();
    assert_eq!(next(&mut reactor, &mut pool).packet.bytes(), b"early");
}

#[test]
fn a_socket_under_a_used_key_inherits_nothing_from_its_predecessor() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    let old = add(&mut reactor, 0);
    let stranger = stranger();
    send_numbered(&stranger, old, 3);
    // One of the three is taken, two are in the batch, when the socket goes.
    assert_eq!(next(&mut reactor, &mut pool).packet.bytes(), [0]);
    assert_eq!(reactor.remove(0).unwrap().local_addr(), old);
    let new = add(&mut reactor, 0);
    stranger.send_to(b"new", new).unwrap();
    assert_eq!(next(&mut reactor, &mut pool).packet.bytes(), b"new");
    assert!(reactor.receive(&mut pool).is_none());
}

#[test]
fn a_socket_can_move_to_another_reactor() {
    let (mut from, mut to, mut pool) = (reactor(4, 1000), reactor(4, 1000), PacketPool::new(8));
    let address = add(&mut from, 0);
    let socket = from.remove(0).unwrap();
    let stranger = stranger();
    stranger.send_to(b"on the way", address).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            to.add(9, socket).unwrap();
            let received = next(&mut to, &mut pool);
            assert_eq!((received.key, received.packet.bytes()), (9, &b"on the way"[..]));
        });
    });
}

#[test]
fn keys_are_bounded_and_unique() {
    let mut reactor = reactor(4, 1000);
    add(&mut reactor, 15);
    let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(reactor.add(15, socket("127.0.0.1:0"))), std::io::ErrorKind::AlreadyExists);
    assert_eq!(kind(reactor.add(16, socket("127.0.0.1:0"))), std::io::ErrorKind::InvalidInput);
    assert_eq!(kind(reactor.add(u32::MAX, socket("127.0.0.1:0"))), std::io::ErrorKind::InvalidInput);
    assert!(reactor.remove(14).is_none() && reactor.remove(u32::MAX).is_none());
    assert!(reactor.socket(15).is_some() && reactor.socket(14).is_none());
}

#[test]
fn unsent_and_unread_buffers_are_bounded_by_the_pool() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(16));
    let (a, b) = (add(&mut reactor, 0), add(&mut reactor, 1));
    for _ in 0..100 {
        reactor.send(0, b, packet(b"x"), &mut pool);
        reactor.send(1, a, packet(b"y"), &mut pool);
        reactor.flush(&mut pool);
        (0..2).for_each(|_| {
            let received = next(&mut reactor, &mut pool);
            pool.give(received.packet);
        });
    }
    // All buffers but those in the receive batch are back.
    assert!(pool.available() >= 12, "{}", pool.available());
}

#[test]
fn a_pending_icmp_error_is_consumed_and_hides_nothing() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(64));
    let address = add(&mut reactor, 0);
    // Without this option Linux shows an unconnected socket no ICMP errors at all.
    let on: libc::c_int = 1;
    let fd = reactor.socket(0).unwrap().as_fd().as_raw_fd();
    let (option, len) = ((&raw const on).cast(), libc::socklen_t::try_from(size_of_val(&on)).unwrap());
    // SAFETY: setsockopt(2) reads as many bytes of the option as it is told, here the size of a live local.
    assert_eq!(unsafe { libc::setsockopt(fd, libc::IPPROTO_IP, libc::IP_RECVERR, option, len) }, 0);

    let deaf = stranger().local_addr().unwrap();
    let stranger = stranger();
    for round in 1..=20 {
        reactor.send(0, deaf, packet(b"anybody?"), &mut pool);
        reactor.flush(&mut pool);
        send_numbered(&stranger, address, 6);
        for number in 0..6 {
            let received = next(&mut reactor, &mut pool);
            assert_eq!(received.packet.bytes(), [number]);
            pool.give(received.packet);
        }
        let counters = reactor.counters();
        assert_eq!(counters.receive_errors + counters.refused, round, "each error is seen once");
    }
}

#[test]
fn drops_of_the_kernel_are_counted() {
    let options = SocketOptions { receive_buffer: Some(4096), ..SocketOptions::default() };
    let small = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    assert_eq!(small.dropped().unwrap(), 0);
    let stranger = stranger();
    send_numbered(&stranger, small.local_addr(), 100);
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    reactor.add(0, small).unwrap();
    reactor.wait(Some(LONG)).unwrap();
    let received = drain(&mut reactor, &mut pool).len();
    let dropped = reactor.socket(0).unwrap().dropped().unwrap();
    assert!(dropped > 0);
    assert_eq!(received + dropped as usize, 100);
}
