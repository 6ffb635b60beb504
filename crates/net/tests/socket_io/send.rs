//! Sending: order, what fails and what that costs its neighbours.

use std::net::SocketAddr;

use crate::common::{add, backend, next, packet, stranger};
use mediapoint_net::{PacketIo, Port, SocketIo};
use mediapoint_packet::PacketPool;

fn heard(socket: &std::net::UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 2048];
    let len = socket.recv(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

#[test]
fn runs_of_any_length_go_out_in_order() {
    for run in [1, 2, 7, 8, 40_u8] {
        let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(64));
        let (port, from) = add(&mut io);
        let stranger = stranger();
        let to = stranger.local_addr().unwrap();
        for i in 0..run {
            io.send(port, to, packet(&[i]), &mut pool);
        }
        io.flush(&mut pool);
        for i in 0..run {
            let mut bytes = [0; 8];
            assert_eq!(stranger.recv_from(&mut bytes).unwrap(), (1, from));
            assert_eq!(bytes[0], i);
        }
        assert_eq!(io.counters().sent, u64::from(run));
    }
}

#[test]
fn a_full_queue_goes_out_by_itself_and_buffers_come_back() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let (port, _) = add(&mut io);
    let stranger = stranger();
    for _ in 0..8 {
        let buffer = pool.take().unwrap();
        io.send(port, stranger.local_addr().unwrap(), buffer, &mut pool);
    }
    assert_eq!(io.counters().sent, 8);
    assert_eq!(pool.available(), 8);
}

#[test]
fn a_datagram_that_cannot_go_takes_none_of_its_neighbours_with_it() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(64));
    let (port, _) = add(&mut io);
    let stranger = stranger();
    let good = stranger.local_addr().unwrap();
    let port_zero = SocketAddr::from(([127, 0, 0, 1], 0));
    let wrong_family: SocketAddr = "[::1]:9".parse().unwrap();
    for (i, to) in [port_zero, good, wrong_family, good, good, port_zero].into_iter().enumerate() {
        io.send(port, to, packet(&[u8::try_from(i).unwrap()]), &mut pool);
    }
    io.flush(&mut pool);
    assert_eq!([heard(&stranger), heard(&stranger), heard(&stranger)], [[1], [3], [4]]);
    let counters = io.counters();
    assert_eq!((counters.sent, counters.send_errors, counters.unreachable), (3, 3, 3));
}

#[test]
fn a_datagram_from_an_unknown_port_is_counted() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(2));
    let to = stranger().local_addr().unwrap();
    let buffers = [pool.take().unwrap(), pool.take().unwrap()];
    for (index, buffer) in [7, u32::MAX].into_iter().zip(buffers) {
        io.send(Port::new(index), to, buffer, &mut pool);
    }
    io.flush(&mut pool);
    let counters = io.counters();
    assert_eq!((counters.send_errors, counters.no_port, counters.send_calls), (2, 2, 0));
    assert_eq!(pool.available(), 2);
}

#[test]
fn what_is_queued_on_a_port_goes_out_before_it_is_detached_or_closed() {
    for close in [false, true] {
        let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
        let ((going, _), (staying, _)) = (add(&mut io), add(&mut io));
        let stranger = stranger();
        let to = stranger.local_addr().unwrap();
        let mut send = |io: &mut SocketIo, port, byte| {
            let mut buffer = pool.take().unwrap();
            buffer.fill(&[byte]);
            io.send(port, to, buffer, &mut pool);
        };
        for (port, byte) in [(going, 1), (staying, 2), (going, 3)] {
            send(&mut io, port, byte);
        }
        if close {
            io.close(going);
        } else {
            drop(io.detach(going).unwrap());
        }
        assert_eq!([heard(&stranger), heard(&stranger)], [[1], [3]]);
        // The queue still has their buffers, and must not send them from whoever has the index next.
        let (next, _) = add(&mut io);
        assert_eq!(next, going);
        io.flush(&mut pool);
        assert_eq!(heard(&stranger), [2]);
        let counters = io.counters();
        assert_eq!((counters.sent, counters.send_errors, pool.available()), (3, 0, 8));
    }
}

#[test]
fn a_deaf_peer_harms_neither_sending_nor_receiving() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let (port, address) = add(&mut io);
    // A port that was open a moment ago: each datagram to it comes back as an ICMP message.
    let deaf = stranger().local_addr().unwrap();
    let stranger = stranger();
    for i in 0..10 {
        io.send(port, deaf, packet(b"anybody?"), &mut pool);
        io.send(port, stranger.local_addr().unwrap(), packet(&[i]), &mut pool);
        io.flush(&mut pool);
        assert_eq!(heard(&stranger), [i]);
        stranger.send_to(&[i], address).unwrap();
        let received = next(&mut io, &mut pool);
        assert_eq!(received.packet.bytes(), [i]);
        pool.give(received.packet);
    }
    assert_eq!(io.counters().send_errors, 0);
}
