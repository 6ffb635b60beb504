//! The steady state allocates nothing, questions for paths and their answers included.

use std::time::Duration;

use mediapoint_allocations::of_thread;
use mediapoint_net::{Clock, PacketIo as _};
use mediapoint_packet::PacketPool;

use crate::host::{CLIENT4, SERVER4, learn, pair};

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
