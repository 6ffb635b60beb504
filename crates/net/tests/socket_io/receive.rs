//! Receiving: draining, fairness, budget, what is dropped and what never is.

use std::os::fd::{AsFd, AsRawFd};

use crate::common::{LONG, add, backend, drain, next, packet, send_numbered, socket, stranger, took};
use mediapoint_net::{PacketIo, Port, PortOptions, UdpSocket};
use mediapoint_packet::PacketPool;
use mediapoint_packet::buffer::{CAPACITY, TAIL_ROOM};

#[test]
fn a_burst_longer_than_a_turn_comes_whole_and_in_order() {
    for turn in [1, 2, 4, 32] {
        let (mut io, mut pool) = (backend(turn, 1000), PacketPool::new(64));
        let (port, to) = add(&mut io);
        let stranger = stranger();
        send_numbered(&stranger, to, 50);
        io.wait(Some(LONG)).unwrap();
        let expected: Vec<_> = (0..50).map(|i| (port, vec![i])).collect();
        assert_eq!(drain(&mut io, &mut pool), expected, "turn {turn}");
        assert_eq!(io.counters().received, 50);
    }
}

#[test]
fn a_port_is_read_again_whatever_the_last_burst_was() {
    for burst in 1..=9_u8 {
        let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(64));
        let (_, to) = add(&mut io);
        let stranger = stranger();
        for _ in 0..3 {
            send_numbered(&stranger, to, burst);
            for i in 0..burst {
                let received = next(&mut io, &mut pool);
                assert_eq!(received.packet.bytes(), [i]);
                pool.give(received.packet);
            }
            assert!(io.receive(&mut pool).is_none());
        }
    }
}

#[test]
fn a_datagram_or_two_cost_a_receive_call_each() {
    for count in [1, 2] {
        let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(64));
        let (_, to) = add(&mut io);
        send_numbered(&stranger(), to, count);
        io.wait(Some(LONG)).unwrap();
        assert_eq!(drain(&mut io, &mut pool).len(), usize::from(count));
        assert_eq!(io.counters().receive_calls, u64::from(count));
    }
}

#[test]
fn a_flooded_port_does_not_starve_its_neighbour() {
    let (mut io, mut pool) = (backend(4, 12), PacketPool::new(64));
    let ((_, flooded), (port, quiet)) = (add(&mut io), add(&mut io));
    let stranger = stranger();
    stranger.send_to(b"hello", quiet).unwrap();
    send_numbered(&stranger, flooded, 100);
    io.wait(Some(LONG)).unwrap();
    let first = drain(&mut io, &mut pool);
    assert_eq!(first.len(), 12, "the budget of one wake-up");
    assert!(first.contains(&(port, b"hello".to_vec())));
    assert_eq!(io.counters().budget_spent, 1);
}

#[test]
fn a_spent_budget_makes_the_next_wait_return_at_once_and_loses_nothing() {
    let (mut io, mut pool) = (backend(4, 10), PacketPool::new(64));
    let (_, to) = add(&mut io);
    let stranger = stranger();
    send_numbered(&stranger, to, 95);
    let mut all = Vec::new();
    let wakeups = 10;
    for _ in 0..wakeups {
        // `None` would never end if it did not return for what was left behind.
        io.wait(None).unwrap();
        let now = drain(&mut io, &mut pool);
        assert!(now.len() <= 10);
        all.extend(now.into_iter().map(|(_, bytes)| bytes[0]));
    }
    assert!(all.into_iter().eq(0..95));
    assert!(drain(&mut io, &mut pool).is_empty());
}

/// A datagram whose every octet says where it belongs.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn every_datagram_that_udp_carries_comes_whole() {
    let usual = CAPACITY - TAIL_ROOM;
    for (address, longest) in [("127.0.0.1:0", 65_507), ("[::1]:0", 65_527)] {
        for arrival_times in [false, true] {
            let (mut io, mut pool) = (backend(4, 1000), PacketPool::with_large(8, 2));
            let options = PortOptions { arrival_times, ..PortOptions::default() };
            let handle = UdpSocket::bind(address.parse().unwrap(), &options).unwrap();
            let to = handle.local_addr();
            let port = io.attach(handle).unwrap();
            let stranger = std::net::UdpSocket::bind(address).unwrap();
            stranger.set_read_timeout(Some(LONG)).unwrap();
            for len in [0, 1, 172, usual, usual + 1, 2200, 3540, 9000, 60_000, longest, 172] {
                stranger.send_to(&pattern(len), to).unwrap();
                let received = next(&mut io, &mut pool);
                assert!(received.packet.bytes() == pattern(len), "{len} octets of {address}");
                assert_eq!(received.packet.is_large(), len > usual, "{len} octets");
                // And back the way they came.
                io.send(port, received.from, received.packet, &mut pool);
                io.flush(&mut pool);
                let mut back = vec![0; 65_536];
                let got = stranger.recv(&mut back).unwrap();
                assert!(back[..got] == pattern(len), "{len} octets of {address}, sent back");
            }
            let counters = io.counters();
            assert_eq!((counters.received, counters.sent), (11, 11));
            assert_eq!((counters.truncated, counters.no_large_buffer, counters.send_errors), (0, 0, 0));
            assert_eq!(pool.available(), 10);
        }
    }
}

