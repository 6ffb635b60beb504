//! Sending: runs, order, what fails and what that costs its neighbours.

use std::net::SocketAddr;

use crate::common::{add, next, packet, reactor, stranger};
use mediapoint_packet::PacketPool;

fn heard(socket: &std::net::UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 2048];
    let len = socket.recv(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

#[test]
fn runs_of_any_length_go_out_in_order() {
    for run in [1, 2, 7, 8, 40_u8] {
        let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(64));
        let from = add(&mut reactor, 0);
        let stranger = stranger();
        let to = stranger.local_addr().unwrap();
        for i in 0..run {
            reactor.send(0, to, packet(&[i]), &mut pool);
        }
        reactor.flush(&mut pool);
        for i in 0..run {
            let mut bytes = [0; 8];
            assert_eq!(stranger.recv_from(&mut bytes).unwrap(), (1, from));
            assert_eq!(bytes[0], i);
        }
        assert_eq!(reactor.counters().sent, u64::from(run));
    }
}

#[test]
fn datagrams_of_one_socket_share_a_system_call() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(64));
    add(&mut reactor, 0);
    add(&mut reactor, 1);
    let stranger = stranger();
    let to = stranger.local_addr().unwrap();
    for key in [0, 0, 0, 1, 1] {
        reactor.send(key, to, packet(b"x"), &mut pool);
    }
    reactor.flush(&mut pool);
    let counters = reactor.counters();
    assert_eq!((counters.sent, counters.send_calls), (5, 2));
}

#[test]
fn a_full_batch_goes_out_by_itself_and_buffers_come_back() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    add(&mut reactor, 0);
    let stranger = stranger();
    for _ in 0..8 {
        let buffer = pool.take().unwrap();
        reactor.send(0, stranger.local_addr().unwrap(), buffer, &mut pool);
    }
    assert_eq!(reactor.counters().sent, 8);
    assert_eq!(pool.available(), 8);
}

#[test]
fn a_datagram_that_cannot_go_takes_none_of_its_run_with_it() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(64));
    add(&mut reactor, 0);
    let stranger = stranger();
    let good = stranger.local_addr().unwrap();
    let port_zero = SocketAddr::from(([127, 0, 0, 1], 0));
    let wrong_family: SocketAddr = "[::1]:9".parse().unwrap();
    for (i, to) in [port_zero, good, wrong_family, good, good, port_zero].into_iter().enumerate() {
        reactor.send(0, to, packet(&[u8::try_from(i).unwrap()]), &mut pool);
    }
    reactor.flush(&mut pool);
    assert_eq!([heard(&stranger), heard(&stranger), heard(&stranger)], [[1], [3], [4]]);
    let counters = reactor.counters();
    assert_eq!((counters.sent, counters.send_errors, counters.unreachable), (3, 3, 3));
}

#[test]
fn a_key_without_a_socket_is_counted() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(2));
    let to = stranger().local_addr().unwrap();
    let buffers = [pool.take().unwrap(), pool.take().unwrap()];
    for (key, buffer) in [7, u32::MAX].into_iter().zip(buffers) {
        reactor.send(key, to, buffer, &mut pool);
    }
    reactor.flush(&mut pool);
    let counters = reactor.counters();
    assert_eq!((counters.send_errors, counters.no_socket, counters.send_calls), (2, 2, 0));
    assert_eq!(pool.available(), 2);
}

#[test]
fn what_is_queued_on_a_socket_goes_out_before_it_is_removed() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    add(&mut reactor, 0);
    add(&mut reactor, 1);
    let stranger = stranger();
    let to = stranger.local_addr().unwrap();
    let mut send = |reactor: &mut mediapoint_net::Reactor, key, byte| {
        let mut buffer = pool.take().unwrap();
        buffer.fill(&[byte]);
        reactor.send(key, to, buffer, &mut pool);
    };
    for (key, byte) in [(0, 1), (1, 2), (0, 3)] {
        send(&mut reactor, key, byte);
    }
    drop(reactor.remove(0));
    assert_eq!([heard(&stranger), heard(&stranger)], [[1], [3]]);
    reactor.flush(&mut pool);
    assert_eq!(heard(&stranger), [2]);
    assert_eq!((reactor.counters().sent, pool.available()), (3, 8));
}

#[test]
fn a_deaf_peer_harms_neither_sending_nor_receiving() {
    let (mut reactor, mut pool) = (reactor(4, 1000), PacketPool::new(8));
    let address = add(&mut reactor, 0);
    // A port that was open a moment ago: each datagram to it comes back as an ICMP message.
    let deaf = stranger().local_addr().unwrap();
    let stranger = stranger();
    for i in 0..10 {
        reactor.send(0, deaf, packet(b"anybody?"), &mut pool);
        reactor.send(0, stranger.local_addr().unwrap(), packet(&[i]), &mut pool);
        reactor.flush(&mut pool);
        assert_eq!(heard(&stranger), [i]);
        stranger.send_to(&[i], address).unwrap();
        let received = next(&mut reactor, &mut pool);
        assert_eq!(received.packet.bytes(), [i]);
        pool.give(received.packet);
    }
    assert_eq!(reactor.counters().send_errors, 0);
}
