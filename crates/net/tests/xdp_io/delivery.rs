//! What comes and goes: past the kernel where it can, by the sockets where it must.

use std::time::Duration;

use mediapoint_net::{Clock, PacketIo as _};
use mediapoint_packet::PacketPool;

use crate::host::{
    CLIENT_VLAN, CLIENT4, CLIENT6, LONG, SERVER_VLAN, SERVER4, SERVER6, answer, learn, next, packet, pair,
};

#[test]
fn datagrams_pass_the_kernel_by_in_both_directions_and_families_and_on_a_vlan() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    assert!(io.is_direct(), "{}", io.describe());
    let vlan = pair.has_vlan.then_some((SERVER_VLAN, CLIENT_VLAN));
    if vlan.is_none() {
        println!("without a VLAN: this kernel has none");
    }
    for (server, client) in [(SERVER4, CLIENT4), (SERVER6, CLIENT6)].into_iter().chain(vlan) {
        let (port, local) = pair.open(&mut io, server);
        let caller = pair.client.socket(client);
        learn(&pair, &mut io, &mut pool, port, &caller);
        let before = pair.server.kernel_datagrams();
        let calls = io.counters().receive_calls;
        for len in [0, 1, 2, 3, 172, 173, 1200] {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
            caller.send_to(&bytes, local).unwrap();
            let received = next(&mut io, &mut pool);
            assert_eq!((received.port, received.packet.bytes()), (port, &bytes[..]));
            assert_eq!(received.from, caller.local_addr().unwrap());
            pool.give(received.packet);
            answer(&mut io, &mut pool, port, &caller, &bytes);
        }
        assert_eq!(io.counters().receive_calls, calls, "no socket was read");
        let after = pair.server.kernel_datagrams();
        assert_eq!(after.0, before.0, "{server}: nothing came to a socket");
        // One may go by the socket to keep the kernel's neighbour alive.
        assert!(after.1 <= before.1 + 1, "{server}: sent by the kernel: {}", after.1 - before.1);
    }
    let counters = io.counters();
    assert_eq!((counters.bad_frames, counters.send_errors), (0, 0), "{counters:?}");
}

#[test]
fn a_burst_is_received_and_answered_whole_and_in_order() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let (port, local) = pair.open(&mut io, SERVER4);
    let caller = pair.client.socket(CLIENT4);
    learn(&pair, &mut io, &mut pool, port, &caller);
    // More than a ring has entries, so that each of its places is used again.
    for round in 0..30_u32 {
        for number in 0..200_u32 {
            caller.send_to(&(round * 200 + number).to_be_bytes(), local).unwrap();
        }
        for number in 0..200_u32 {
            let received = next(&mut io, &mut pool);
            assert_eq!(received.packet.bytes(), (round * 200 + number).to_be_bytes());
            io.send(port, received.from, received.packet, &mut pool);
            if number % 64 == 63 {
                io.flush(&mut pool);
            }
        }
        io.flush(&mut pool);
        let mut seen: Vec<u32> = Vec::new();
        for _ in 0..200 {
            let mut room = [0; 4];
            assert_eq!(caller.recv(&mut room).unwrap(), 4);
            seen.push(u32::from_be_bytes(room));
        }
        // The one that goes by the socket now and then may overtake those that are queued.
        seen.sort_unstable();
        assert!(seen.into_iter().eq(round * 200..(round + 1) * 200));
    }
    assert_eq!(io.counters().bad_frames, 0);
}

#[test]
fn long_datagrams_and_fragments_go_by_the_kernel_and_none_is_lost() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::with_large(64, 4));
    for (server, client) in [(SERVER4, CLIENT4), (SERVER6, CLIENT6)] {
        let (port, local) = pair.open(&mut io, server);
        let caller = pair.client.socket(client);
        learn(&pair, &mut io, &mut pool, port, &caller);
        for len in [1201, 1472, 1473, 4000, 30_000] {
            let bytes = vec![7; len];
            caller.send_to(&bytes, local).unwrap();
            let received = next(&mut io, &mut pool);
            assert_eq!(received.packet.bytes(), bytes);
            pool.give(received.packet);
            answer(&mut io, &mut pool, port, &caller, &bytes);
        }
    }
}

#[test]
fn what_exceeds_the_rings_is_counted() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(8));
    let (_, local) = pair.open(&mut io, SERVER4);
    let caller = pair.client.socket(CLIENT4);
    for number in 0..10_000_u32 {
        caller.send_to(&number.to_be_bytes(), local).unwrap();
    }
    let mut received = 0;
    while received + io.dropped().unwrap() < 10_000 {
        let datagram = next(&mut io, &mut pool);
        assert_eq!(datagram.packet.bytes(), u32::to_be_bytes(received.try_into().unwrap()));
        pool.give(datagram.packet);
        received += 1;
    }
    assert_eq!(received, 8_192);
}