#[test]
fn a_large_datagram_without_a_buffer_for_it_is_dropped_and_counted() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::with_large(8, 1));
    let (_, to) = add(&mut io);
    let stranger = stranger();
    for len in [3000, 4000, 172, 5000] {
        stranger.send_to(&pattern(len), to).unwrap();
    }
    let held = next(&mut io, &mut pool);
    assert_eq!(held.packet.len(), 3000);
    let other = next(&mut io, &mut pool);
    assert_eq!(other.packet.len(), 172, "the usual ones are not held up");
    assert!(io.receive(&mut pool).is_none());
    assert_eq!((io.counters().no_large_buffer, io.counters().received), (2, 2));
    pool.give(held.packet);
    pool.give(other.packet);
    stranger.send_to(&pattern(6000), to).unwrap();
    assert_eq!(next(&mut io, &mut pool).packet.bytes(), pattern(6000));
}

#[test]
fn what_is_longer_than_the_network_takes_is_counted() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::with_large(8, 1));
    let (port, _) = add(&mut io);
    let stranger = stranger();
    let to = stranger.local_addr().unwrap();
    for (len, too_long) in [(65_507, 0), (65_508, 1), (65_571, 2)] {
        let mut packet = pool.take_for(65_507).unwrap();
        packet.set_len(len);
        io.send(port, to, packet, &mut pool);
        io.flush(&mut pool);
        assert_eq!((io.counters().too_long, io.counters().send_errors), (too_long, too_long), "{len}");
    }
    assert_eq!(stranger.recv(&mut vec![0; 65_536]).unwrap(), 65_507);
}

#[test]
fn an_empty_pool_leaves_datagrams_in_the_kernel_until_there_is_a_buffer() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(1));
    let (_, to) = add(&mut io);
    let stranger = stranger();
    send_numbered(&stranger, to, 3);
    let first = next(&mut io, &mut pool);
    assert_eq!(first.packet.bytes(), [0]);
    assert!(io.receive(&mut pool).is_none(), "the pool's one buffer is in use");
    assert_eq!(io.counters().pool_empty, 1);
    // Not a busy loop, and not for ever either, though datagrams wait.
    let waited = took(|| io.wait(None).unwrap());
    assert!(waited.as_micros() >= 900 && waited < LONG, "{waited:?}");
    pool.give(first.packet);
    for expected in [[1], [2]] {
        let received = next(&mut io, &mut pool);
        assert_eq!(received.packet.bytes(), expected);
        pool.give(received.packet);
    }
}

#[test]
fn a_dual_stack_socket_shows_v4_senders_as_v4_and_answers_them() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let both = socket("[::]:0");
    let port = both.local_addr().port();
    let both = io.attach(both).unwrap();
    let v4 = stranger();
    let v6 = std::net::UdpSocket::bind("[::1]:0").unwrap();
    v6.set_read_timeout(Some(LONG)).unwrap();
    v4.send_to(b"four", ("127.0.0.1", port)).unwrap();
    v6.send_to(b"six", ("::1", port)).unwrap();
    for peer in [&v4, &v6] {
        let received = next(&mut io, &mut pool);
        assert_eq!(received.from, peer.local_addr().unwrap());
        let from = received.from;
        io.send(both, from, received.packet, &mut pool);
    }
    io.flush(&mut pool);
    let mut bytes = [0; 16];
    assert_eq!(v4.recv_from(&mut bytes).unwrap(), (4, ([127, 0, 0, 1], port).into()));
    assert_eq!(v6.recv_from(&mut bytes).unwrap().0, 3);
}

#[test]
fn what_came_before_a_port_was_attached_is_delivered() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let early = socket("127.0.0.1:0");
    stranger().send_to(b"early", early.local_addr()).unwrap();
    io.attach(early).unwrap();
    assert_eq!(next(&mut io, &mut pool).packet.bytes(), b"early");
}

