//! The steady state allocates nothing, questions for paths and their answers included.

use std::time::Duration;

use mediapoint_allocations::of_thread;
use mediapoint_net::{Clock, PacketIo as _};
use mediapoint_packet::PacketPool;

use crate::host::{CLIENT4, SERVER4, learn, pair};
use crate::stream::{Stream, generic};

/// Longer than a path is good for.
const LONG_ENOUGH: Duration = Duration::from_millis(2_500);

#[test]
fn receiving_and_answering_allocates_nothing() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let (port, local) = pair.open(&mut io, SERVER4);
    let caller = pair.client.socket(CLIENT4);
    learn(&pair, &mut io, &mut pool, port, &caller);
    let clock = Clock::new();
    let end = clock.now() + LONG_ENOUGH;
    let (before, mut answered) = (of_thread().calls(), 0_u32);
    while clock.now() < end {
        for _ in 0..8 {
            caller.send_to(&[7; 172], local).unwrap();
        }
        let mut left = 8;
        while left > 0 {
            io.wait_tick(Duration::from_micros(100)).unwrap();
            while let Some(received) = io.receive(&mut pool) {
                io.send(port, received.from, received.packet, &mut pool);
                left -= 1;
            }
        }
        io.flush(&mut pool);
        for _ in 0..8 {
            assert_eq!(caller.recv(&mut [0; 200]).unwrap(), 172);
            answered += 1;
        }
    }
    assert_eq!(of_thread().calls() - before, 0, "in {answered} datagrams");
}

#[test]
fn looking_after_a_stream_that_is_forwarded_allocates_nothing() {
    let Some(pair) = pair() else { return };
    let interfaces = generic(&pair, 8);
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let mut stream = Stream::learned(&pair, &mut io, &mut pool, (SERVER4, CLIENT4));
    stream.begin(&mut io, &mut pool);
    let clock = Clock::new();
    let end = clock.now() + LONG_ENOUGH;
    let (before, mut sent) = (of_thread().calls(), 0_u64);
    let mut room = [0; 200];
    while clock.now() < end {
        let packet = stream.next_packet();
        stream.caller.send_to(&packet, stream.local).unwrap();
        assert_eq!(stream.callee.recv(&mut room).unwrap(), packet.len());
        sent += 1;
        io.wait_tick(Duration::from_micros(100)).unwrap();
        assert!(io.receive(&mut pool).is_none());
        assert_eq!(io.forwarded(stream.port).map(|so_far| so_far.packets), Some(sent));
        assert_eq!(io.counters().forwarded, sent);
        io.flush(&mut pool);
    }
    assert_eq!(of_thread().calls() - before, 0, "in {sent} packets");
}
