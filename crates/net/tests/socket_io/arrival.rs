//! Times of arrival: asked for, right, and absent where not asked for.

use std::time::Duration;

use crate::common::{LONG, add, backend, next, packet, stranger};
use mediapoint_net::{Clock, PacketIo, Port, PortOptions, UdpSocket};
use mediapoint_packet::PacketPool;

#[test]
fn a_datagram_arrived_when_it_was_sent_and_not_when_it_was_read() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let clock = Clock::new();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let options = PortOptions { arrival_times: true, ..PortOptions::default() };
        let handle = UdpSocket::bind(address.parse().unwrap(), &options).unwrap();
        let to = handle.local_addr();
        let port = io.attach(handle).unwrap();
        let stranger = std::net::UdpSocket::bind(address).unwrap();
        let mut sent = Vec::new();
        for number in 0..6 {
            let before = clock.now();
            stranger.send_to(&[number], to).unwrap();
            sent.push((before, clock.now()));
            // Apart, so that one time for all of them would not do.
            io.wait_tick(Duration::from_millis(2)).unwrap();
        }
        for (number, (before, after)) in (0..).zip(sent) {
            let received = next(&mut io, &mut pool);
            assert_eq!((received.port, received.packet.bytes()), (port, &[number][..]));
            let at = received.at.unwrap();
            // Two clocks read one after the other: what comes between shifts the figure. Loopback delivers in the call.
            let slack = Duration::from_millis(1);
            assert!(at + slack >= before && at <= after + slack, "{before:?} {at:?} {after:?}");
            assert!(at <= clock.now());
            pool.give(received.packet);
        }
    }
}

#[test]
fn times_are_given_where_they_are_asked_for() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let (port, to) = add(&mut io);
    let stranger = stranger();
    for wanted in [false, true, false] {
        io.set_arrival_times(port, wanted).unwrap();
        stranger.send_to(b"x", to).unwrap();
        let received = next(&mut io, &mut pool);
        assert_eq!(received.at.is_some(), wanted);
        pool.give(received.packet);
    }
    let unknown = io.set_arrival_times(Port::new(9), true).unwrap_err();
    assert_eq!(unknown.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_port_that_moves_keeps_its_times() {
    let (mut old, mut new, mut pool) = (backend(4, 1000), backend(4, 1000), PacketPool::new(8));
    let (port, to) = add(&mut old);
    old.set_arrival_times(port, true).unwrap();
    new.attach(old.detach(port).unwrap()).unwrap();
    stranger().send_to(b"x", to).unwrap();
    assert!(next(&mut new, &mut pool).at.is_some());
}

#[test]
fn a_large_datagram_without_a_buffer_is_known_with_times_too() {
    let (mut io, mut pool) = (backend(4, 1000), PacketPool::new(8));
    let (port, to) = add(&mut io);
    io.set_arrival_times(port, true).unwrap();
    let stranger = stranger();
    stranger.send_to(&[7; 4000], to).unwrap();
    stranger.send_to(b"fits", to).unwrap();
    io.wait(Some(LONG)).unwrap();
    let received = next(&mut io, &mut pool);
    assert_eq!((received.packet.bytes(), io.counters().no_large_buffer), (&b"fits"[..], 1));
    let from = received.from;
    io.send(port, from, packet(b"back"), &mut pool);
    io.flush(&mut pool);
    assert_eq!(stranger.recv(&mut [0; 8]).unwrap(), 4);
}
