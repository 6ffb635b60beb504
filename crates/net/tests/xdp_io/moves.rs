//! Ports that go from one worker to another take along what they have received.

use mediapoint_net::PacketIo as _;
use mediapoint_packet::PacketPool;

use crate::host::{CLIENT4, SERVER4, answer, next, pair};

#[test]
fn a_port_moves_with_what_it_has_received_and_the_others_keep_theirs() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut old, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(16));
    // The card has one queue: the other worker has none.
    let mut new = pair.backend(&interfaces, 1);
    assert!(old.is_direct() && !new.is_direct(), "{} {}", old.describe(), new.describe());
    let ((moving, to), (staying, other)) = (pair.open(&mut old, SERVER4), pair.open(&mut old, SERVER4));
    let caller = pair.client.socket(CLIENT4);
    for number in 0..6 {
        caller.send_to(&[number], if number % 2 == 0 { to } else { other }).unwrap();
    }
    let handle = old.detach(moving).unwrap();
    // By the kernel, as nobody serves the port now.
    caller.send_to(&[6], to).unwrap();
    let moved = new.attach(handle).unwrap();
    for number in [0, 2, 4, 6] {
        let received = next(&mut new, &mut pool);
        assert_eq!((received.port, received.packet.bytes()), (moved, &[number][..]));
        assert_eq!(received.from, caller.local_addr().unwrap());
        pool.give(received.packet);
    }
    for number in [1, 3, 5] {
        let received = next(&mut old, &mut pool);
        assert_eq!((received.port, received.packet.bytes()), (staying, &[number][..]));
        pool.give(received.packet);
    }
    answer(&mut new, &mut pool, moved, &caller, b"from the other worker");
    // And back again.
    let back = old.attach(new.detach(moved).unwrap()).unwrap();
    caller.send_to(b"back", to).unwrap();
    let received = next(&mut old, &mut pool);
    assert_eq!((received.port, received.packet.bytes()), (back, &b"back"[..]));
    assert_eq!(old.direct_ports(), 2);
}