#[test]
fn a_port_of_a_used_index_inherits_nothing_from_its_predecessor() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let (old, address) = add(&mut io);
    let stranger = stranger();
    send_numbered(&stranger, address, 3);
    // One of the three is taken when the port goes.
    assert_eq!(next(&mut io, &mut pool).packet.bytes(), [0]);
    assert_eq!(io.detach(old).unwrap().local_addr(), address);
    let (new, address) = add(&mut io);
    assert_eq!(new, old);
    stranger.send_to(b"new", address).unwrap();
    assert_eq!(next(&mut io, &mut pool).packet.bytes(), b"new");
    assert!(io.receive(&mut pool).is_none());
}

#[test]
fn a_port_that_goes_between_the_wait_and_its_turn_is_not_read() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let ((going, to_going), (staying, to_staying)) = (add(&mut io), add(&mut io));
    let stranger = stranger();
    send_numbered(&stranger, to_going, 2);
    send_numbered(&stranger, to_staying, 2);
    io.wait(Some(LONG)).unwrap();
    io.close(going);
    assert_eq!(drain(&mut io, &mut pool), [(staying, vec![0]), (staying, vec![1])]);
    assert_eq!(io.counters().receive_errors, 0);
}

#[test]
fn ports_are_bounded_and_their_indices_used_again() {
    let mut io = backend(4, 1000);
    let mut ports: Vec<Port> = (0..16).map(|_| add(&mut io).0).collect();
    let refused = io.attach(socket("127.0.0.1:0")).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string().as_str()),
        (std::io::ErrorKind::OutOfMemory, "all 16 ports are attached")
    );
    let gone = ports.swap_remove(5);
    assert!(io.detach(gone).is_some());
    assert!(io.detach(gone).is_none() && io.detach(Port::new(u32::MAX)).is_none());
    io.close(gone);
    assert!(io.socket(gone).is_none() && io.socket(Port::new(u32::MAX)).is_none());
    let (again, address) = add(&mut io);
    assert_eq!(again, gone);
    assert!(!ports.contains(&again));
    assert_eq!(io.socket(again).unwrap().local_addr(), address);
    assert!(io.attach(socket("127.0.0.1:0")).is_err());
}

#[test]
fn unsent_and_unread_buffers_are_bounded_by_the_pool() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(16));
    let ((a, to_a), (b, to_b)) = (add(&mut io), add(&mut io));
    for _ in 0..100 {
        io.send(a, to_b, packet(b"x"), &mut pool);
        io.send(b, to_a, packet(b"y"), &mut pool);
        io.flush(&mut pool);
        (0..2).for_each(|_| {
            let received = next(&mut io, &mut pool);
            pool.give(received.packet);
        });
    }
    assert_eq!(pool.available(), 16);
}

#[test]
fn a_pending_icmp_error_is_consumed_and_hides_nothing() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(64));
    let (port, address) = add(&mut io);
    // Without this option Linux shows an unconnected socket no ICMP errors at all.
    let on: libc::c_int = 1;
    let fd = io.socket(port).unwrap().as_fd().as_raw_fd();
    let (option, len) = ((&raw const on).cast(), libc::socklen_t::try_from(size_of_val(&on)).unwrap());
    // SAFETY: setsockopt(2) reads as many bytes of the option as it is told, here the size of a live local.
    assert_eq!(unsafe { libc::setsockopt(fd, libc::IPPROTO_IP, libc::IP_RECVERR, option, len) }, 0);

    let deaf = stranger().local_addr().unwrap();
    let stranger = stranger();
    for round in 1..=20 {
        io.send(port, deaf, packet(b"anybody?"), &mut pool);
        io.flush(&mut pool);
        send_numbered(&stranger, address, 6);
        for number in 0..6 {
            let received = next(&mut io, &mut pool);
            assert_eq!(received.packet.bytes(), [number]);
            pool.give(received.packet);
        }
        let counters = io.counters();
        assert_eq!(counters.receive_errors + counters.refused, round, "each error is seen once");
    }
}

#[test]
fn drops_of_the_kernel_are_counted() {
    let options = PortOptions { receive_buffer: Some(4096), ..PortOptions::default() };
    let small = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    assert_eq!(small.dropped().unwrap(), 0);
    let stranger = stranger();
    send_numbered(&stranger, small.local_addr(), 100);
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let port = io.attach(small).unwrap();
    io.wait(Some(LONG)).unwrap();
    let received = drain(&mut io, &mut pool).len();
    let dropped = io.socket(port).unwrap().dropped().unwrap();
    assert!(dropped > 0);
    assert_eq!(received + dropped as usize, 100);
}
