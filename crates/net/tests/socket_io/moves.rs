//! Ports that move from worker to worker while datagrams come.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use crate::common::{backend, next, packet, socket, stranger};
use mediapoint_net::{PacketIo, PortHandle, UdpSocket};
use mediapoint_packet::PacketPool;

const DATAGRAMS: u32 = 10_000;
const MOVES: u32 = 100;

/// Datagrams under way at most: the kernel holds them all for one port.
const WINDOW: u32 = 64;

/// Sends numbered datagrams as fast as their answers are read: neither side's buffer overflows.
fn send_all(stranger: &std::net::UdpSocket, to: std::net::SocketAddr, answered: &AtomicU32) {
    for number in 0..DATAGRAMS {
        while number >= answered.load(Ordering::Relaxed) + WINDOW {
            std::thread::yield_now();
        }
        stranger.send_to(&number.to_be_bytes(), to).unwrap();
    }
}

/// One worker: takes the port in whenever it is given it, receives its share of the datagrams, answers each, and passes
/// the port on, with datagrams still coming and the last answers still queued.
fn work(
    turns: mpsc::Receiver<(UdpSocket, u32)>,
    other: mpsc::Sender<(UdpSocket, u32)>,
    received: &AtomicU32,
) {
    let (mut io, mut pool) = (backend(4, 7), PacketPool::new(16));
    for (handle, turn) in turns {
        let local = PortHandle::local_addr(&handle);
        let port = io.attach(handle).unwrap();
        for _ in 0..DATAGRAMS / MOVES {
            let datagram = next(&mut io, &mut pool);
            let number = u32::from_be_bytes(datagram.packet.bytes().try_into().unwrap());
            assert_eq!((datagram.port, number), (port, received.load(Ordering::Relaxed)), "lost or doubled");
            io.send(port, datagram.from, datagram.packet, &mut pool);
            received.store(number + 1, Ordering::Relaxed);
        }
        let handle = io.detach(port).unwrap();
        io.flush(&mut pool);
        assert_eq!(PortHandle::local_addr(&handle), local);
        assert_eq!(pool.available(), 16);
        // The last worker has nobody to pass it to.
        if turn + 1 == MOVES {
            break;
        }
        other.send((handle, turn + 1)).unwrap();
    }
}

#[test]
fn a_port_that_moves_while_datagrams_come_loses_and_doubles_none() {
    let (to_first, first) = mpsc::channel();
    let (to_second, second) = mpsc::channel();
    let (received, answered) = (AtomicU32::new(0), AtomicU32::new(0));
    let moving = socket("127.0.0.1:0");
    let address = PortHandle::local_addr(&moving);
    let stranger = stranger();
    std::thread::scope(|scope| {
        to_first.send((moving, 0)).unwrap();
        scope.spawn(|| work(first, to_second, &received));
        scope.spawn(|| work(second, to_first, &received));
        scope.spawn(|| send_all(&stranger, address, &answered));
        let mut bytes = [0; 8];
        for number in 0..DATAGRAMS {
            let (len, from) = stranger.recv_from(&mut bytes).unwrap();
            assert_eq!((&bytes[..len], from), (&number.to_be_bytes()[..], address));
            answered.store(number + 1, Ordering::Relaxed);
        }
    });
    assert_eq!(received.into_inner(), DATAGRAMS);
}

#[test]
fn what_came_while_nobody_had_the_port_is_the_next_owners() {
    let (mut old, mut new, mut pool) = (backend(4, 1000), backend(4, 1000), PacketPool::new(8));
    let stranger = stranger();
    let (port, address) = crate::common::add(&mut old);
    let handle = old.detach(port).unwrap();
    stranger.send_to(b"on the way", address).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let port = new.attach(handle).unwrap();
            let received = next(&mut new, &mut pool);
            assert_eq!((received.port, received.packet.bytes()), (port, &b"on the way"[..]));
            new.send(port, received.from, packet(b"back"), &mut pool);
            new.close(port);
        });
    });
    let mut bytes = [0; 8];
    assert_eq!(stranger.recv_from(&mut bytes).unwrap(), (4, address));
}