#[test]
fn what_is_not_served_stays_the_kernels() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(8));
    let (port, local) = pair.open(&mut io, SERVER4);
    let (other, caller) = (pair.server.socket(SERVER4), pair.client.socket(CLIENT4));
    caller.send_to(b"other", other.local_addr().unwrap()).unwrap();
    let mut room = [0; 8];
    assert_eq!(other.recv(&mut room).unwrap(), 5);
    // Nor what was served once.
    io.close(port);
    let again = pair.server.run(move || std::net::UdpSocket::bind(local)).unwrap();
    again.set_read_timeout(Some(LONG)).unwrap();
    caller.send_to(b"again", local).unwrap();
    assert_eq!(again.recv(&mut room).unwrap(), 5);
    io.wait(Some(Duration::ZERO)).unwrap();
    assert!(io.receive(&mut pool).is_none());
    assert_eq!(io.direct_ports(), 0);
}

#[test]
fn datagrams_go_by_the_socket_where_no_frame_of_ours_leads() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(8));
    let (port, _) = pair.open(&mut io, SERVER4);
    // To the machine itself.
    let own = pair.server.socket(SERVER4);
    for _ in 0..3 {
        answer(&mut io, &mut pool, port, &own, b"myself");
        io.wait(Some(Duration::from_millis(150))).unwrap();
    }
    // Where nothing leads, and to no port: refused by the kernel, with its reason.
    for to in ["192.0.2.7:9", "198.51.100.2:0", "[2001:db8::2]:9"] {
        io.send(port, to.parse().unwrap(), packet(b"x"), &mut pool);
    }
    io.flush(&mut pool);
    let counters = io.counters();
    assert_eq!((counters.send_errors, counters.unreachable), (3, 3), "{counters:?}");
}

#[test]
fn a_frame_ends_a_wait_and_so_does_a_waker() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(8));
    let (_, local) = pair.open(&mut io, SERVER4);
    let (caller, waker) = (pair.client.socket(CLIENT4), io.waker());
    let sender = std::thread::spawn(move || caller.send_to(b"x", local).map(|_| caller).unwrap());
    // Without an end of its own.
    io.wait(None).unwrap();
    let received = io.receive(&mut pool).expect("a datagram");
    assert_eq!(received.packet.bytes(), b"x");
    sender.join().unwrap();
    let sender = std::thread::spawn(move || waker.wake());
    io.wait(None).unwrap();
    assert!(io.receive(&mut pool).is_none());
    sender.join().unwrap();
}

#[test]
fn without_a_buffer_a_datagram_waits() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(1));
    let (_, local) = pair.open(&mut io, SERVER4);
    let caller = pair.client.socket(CLIENT4);
    caller.send_to(b"1", local).unwrap();
    caller.send_to(b"2", local).unwrap();
    let first = next(&mut io, &mut pool);
    assert_eq!(first.packet.bytes(), b"1");
    while io.counters().pool_empty == 0 {
        io.wait(Some(LONG)).unwrap();
        assert!(io.receive(&mut pool).is_none());
    }
    pool.give(first.packet);
    assert_eq!(next(&mut io, &mut pool).packet.bytes(), b"2");
}

#[test]
fn a_budget_that_is_spent_leaves_the_rest_for_the_next_round() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let served = interfaces.clone();
    let config = mediapoint_net::SocketIoConfig { receive_budget: 3, ..crate::host::config() };
    let mut io = pair.server.run(move || mediapoint_net::XdpIo::new(config, &served, 0)).unwrap();
    let mut pool = PacketPool::new(8);
    let (_, local) = pair.open(&mut io, SERVER4);
    let caller = pair.client.socket(CLIENT4);
    for number in 0..8 {
        caller.send_to(&[number], local).unwrap();
    }
    let mut all = Vec::new();
    while all.len() < 8 {
        io.wait(Some(LONG)).unwrap();
        let before = all.len();
        while let Some(received) = io.receive(&mut pool) {
            all.push(received.packet.bytes()[0]);
            pool.give(received.packet);
        }
        assert!(all.len() - before <= 3);
    }
    assert!(all.into_iter().eq(0..8));
    assert!(io.counters().budget_spent >= 2);
}

/// A worker puts its next tick off by one for each that it waits for: one that ended at once made it sleep for many later.
#[test]
fn a_tick_lasts_its_time_whatever_has_come_since_the_last_look() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let (port, local) = pair.open(&mut io, SERVER4);
    let caller = pair.client.socket(CLIENT4);
    learn(&pair, &mut io, &mut pool, port, &caller);
    let tick = Duration::from_millis(3);
    for round in 0..20_u32 {
        // It is in the ring when the call returns: a virtual card's receiver runs with its sender.
        caller.send_to(&round.to_be_bytes(), local).unwrap();
        let clock = Clock::new();
        let begun = clock.now();
        io.wait_tick(tick).unwrap();
        let waited = clock.now().since(begun);
        assert!(waited >= tick, "round {round}: {waited:?}");
        let received = io.receive(&mut pool).unwrap();
        assert_eq!(received.packet.bytes(), round.to_be_bytes());
        pool.give(received.packet);
        assert!(io.receive(&mut pool).is_none());
    }
}
